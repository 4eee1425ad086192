//! Where there are no network namespaces.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use net_backend_core::MacAddr;

fn unsupported<T>() -> io::Result<T> {
    let message = "the far end of a tap is only made on Linux";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

pub(crate) fn enter_private_network() -> io::Result<()> {
    unsupported()
}

pub(crate) fn allow_namespaces() -> io::Result<()> {
    unsupported()
}

pub(crate) fn enter_new_network() -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_up(_: &str, _: bool) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_mtu(_: &str, _: u16) -> io::Result<()> {
    unsupported()
}

pub(crate) fn add_ipv4(_: &str, _: Ipv4Addr, _: u8) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_mac(_: &str, _: MacAddr) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_default_route(_: &str, _: Option<Ipv4Addr>) -> io::Result<()> {
    unsupported()
}

pub(crate) fn enable_ipv6(_: &str) -> io::Result<()> {
    unsupported()
}

pub(crate) fn ipv6_addresses(_: &str) -> io::Result<Vec<Ipv6Addr>> {
    unsupported()
}

pub(crate) fn disable_ipv6(_: &str) -> io::Result<()> {
    unsupported()
}

pub(crate) fn add_bridge(_: &str) -> io::Result<()> {
    unsupported()
}

pub(crate) fn join_bridge(_: &str, _: &str) -> io::Result<()> {
    unsupported()
}

pub(crate) fn throttle(_: &str, _: u32) -> io::Result<()> {
    unsupported()
}

pub(crate) fn delete(_: &str) -> io::Result<()> {
    unsupported()
}

/// There is none.
#[derive(Debug)]
pub(crate) enum PacketSocket {}

impl PacketSocket {
    pub(crate) fn open(_: &str, _: bool) -> io::Result<Self> {
        unsupported()
    }

    pub(crate) fn send(&self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn receive(&self, _: &mut [u8], _: Duration) -> io::Result<Option<usize>> {
        match *self {}
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) enum IcmpSocket {}

impl IcmpSocket {
    pub(crate) fn open() -> io::Result<Self> {
        unsupported()
    }

    pub(crate) fn ping(
        &self,
        _: Ipv4Addr,
        _: u16,
        _: usize,
        _: Duration,
    ) -> io::Result<Option<Duration>> {
        match *self {}
    }
}
