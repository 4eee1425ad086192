//! This program once more, as a process in which there is nothing but what is measured.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use net_backend::Features;

use super::super::kernel::{Guest, MTU, private_memory};
use super::super::sys::companion;
use super::{growth, nics::Nics};

/// Measure memory in a process of its own, for `cargo xtask bench`
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

/// What is measured.
#[derive(Debug, Subcommand)]
enum What {
    /// What each of so many NICs takes
    Nics { uri: String, count: usize },
    /// What each of so many idle connections to a server of the host takes
    Connections {
        uri: String,
        port: u16,
        count: usize,
    },
}

/// Runs the command: prints a number of bytes.
///
/// # Errors
///
/// If the backend does not work, or the kernel does not tell.
pub(crate) fn measure(options: &Options) -> Result<()> {
    let memory = || private_memory("self");
    match &options.what {
        What::Nics { uri, count } => {
            let mut nics = Nics::new();
            let (bytes, _nics) = growth(memory, *count, || nics.open(uri, *count))?;
            tell(bytes)
        }
        What::Connections { uri, port, count } => {
            let guest = Guest::behind(uri, Features::OFFLOADS, MTU)?;
            let _first = guest.hold(*port, 1)?;
            let (bytes, _held) = growth(memory, *count, || guest.hold(*port, *count))?;
            tell(bytes)
        }
    }
}

/// Tells while everything is still there: to take it down may take the kernel longer.
fn tell(bytes: u64) -> Result<()> {
    println!("{bytes}");
    Ok(io::stdout().flush()?)
}

/// A process that has told, and is about to end. Dropped, it is waited for.
pub(super) struct Finishing(Child);

impl Finishing {
    /// Whether it has not ended yet.
    pub(super) fn is_running(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_none())
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        let _status = self.0.wait();
    }
}

/// What each of so many NICs of a backend takes, in a process in the network of this thread.
///
/// # Errors
///
/// What that process says; so below.
pub(super) fn nics(uri: &str, count: usize) -> Result<(u64, Finishing)> {
    ask(&["nics", uri, &count.to_string()])
}

/// What each of so many idle connections of one NIC takes.
pub(super) fn connections(uri: &str, port: u16, count: usize) -> Result<(u64, Finishing)> {
    ask(&["connections", uri, &port.to_string(), &count.to_string()])
}

fn ask(what: &[&str]) -> Result<(u64, Finishing)> {
    // By this name, whatever has become of the file.
    let mut command = Command::new("/proc/self/exe");
    command.arg("bench-memory").args(what);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = companion(command.stderr(Stdio::piped())).spawn()?;
    let mut child = Finishing(child);
    let mut line = String::new();
    let output = child.0.stdout.take().context("it prints nothing")?;
    BufReader::new(output).read_line(&mut line)?;
    if let Ok(bytes) = line.trim().parse() {
        return Ok((bytes, child));
    }
    let mut said = String::new();
    let errors = child.0.stderr.take().context("it says nothing")?;
    BufReader::new(errors).read_to_string(&mut said)?;
    let last = said.lines().last().unwrap_or("no message");
    bail!("{}", last.trim_start_matches("error: "))
}
