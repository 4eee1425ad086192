// UNSAFETY: the C library's getauxval has no safe wrapper.
#![expect(unsafe_code, reason = "calls getauxval")]

mod bell;
mod poller;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

pub(crate) use bell::EventBell;
pub(crate) use poller::Poller;

/// Whether this program has rights that whoever started it has not (`AT_SECURE`, getauxval(3)).
pub(super) fn is_privileged() -> bool {
    // SAFETY: the function takes a number and cannot fail; it is 0 where the kernel does not tell.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Linux has this per call only, and libslirp does not ask for it: the program has to ignore SIGPIPE.
pub(super) fn refuse_pipe_signals(_socket: BorrowedFd<'_>) {}

/// Some new descriptor.
pub(super) fn any_descriptor() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC)?)
}
