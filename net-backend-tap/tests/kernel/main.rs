//! Taps on a real kernel: what can be asked for, and what cannot.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod bad_input;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod opening;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return linux::main();
    #[cfg(not(target_os = "linux"))]
    {
        println!("skipped: these cases are about Linux");
        ExitCode::SUCCESS
    }
}
