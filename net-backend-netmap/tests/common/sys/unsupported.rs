//! Systems without netmap.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) fn is_supported() -> bool {
    false
}

pub(crate) fn prepare() {}

pub(crate) fn add_wire(_: [String; 2], _: u32) -> io::Result<[String; 2]> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn set_up(_: &str, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn delete(_: &str) -> Option<JoinHandle<()>> {
    None
}

pub(crate) fn forget(_: JoinHandle<()>) {}

/// There is none.
#[derive(Debug)]
pub(crate) enum HostSocket {}

impl HostSocket {
    pub(crate) fn open(_: &str) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn send(&self, _: &[u8]) -> io::Result<bool> {
        match *self {}
    }

    pub(crate) fn receive(&mut self, _: Duration) -> io::Result<Option<Vec<u8>>> {
        match *self {}
    }
}
