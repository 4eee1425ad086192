//! Systems whose threads do not choose here. FreeBSD has calls for it, of which those that all versions have take a structure of their
//! own: cpuset(1) does it for a whole program.

use std::io::{self, ErrorKind};
use std::num::NonZero;
use std::thread;

/// How many this thread may use.
pub(in super::super) fn usable() -> io::Result<usize> {
    thread::available_parallelism().map(NonZero::get)
}

/// Keeps this thread to so many: that is not possible.
pub(in super::super) fn keep_to(_: usize) -> io::Result<()> {
    let message =
        "on this system a thread does not choose its CPUs here; cpuset(1) does it on FreeBSD";
    Err(io::Error::new(ErrorKind::Unsupported, message))
}
