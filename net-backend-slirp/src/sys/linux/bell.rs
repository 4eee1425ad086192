use std::io;
use std::os::fd::{AsFd, OwnedFd};

use net_backend_core::{BorrowedDescriptor, wake::Doorbell};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{read, write};

/// A doorbell made of an eventfd: one descriptor, one system call for each ring.
#[derive(Debug)]
pub(crate) struct EventBell(OwnedFd);

impl EventBell {
    /// Makes a silent bell.
    ///
    /// # Errors
    ///
    /// What eventfd(2) says, in practice that there are too many open files.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Self(eventfd(0, flags)?))
    }

    /// What is readable while the bell rings.
    pub(crate) fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }

    /// All descriptors, which a sandbox must leave open.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        [self.0.as_fd()].into_iter()
    }
}

impl Doorbell for EventBell {
    fn ring(&self) {
        // The only failure is a full counter, and then it is readable already.
        let _full = write(&self.0, &1_u64.to_ne_bytes());
    }

    fn silence(&self) -> usize {
        let mut rings = [0; 8];
        match read(&self.0, &mut rings) {
            Ok(_) => usize::try_from(u64::from_ne_bytes(rings)).unwrap_or(usize::MAX),
            Err(_) => 0,
        }
    }
}
