//! A run in several processes, one after the other. Where a program and its memory lie differs from one to the next, and so do
//! its figures, by more than from round to round: quartiles of rounds of one process alone would promise too much.

use std::env;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use net_backend::bench::Part;

use super::sys::companion;

/// What such a process is told beside what was typed.
#[derive(Args, Debug)]
pub(super) struct PartOptions {
    /// Where it writes what came out
    #[arg(
        long = "part",
        hide = true,
        value_name = "FILE",
        requires = "part_rounds"
    )]
    pub(super) file: Option<PathBuf>,
    /// How many rounds it measures
    #[arg(long, hide = true, value_name = "N", default_value_t = 0)]
    pub(super) part_rounds: usize,
    /// What it is called
    #[arg(long, hide = true, value_name = "TEXT", default_value = "")]
    pub(super) part_name: String,
}

/// Measures so many rounds in several processes, and puts them together.
///
/// # Errors
///
/// If one of them ends early.
pub(super) fn measure(rounds: usize) -> Result<Part> {
    let directory = tempfile::Builder::new()
        .prefix("net-backend-bench")
        .tempdir()?;
    let mut whole = Part::default();
    let parts = split(rounds);
    for (index, rounds) in parts.iter().enumerate() {
        let file = directory.path().join(index.to_string());
        let name = format!("part {} of {}", index + 1, parts.len());
        whole.absorb(run(&file, *rounds, &name)?);
    }
    Ok(whole)
}

/// Writes what this process has measured, for [`measure`].
///
/// # Errors
///
/// What the system says.
pub(super) fn write(part: &Part, file: &Path) -> Result<()> {
    let text = serde_json::to_string(part)?;
    fs::write(file, text).with_context(|| file.display().to_string())
}

fn run(file: &Path, rounds: usize, name: &str) -> Result<Part> {
    // By this name, whatever has become of the file.
    let mut command = Command::new("/proc/self/exe");
    command.args(env::args_os().skip(1)).arg("--part").arg(file);
    command.args(["--part-rounds", &rounds.to_string(), "--part-name", name]);
    let status = companion(&mut command).status()?;
    ensure!(status.success(), "{name} ended early: {status}");
    let written = File::open(file).with_context(|| file.display().to_string())?;
    Ok(serde_json::from_reader(BufReader::new(written))?)
}

/// Rounds of each process: several processes, but each has to warm up, which takes half as long as a round.
fn split(rounds: usize) -> Vec<usize> {
    let parts = rounds.div_ceil(2).clamp(1, 5);
    let of_part = |part| rounds / parts + usize::from(part < rounds % parts);
    (0..parts).map(of_part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_round_is_lost_between_processes() {
        assert_eq!(split(1), [1]);
        assert_eq!(split(3), [2, 1]);
        assert_eq!(split(15), [3, 3, 3, 3, 3]);
        assert_eq!(split(17), [4, 4, 3, 3, 3]);
    }
}
