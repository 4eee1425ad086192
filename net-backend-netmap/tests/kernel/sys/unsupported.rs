//! Systems without netmap.

use std::io;

pub(crate) fn set_emulated_rings(_: u32) -> io::Result<u32> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There is none.
#[derive(Debug)]
pub(crate) enum RawPort {}

impl RawPort {
    pub(crate) fn open(_: &str) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn buffers(&self) -> Vec<u32> {
        match *self {}
    }

    pub(crate) fn put(&mut self, _: &[u8], _: u16) {
        match *self {}
    }

    pub(crate) fn synchronise(&mut self) -> io::Result<()> {
        match *self {}
    }
}
