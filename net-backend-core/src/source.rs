use crate::sys::BorrowedDescriptor;

/// What to wait for: a descriptor and a direction.
///
/// Good for epoll and kqueue, level- and edge-triggered, and for everything built on them (mio, event-manager,
/// tokio's `AsyncFd`). Only wait on the descriptor: never read, write or change it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What to wait on. The two halves of a queue pair never share a descriptor number, and the number of a
    /// half does not change while the half lives.
    pub descriptor: BorrowedDescriptor<'a>,
    /// In which direction.
    pub interest: Interest,
}

/// The direction of a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Wait until the descriptor is readable.
    Readable,
    /// Wait until the descriptor is writable.
    Writable,
}
