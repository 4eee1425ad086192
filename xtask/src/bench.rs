//! `cargo xtask bench`: what the library costs, beside the same thing done by hand and beside other programs.

mod case;
mod machine;
mod measure;
mod netgraph;
mod netmap;
mod report;
mod slirp;
mod statistics;
mod sys;
mod tap;
mod tcp;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use net_backend_tap::testing::enter_private_network;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::demo::{lab, optimized, progress};
use crate::needs::{self, Need};
use case::Case;
use machine::Machine;
use measure::{Control, Plan, Random};
use report::Report;

/// The Debian packages that `--setup` installs: the peers, and the library that `slirp:` opens.
const NEEDS: &[Need] = &[
    Need {
        package: "slirp4netns",
        program: Some("slirp4netns"),
    },
    Need {
        package: "passt",
        program: Some("passt"),
    },
    Need {
        package: "libslirp0",
        program: None,
    },
];

/// Measure what the library costs, beside the same thing done by hand, and beside other programs
///
/// Each row of `tap` runs the library and a bare loop of the same system calls on the same device, in random order,
/// in every round. Each block of `slirp` does the same with the library, in a thread and without one, other
/// programs for user-mode networking, and the loopback interface for control; all have the same guest, which is
/// made of prebuilt frames. Programs that are missing are left out; QEMU is measured where it is installed.
/// The rows of `netmap` run on a netmap kernel in the process, beside rings that are used by hand; where there is
/// /dev/netmap, also on a real switch and a real pipe, beside netmap's pkt-gen from PATH or NET_BACKEND_PKT_GEN.
/// Those of `netgraph` run on a pair of sockets like the data sockets of netgraph, which only FreeBSD has.
///
/// What counts is the ratio: the median of the rounds' quotients, with the quartiles in brackets.
/// Times of single frames are CPU time of the measuring thread, so that other programs disturb little. For TCP the
/// time on the wall counts, and the bare loop is the same cable without offloads. Everything runs on one CPU.
///
/// What else runs on the machine makes the wall's time useless, and quotients a little. Root can have it wait:
/// `setsid -w sh -c 'echo -20 > /proc/self/autogroup; exec nice -n -20 cargo xtask bench'`.
///
/// Runs as root, and as an ordinary user where users may make namespaces and open /dev/net/tun; `--only slirp` does
/// without the latter, `--only netmap` and `--only netgraph` without both.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Install missing Debian packages of programs to compare with (with apt-get, through sudo if needed)
    #[arg(long)]
    setup: bool,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds for each row
    #[arg(long, value_name = "N", default_value_t = 15)]
    rounds: usize,
    /// Only the rows whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Only the contestants whose name contains this; `thread=none` by itself is what a profiler wants to see
    #[arg(long, value_name = "TEXT", default_value = "")]
    contestant: String,
    /// Use so many CPUs. The goals are for one; with more, wake-ups and other programs count too
    #[arg(long, value_name = "N", default_value_t = 1)]
    cpus: usize,
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
    ensure!(options.cpus >= 1, "--cpus is 1 or more");
    if options.setup {
        needs::ensure(NEEDS, true)?;
    }
    optimized("bench")?;
    // Before there is a second thread.
    let group = Group::of(&options.only);
    match group {
        Group::All => lab::enter()?,
        Group::Slirp => enter_private_network().context("cannot make a private network")?,
        Group::Netgraph | Group::Netmap => {}
    }
    pin(options.cpus)?;
    raise_limits()?;
    let progress = progress();
    let mut random = Random::new();
    let mut control = Control::new();
    let mut machine = Machine::now();
    let mut rows = Vec::new();
    let plan = Plan {
        rounds: options.rounds,
        only: options.contestant.clone(),
        cpus: options.cpus,
    };
    for make in group.cases() {
        let mut case = make()?;
        let name = case.name();
        if name.contains(&options.only) {
            progress.set_message(name.clone());
            let row = measure::measure(&mut *case, &plan, &mut random, &mut control);
            rows.push(row.with_context(|| name)?);
        }
    }
    ensure!(!rows.is_empty(), "no row has {} in its name", options.only);
    machine.finish();
    progress.finish_and_clear();
    let report = Report::new(machine, plan, control.spread(), rows);
    report.print();
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// What `--only` asks for, as far as it matters to what is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    All,
    /// User-mode networks, which need no tap.
    Slirp,
    /// Pairs of sockets, which need no network.
    Netgraph,
    /// Rings, which need none either.
    Netmap,
}

impl Group {
    fn of(only: &str) -> Self {
        match only {
            _ if only.starts_with("slirp") => Self::Slirp,
            _ if only.starts_with("netgraph") => Self::Netgraph,
            _ if only.starts_with("netmap") => Self::Netmap,
            _ => Self::All,
        }
    }

    fn cases(self) -> Vec<MakeCase> {
        match self {
            Self::All => tap::cases()
                .chain(tcp::cases())
                .chain(netgraph::cases())
                .chain(netmap::cases())
                .chain(slirp::cases())
                .collect(),
            Self::Slirp => slirp::cases().collect(),
            Self::Netgraph => netgraph::cases().collect(),
            Self::Netmap => netmap::cases().collect(),
        }
    }
}

/// Keeps this thread and those that it makes on some CPUs: the last ones, which have the least interrupts to serve.
fn pin(count: usize) -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU)
        .rev()
        .filter(|cpu| allowed.is_set(*cpu));
    let mut few = CpuSet::new();
    last.take(count).for_each(|cpu| few.set(cpu));
    ensure!(
        few.count() as usize == count,
        "--cpus {count}: this process may use {}",
        allowed.count()
    );
    Ok(sched_setaffinity(None, &few)?)
}

/// Idle connections take a descriptor on each side of each network.
fn raise_limits() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, most)?)
}
