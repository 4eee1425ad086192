// UNSAFETY: the C library's getauxval has no safe wrapper.
#![expect(unsafe_code, reason = "calls getauxval")]

mod bell;
mod pipe_signal;
mod poller;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

pub(crate) use bell::EventBell;
pub(super) use pipe_signal::{is_pipe_signal_deadly, without_pipe_signal};
pub(crate) use poller::Poller;

/// Packages put it where the loader looks.
#[cfg(not(feature = "link"))]
pub(super) const PACKAGED: Option<&str> = None;

/// Whether this program has rights that whoever started it has not (`AT_SECURE`, getauxval(3)).
pub(super) fn is_privileged() -> bool {
    // SAFETY: the function takes a number and cannot fail; it is 0 where the kernel does not tell.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// What a sandbox refuses, each of Linux's says in a way of its own.
pub(super) fn is_sandboxed() -> bool {
    false
}

/// As above.
pub(crate) fn is_refused_by_sandbox(_error: &io::Error) -> bool {
    false
}

/// Linux has no such option, see `without_pipe_signal`.
pub(super) fn refuse_pipe_signals(_socket: BorrowedFd<'_>) {}

/// Some new descriptor.
pub(super) fn any_descriptor() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC)?)
}
