// UNSAFETY: capability mode is entered by a call of the C library.
#![expect(unsafe_code, reason = "calls cap_enter(2)")]

use std::io;

/// Gives up, for this process and for ever, all that goes by name: files, other processes, addresses of sockets.
///
/// # Errors
///
/// What cap_enter(2) says; [`io::ErrorKind::Unsupported`] when the kernel has no capability mode.
pub(in crate::testing) fn enter_sandbox() -> io::Result<()> {
    // SAFETY: the call takes no argument.
    match unsafe { libc::cap_enter() } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
