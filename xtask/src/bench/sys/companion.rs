// UNSAFETY: what runs between fork and exec may do next to nothing, so that saying what to do there is unsafe.
#![expect(unsafe_code, reason = "CommandExt::pre_exec")]

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, set_parent_process_death_signal};

/// Has what this command starts end with the thread that starts it, however that ends (PR_SET_PDEATHSIG, prctl(2)).
pub(in crate::bench) fn companion(command: &mut Command) -> &mut Command {
    let follow = || Ok(set_parent_process_death_signal(Some(Signal::TERM))?);
    // SAFETY: between fork and exec there is one system call, which asks for no memory and takes no lock.
    unsafe { command.pre_exec(follow) }
}
