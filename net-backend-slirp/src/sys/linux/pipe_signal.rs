// UNSAFETY: signals are asked about and blocked with the C library's functions, which fill structures.
#![expect(
    unsafe_code,
    reason = "calls sigaction, pthread_sigmask and sigtimedwait"
)]

use std::mem::MaybeUninit;
use std::ptr;

/// Whether a SIGPIPE ends this process (signal(7)).
///
/// Rust's `main` ignores it; a program in C, or one that wants to end with its pipe, may not. libslirp sends without
/// `MSG_NOSIGNAL`, so a guest that writes twice to a connection that its peer closed would end such a program.
pub(in crate::sys) fn is_pipe_signal_deadly() -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks for the action without changing it, with room for the answer.
    let result = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr()) };
    if result != 0 {
        return false;
    }
    // SAFETY: the call succeeded, so it wrote the action.
    let action = unsafe { action.assume_init() };
    action.sa_sigaction == libc::SIG_DFL
}

/// Runs `call`; a SIGPIPE that it raises on this thread is lost. Two or three system calls.
pub(in crate::sys) fn without_pipe_signal<R>(call: impl FnOnce() -> R) -> R {
    let set = pipe_signal();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: a valid set, and room for the one before.
    let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, before.as_mut_ptr()) };
    let result_of_call = call();
    if result != 0 {
        return result_of_call;
    }
    // SAFETY: the call succeeded, so it wrote the set.
    let before = unsafe { before.assume_init() };
    // SAFETY: a valid set and a signal that exists.
    if unsafe { libc::sigismember(&before, libc::SIGPIPE) } == 0 {
        let now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // The signal was not blocked, so one that is pending came during the call.
        // SAFETY: a valid set and time; nothing is wanted of what the signal carries.
        unsafe { libc::sigtimedwait(&set, ptr::null_mut(), &now) };
        // SAFETY: the set that the thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    }
    result_of_call
}

fn pipe_signal() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: makes the set that it is given an empty one, and cannot fail.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: a set, since the line before, and a signal that exists.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE) };
    // SAFETY: initialised by the call before the last.
    unsafe { set.assume_init() }
}
