// UNSAFETY: which descriptors are open is found out by number.
#![expect(unsafe_code, reason = "fcntl(2) names descriptors by number")]

use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_getfd};

use crate::{BorrowedDescriptor, Interest, Source};

/// Waits, level-triggered, until the source is ready or the time is over; returns whether it is ready. Errors
/// and hang-ups count as ready, since the queue has something to say about them.
///
/// # Errors
///
/// What poll(2) says.
pub fn ready(source: Source<'_>, timeout: Duration) -> io::Result<bool> {
    let interest = match source.interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    let deadline = Instant::now() + timeout;
    loop {
        let mut descriptors = [PollFd::from_borrowed_fd(source.descriptor, interest)];
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.try_into().map_err(io::Error::other)?;
        match poll(&mut descriptors, Some(&left)) {
            Ok(count) => return Ok(count != 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the descriptor is closed in children; fails when it is not open at all.
///
/// # Errors
///
/// What fcntl(2) says.
pub fn closes_on_exec(descriptor: BorrowedDescriptor<'_>) -> io::Result<bool> {
    Ok(fcntl_getfd(descriptor)?.contains(FdFlags::CLOEXEC))
}

/// How many descriptors of this process are open. Needs no file system that shows them.
pub(in crate::testing) fn open_descriptors() -> Option<usize> {
    /// More than a process of tests ever has.
    const MOST: i32 = 4096;
    let is_open = |number: &i32| {
        // SAFETY: the request takes no argument, and touches no memory; a number that is not open is an error.
        let flags = unsafe { libc::fcntl(*number, libc::F_GETFD) };
        flags != -1
    };
    Some((0..MOST).filter(is_open).count())
}
