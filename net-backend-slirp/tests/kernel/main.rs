//! A real kernel as guest: a tap in a network namespace, joined to `slirp:` by a cable that can be made bad.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod cable;
#[cfg(target_os = "linux")]
mod cases;
#[cfg(target_os = "linux")]
mod guest;
#[cfg(target_os = "linux")]
mod harness;
#[cfg(target_os = "linux")]
mod noise;
#[cfg(target_os = "linux")]
mod stream;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return harness::main();
    #[cfg(not(target_os = "linux"))]
    {
        println!("skipped: these cases are about Linux");
        ExitCode::SUCCESS
    }
}
