// UNSAFETY: the C library's issetugid and cap_getmode have no safe wrappers.
#![expect(unsafe_code, reason = "calls issetugid and cap_getmode")]

mod bell;
mod poller;

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::kqueue::kqueue;
use rustix::net::sockopt::set_socket_nosigpipe;

pub(crate) use bell::EventBell;
pub(crate) use poller::Poller;

/// Where the package has it; the loader's hints name the directory once ldconfig(8) has run.
#[cfg(not(feature = "link"))]
pub(super) const PACKAGED: Option<&str> = Some("/usr/local/lib/libslirp.so.0");

/// Whether this program has rights that whoever started it has not (issetugid(2)).
pub(super) fn is_privileged() -> bool {
    // SAFETY: the function takes nothing and cannot fail.
    unsafe { libc::issetugid() != 0 }
}

/// Whether the process is in capability mode (cap_getmode(2)).
pub(super) fn is_sandboxed() -> bool {
    let mut mode = 0;
    // SAFETY: writes the mode into a variable of its type.
    let result = unsafe { libc::cap_getmode(&mut mode) };
    // Kernels without capability mode refuse to tell.
    result == 0 && mode != 0
}

/// Whether the call names something, which capability mode forbids.
pub(crate) fn is_refused_by_sandbox(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ECAPMODE)
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
