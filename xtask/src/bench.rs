//! `cargo xtask bench`: what the library costs, beside the same thing done by hand.

mod case;
mod machine;
mod measure;
mod report;
mod statistics;
mod sys;
mod tap;
mod tcp;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::demo::{lab, optimized, progress};
use case::Case;
use machine::Machine;
use measure::{Control, Random};
use report::Report;

/// Measure what the library costs, beside the same thing done by hand
///
/// Each row runs the library and a bare loop of the same system calls on the same device, in random order, in
/// every round. What counts is the ratio: the median of the rounds' quotients, with the quartiles in brackets.
/// Times of single frames are CPU time of the measuring thread, so that other programs disturb little. For TCP the
/// time on the wall counts, and the bare loop is the same cable without offloads. Everything runs on one CPU.
///
/// Runs as root, and as an ordinary user where users may make namespaces and open /dev/net/tun.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds for each row
    #[arg(long, value_name = "N", default_value_t = 15)]
    rounds: usize,
    /// Only the rows whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// Makes a case ready to be measured.
type MakeCase = Box<dyn Fn() -> Result<Box<dyn Case>>>;

/// Runs the command.
///
/// # Errors
///
/// If namespaces or taps cannot be made, or something that is measured does not work.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        (1..=10_000).contains(&options.rounds),
        "--rounds is from 1 to 10000"
    );
    optimized("bench")?;
    // Before there is a second thread.
    lab::enter()?;
    pin()?;
    let progress = progress();
    let mut random = Random::new();
    let mut control = Control::new();
    let mut machine = Machine::now();
    let mut rows = Vec::new();
    for make in tap::cases().chain(tcp::cases()) {
        let mut case = make()?;
        let name = case.name();
        if name.contains(&options.only) {
            progress.set_message(name.clone());
            let row = measure::measure(&mut *case, options.rounds, &mut random, &mut control);
            rows.push(row.with_context(|| name)?);
        }
    }
    ensure!(!rows.is_empty(), "no row has {} in its name", options.only);
    machine.finish();
    progress.finish_and_clear();
    let report = Report::new(machine, options.rounds, control.spread(), rows);
    report.print();
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Keeps this thread and those that it makes on one CPU: the last one, which has the least interrupts to serve.
fn pin() -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| allowed.is_set(*cpu));
    let mut one = CpuSet::new();
    one.set(last.context("there is no CPU for this process")?);
    Ok(sched_setaffinity(None, &one)?)
}
