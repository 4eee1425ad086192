//! Systems without netmap.

use std::io;
use std::thread::JoinHandle;

pub(crate) fn is_supported() -> bool {
    false
}

pub(crate) fn add_wire(_: [String; 2], _: u32) -> io::Result<[String; 2]> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn delete(_: &str) -> Option<JoinHandle<()>> {
    None
}

pub(crate) fn forget(_: JoinHandle<()>) {}
