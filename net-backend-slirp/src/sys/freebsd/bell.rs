use std::io;

use net_backend_core::wake::Doorbell;
use net_backend_core::{Bell, BorrowedDescriptor};

/// A doorbell made of a socket pair. FreeBSD has eventfd since version 13, this works everywhere.
#[derive(Debug)]
pub(crate) struct EventBell(Bell);

impl EventBell {
    /// Makes a silent bell.
    ///
    /// # Errors
    ///
    /// What socketpair(2) says, in practice that there are too many open files.
    pub(crate) fn new() -> io::Result<Self> {
        Bell::new().map(Self)
    }

    /// What is readable while the bell rings.
    pub(crate) fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.descriptor()
    }

    /// All descriptors, which a sandbox must leave open.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        self.0.descriptors().into_iter()
    }
}

impl Doorbell for EventBell {
    fn ring(&self) {
        self.0.ring();
    }

    fn silence(&self) -> usize {
        self.0.silence()
    }
}
