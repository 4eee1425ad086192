//! `cargo xtask bench`: every backend beside its physical limit, beside the same thing done by hand, and beside other programs.

mod about;
mod cables;
mod case;
mod compare;
mod field;
mod frames;
mod gate;
mod kernel;
mod machine;
mod markdown;
mod memory;
mod netgraph;
mod netmap;
mod output;
mod parts;
mod publish;
mod quantity;
mod queues;
mod stacks;
mod svg;
#[cfg(test)]
mod synthetic;
mod sys;
mod tap;
mod virtqueue;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use net_backend::bench::{Bench, Cpus, LeftOut, Machine, Part, Plan, Report};

use crate::demo::optimized;
use crate::needs::{self, Need};
use case::{Adapted, Case};
use field::{Field, Section};
use output::{Judgement, Progress};
use parts::PartOptions;
use publish::Publication;

pub(crate) use memory::{Options as MemoryOptions, measure as measure_memory};

/// What `--setup` installs: the library that `slirp:` opens.
const NEEDS: &[Need] = &[needs::LIBSLIRP];

/// Compare backends with one another, with what the machine can do at most, and with other programs
///
/// Each URI is measured: what a frame costs, TCP up and down, round trips, connections, idle connections, memory. Without
/// any, all backends are that can be opened here, and beside them what the library's own code costs: `tap`, `netmap`,
/// `netgraph` and a bare loop of the same system calls or on the same rings, in turns. Whatever cannot be measured here is
/// listed with the reason.
///
/// All that is compared runs in the same rounds, in random order, and the rounds are divided among several processes, one after
/// the other, since where a program lies in memory matters too. What counts is the ratio: the median of the rounds'
/// quotients, with the quartiles in brackets. Everything runs on one CPU, so that nothing is told of what several can do
/// at a time; rows that say so run on two. Times of single frames are CPU time of the measuring thread, so that other
/// programs disturb little; for TCP the time on the wall counts.
///
/// What else runs on the machine makes the wall's time useless, and quotients a little. Root can have it wait:
/// `setsid -w sh -c 'echo -20 > /proc/self/autogroup; exec nice -n -20 cargo xtask bench'`.
///
/// Runs as root, and as an ordinary user where users may make namespaces and open /dev/net/tun; `slirp:` does without
/// the latter, `--only netmap` and `--only netgraph` without both.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Backends to measure, in the words of `net_backend::open`
    #[arg(value_name = "URI")]
    uris: Vec<String>,
    /// Install missing Debian packages (with apt-get, through sudo if needed); with --peers, those of the peers too
    #[arg(long)]
    setup: bool,
    /// Measure other programs and libraries beside them, where they are installed
    #[arg(long)]
    peers: bool,
    /// A first look: fewer rounds, shorter ones, and none on two CPUs
    #[arg(long)]
    quick: bool,
    /// Rounds for each row
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Only the rows whose section and name contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Only the contestants whose name contains this; `thread=none` by itself is what a profiler wants to see
    #[arg(long, value_name = "TEXT", default_value = "")]
    contestant: String,
    /// Use so many CPUs. The goals are for one; with more, wake-ups and other programs count too
    #[arg(long, value_name = "N", default_value_t = 1)]
    cpus: usize,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    judgement: Judgement,
    #[command(flatten)]
    publish: Publication,
    #[command(flatten)]
    part: PartOptions,
}

/// Makes a case ready to be measured.
type MakeCase = Box<dyn Fn() -> Result<Box<dyn Case>>>;

/// Runs the command.
///
/// # Errors
///
/// If namespaces cannot be made, or something of the library does not work.
pub(crate) fn run(options: &Options) -> Result<()> {
    options.check()?;
    if let Some(file) = &options.part.file {
        let cpus = machine::prepare(&options.only)?;
        return parts::write(&options.measure(&cpus)?, file);
    }
    let judge = options.judgement.prepare(options.cpus)?;
    if let Some(mut report) = options.publish.earlier()? {
        judge.show(&mut report, false);
        options.publish.publish(&report)?;
        return judge.finish(&report);
    }
    if options.setup {
        needs::ensure(NEEDS, true)?;
        if options.peers {
            needs::install_some(&[&stacks::NEEDS[..], cables::NEEDS].concat());
        }
    }
    optimized("bench")?;
    let mut report = options.report()?;
    judge.show(&mut report, options.is_everything());
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
    }
    options.publish.publish(&report)?;
    let failures = failures(&report);
    ensure!(failures == 0, "{failures} measurements failed");
    judge.finish(&report)
}

impl Options {
    fn check(&self) -> Result<()> {
        let rounds = self.rounds.unwrap_or(1);
        ensure!(
            (1..=10_000).contains(&rounds),
            "--rounds is from 1 to 10000"
        );
        ensure!(self.cpus >= 1, "--cpus is 1 or more");
        Ok(())
    }

