//! A scripted guest behind libslirp, and the host around it.
//!
//! The process makes a network of its own where it may, without privilege, so that nothing meets what the machine does
//! otherwise. Cases that need it are skipped where it may not; all others run on the loopback of the machine.

use std::process::ExitCode;

#[cfg(unix)]
mod cases;
#[cfg(unix)]
mod guest;
#[cfg(unix)]
mod handshake;
#[cfg(unix)]
mod harness;
#[cfg(unix)]
mod job;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod packets;
#[cfg(unix)]
mod phy;
#[cfg(unix)]
mod samples;
#[cfg(unix)]
mod sys;
#[cfg(unix)]
mod talk;
#[cfg(unix)]
mod wire;

fn main() -> ExitCode {
    #[cfg(unix)]
    {
        machine::prepare();
        harness::main(cases::all())
    }
    #[cfg(not(unix))]
    {
        println!("skipped: libslirp is loaded on Unix only");
        ExitCode::SUCCESS
    }
}
