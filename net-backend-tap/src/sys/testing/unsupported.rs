//! Systems without taps.

use std::io;
use std::time::Duration;

use net_backend_core::MacAddr;

fn unsupported<T>() -> io::Result<T> {
    let message = "the far end of a tap is only made on Linux and FreeBSD";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

pub(crate) fn prepare_interfaces() -> io::Result<()> {
    unsupported()
}

/// Whoever has set the system up has done it.
pub(crate) fn ensure_loopback() -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_up(_: &str, _: bool) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_mtu(_: &str, _: u16) -> io::Result<()> {
    unsupported()
}

pub(crate) fn set_mac(_: &str, _: MacAddr) -> io::Result<()> {
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

pub(crate) fn add_epair() -> io::Result<[String; 2]> {
    unsupported()
}

pub(crate) fn exists(_: &str) -> bool {
    false
}

pub(crate) fn delete_when_closed(_: &str) -> io::Result<()> {
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