    /// Whether nothing is left out that could be measured.
    fn is_everything(&self) -> bool {
        self.uris.is_empty() && self.only.is_empty() && self.contestant.is_empty() && self.peers
    }

    fn plan(&self) -> Plan {
        let rounds = match self.quick {
            true => 3,
            false => 15,
        };
        let mut plan = Plan::default();
        plan.rounds = self.rounds.unwrap_or(rounds);
        plan.only.clone_from(&self.contestant);
        (plan.cpus, plan.quick) = (self.cpus, self.quick);
        plan
    }

    fn report(&self) -> Result<Report> {
        let mut machine = Machine::now();
        let all = [NEEDS, &stacks::NEEDS, cables::NEEDS].concat();
        machine.software = needs::versions(if self.peers { &all } else { NEEDS });
        let plan = self.plan();
        let part = parts::measure(plan.rounds)?;
        ensure!(
            !part.measured.is_empty(),
            nothing(&self.only, &part.left_out)
        );
        Ok(part.report(machine.finish(), plan))
    }

    /// What a process measures.
    fn measure(&self, cpus: &Cpus) -> Result<Part> {
        cpus.keep_to(self.cpus)
            .with_context(|| format!("--cpus {}", self.cpus))?;
        let mut plan = self.plan();
        plan.rounds = self.part.part_rounds;
        let (sections, mut left_out) = self.sections(cpus);
        let mut cases = Vec::new();
        for (count, section) in sections {
            left_out.extend(section.left_out);
            cases.extend(section.cases.into_iter().map(|make| (count, make)));
        }
        let name = &self.part.part_name;
        let progress = Progress::new(cases.len(), !self.only.is_empty(), name);
        let shown = progress.clone();
        let mut bench = Bench::new(plan)
            .count_allocations(sys::allocations)
            .on_progress(move |it| shown.round(it));
        let mut measured = Vec::new();
        // Tables and goals have `tcp/upload`.
        let only = self.only.replacen('/', " ", 1);
        for (count, make) in cases {
            // What a case makes has the CPUs of this thread.
            cpus.keep_to(count)?;
            match make() {
                Ok(case) if case.name().contains(&only) => {
                    measured.push(bench.gather(&mut Adapted(case)));
                }
                Ok(_) => {}
                Err(error) => left_out.push(LeftOut {
                    what: "a row".to_owned(),
                    why: format!("{error:#}"),
                    is_failure: true,
                }),
            }
            progress.row_is_done();
        }
        progress.finish();
        Ok(Part {
            measured,
            controls: bench.controls().clone(),
            left_out,
        })
    }

    /// All sections, or where URIs are named, those that compare backends; each with the CPUs that it has.
    fn sections(&self, cpus: &Cpus) -> (Vec<(usize, Section)>, Vec<LeftOut>) {
        if !machine::needs_network(&self.only) {
            let sections = [Section::of(netgraph::cases().collect()), netmap::section()];
            return (sections.map(|it| (self.cpus, it)).into(), Vec::new());
        }
        let (field, mut left_out) = Field::new(&self.uris, self.peers);
        let mut sections = vec![
            frames::section(&field),
            stacks::section(&field),
            kernel::section(&field),
            cables::section(&field),
            queues::section(&field),
            memory::section(&field),
        ];
        if self.uris.is_empty() {
            sections.push(Section::of(tap::cases().collect()));
            sections.push(Section::of(netgraph::cases().collect()));
            sections.push(netmap::section());
            sections.push(Section::of(virtqueue::cases().collect()));
        }
        let mut sections: Vec<_> = sections.into_iter().map(|it| (self.cpus, it)).collect();
        match cpus.count() {
            2.. if self.cpus == 1 && self.quick => left_out.push(LeftOut {
                what: "rows on two CPUs".to_owned(),
                why: "--quick has no time for them".to_owned(),
                is_failure: false,
            }),
            2.. if self.cpus == 1 => {
                sections.push((2, stacks::section_on_two_cpus(&field)));
                sections.push((2, cables::section_on_two_cpus(&field)));
            }
            _ => {}
        }
        (sections, left_out)
    }
}

/// Says that there is no figure, and what may be the reason.
fn nothing(only: &str, left_out: &[LeftOut]) -> String {
    let reasons = left_out
        .iter()
        .map(|it| format!("\n  {}: {}", it.what, it.why));
    let reasons: String = reasons.collect();
    format!("nothing was measured: no row has {only:?} in its name, or all were left out{reasons}")
}

fn failures(report: &Report) -> usize {
    let in_rows = report.rows.iter().flat_map(|row| &row.left_out);
    let all = report.left_out.iter().chain(in_rows);
    all.filter(|it| it.is_failure).count()
}
