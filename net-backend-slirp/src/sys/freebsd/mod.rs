// UNSAFETY: the C library's issetugid has no safe wrapper.
#![expect(unsafe_code, reason = "calls issetugid")]

mod bell;
mod poller;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::kqueue::kqueue;
use rustix::net::sockopt::set_socket_nosigpipe;

pub(crate) use bell::EventBell;
pub(crate) use poller::Poller;

/// Whether this program has rights that whoever started it has not (issetugid(2)).
pub(super) fn is_privileged() -> bool {
    // SAFETY: the function takes nothing and cannot fail.
    unsafe { libc::issetugid() != 0 }
}

/// Sets `SO_NOSIGPIPE` (setsockopt(2)).
pub(super) fn refuse_pipe_signals(socket: BorrowedFd<'_>) {
    // What is no socket keeps its signals.
    let _no_socket = set_socket_nosigpipe(socket, true);
}

/// Some new descriptor.
pub(super) fn any_descriptor() -> io::Result<OwnedFd> {
    Ok(kqueue()?)
}

/// Never, as each socket refuses it.
pub(super) fn is_pipe_signal_deadly() -> bool {
    false
}

/// Runs `call`.
pub(super) fn without_pipe_signal<R>(call: impl FnOnce() -> R) -> R {
    call()
}
