// UNSAFETY: the C library's signal has no safe wrapper.
#![expect(unsafe_code, reason = "calls signal")]

/// Makes a write to a broken pipe end this process, as it is in C; Rust begins by ignoring it.
pub(crate) fn die_of_broken_pipes() {
    // SAFETY: the default action runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
