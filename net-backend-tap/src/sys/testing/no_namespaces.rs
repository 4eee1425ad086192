//! Where a thread cannot have a network of its own.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn unsupported<T>() -> io::Result<T> {
    let message = "only Linux has networks of one process";
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

pub(crate) fn network_path() -> io::Result<PathBuf> {
    unsupported()
}

pub(crate) fn set_transmit_queue_length(_: &str, _: u32) -> io::Result<()> {
    unsupported()
}

pub(crate) fn add_veth(_: &str, _: &str, _: &Path) -> io::Result<()> {
    unsupported()
}

pub(crate) fn add_ipv4(_: &str, _: Ipv4Addr, _: u8) -> io::Result<()> {
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

pub(crate) fn throttle(_: &str, _: u32) -> io::Result<()> {
    unsupported()
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
