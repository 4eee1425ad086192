//! What a guest's frames go through.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// A cable to a user-mode network stack. Nothing but [`wait`](Self::wait) blocks.
pub(super) trait Link {
    /// Takes a frame behind a virtio-net header of 12 bytes; `false` when there is no room now. A header that asks
    /// for something is only good for a link that was made for offloads.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    fn send(&mut self, packet: &[u8]) -> Result<bool>;

    /// Sends what is still here, as far as there is room.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    fn flush(&mut self) -> Result<()>;

    /// The next frame; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    fn receive(&mut self) -> Result<Option<Packet<'_>>>;

    /// Waits until there may be a frame, or also room if `for_room`.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn wait(&mut self, for_room: bool, timeout: Duration) -> Result<()>;

    /// The process at the other side, if it is one of its own.
    fn process(&self) -> Option<u32> {
        None
    }
}

/// A frame that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) frame: &'a [u8],
    /// Its checksum is the guest's to complete, or was found to be right.
    pub(super) is_trusted: bool,
}

/// Waits for any of these; interrupted is as good as ready.
///
/// # Errors
///
/// What the system says.
pub(super) fn wait(sources: &[(BorrowedFd<'_>, PollFlags)], timeout: Duration) -> Result<()> {
    let mut sources = sources
        .iter()
        .map(|(descriptor, flags)| PollFd::from_borrowed_fd(*descriptor, *flags));
    let timeout = Timespec::try_from(timeout)?;
    // No more than the two halves of a link; without a list that would have to be allocated.
    let outcome = match (sources.next(), sources.next()) {
        (Some(one), Some(other)) => poll(&mut [one, other], Some(&timeout)),
        (Some(one), None) => poll(&mut [one], Some(&timeout)),
        _ => Ok(0),
    };
    match outcome {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}
