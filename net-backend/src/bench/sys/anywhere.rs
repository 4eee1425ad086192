//! Systems that do not let a thread choose.

use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::thread;

/// How many this thread may use.
pub(in super::super) fn usable() -> io::Result<usize> {
    thread::available_parallelism().map(NonZero::get)
}

/// Keeps this thread to so many: that is not possible.
pub(in super::super) fn keep_to(_: usize) -> io::Result<()> {
    let message = "this system does not let a thread choose its CPUs";
    Err(io::Error::new(ErrorKind::Unsupported, message))
}
