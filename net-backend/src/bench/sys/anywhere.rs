//! Systems whose threads do not choose here. FreeBSD has calls for it, of which those that all versions have take a structure of their
//! own: cpuset(1) does it for a whole program.

use std::io::{self, ErrorKind};
use std::thread;

/// CPUs that a thread may use: how many.
#[derive(Clone, Debug)]
pub(in super::super) struct Set(usize);

impl Set {
    /// Those of this thread.
    pub(in super::super) fn usable() -> io::Result<Self> {
        thread::available_parallelism().map(|it| Self(it.get()))
    }

    /// How many there are.
    pub(in super::super) fn count(&self) -> usize {
        self.0
    }

    /// Keeps this thread to so many of them: that is not possible.
    pub(in super::super) fn keep_to(&self, _: usize) -> io::Result<()> {
        let message =
            "on this system a thread does not choose its CPUs here; cpuset(1) does it on FreeBSD";
        Err(io::Error::new(ErrorKind::Unsupported, message))
    }
}
