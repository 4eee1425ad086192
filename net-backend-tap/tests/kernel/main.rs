//! Taps on a real kernel: what can be asked for, and what cannot.

use std::process::ExitCode;

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod support;

fn main() -> ExitCode {
    #[cfg(target_os = "freebsd")]
    return freebsd::main();
    #[cfg(target_os = "linux")]
    return linux::main();
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    {
        println!("skipped: there are taps on Linux and FreeBSD");
        ExitCode::SUCCESS
    }
}
