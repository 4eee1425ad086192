//! Everything that users get wrong about taps, and the exact words that they read then.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
mod linux;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    return linux::main();
    #[cfg(not(target_os = "linux"))]
    {
        println!("skipped: the words of this system are not pinned down yet");
        ExitCode::SUCCESS
    }
}
