//! The daemon in its sandbox: it serves guests, and can do nothing else.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod linux;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return linux::main();
    #[cfg(not(target_os = "linux"))]
    {
        println!("skipped: the daemon is for Linux");
        ExitCode::SUCCESS
    }
}
