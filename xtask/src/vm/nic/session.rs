//! A guest, its daemon, and the host's side of its network, while steps are done.

use std::path::Path;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::agent::{Answer, Request};
use super::console;
use super::daemon::Daemon;
use super::host::Host;
use super::machine::{Machine, Plan};
use super::report::{Report, Verdict};
use super::steps::{FIRST, STEPS, Step};
use super::wire::Wire;

/// The share of the bytes of an upload that is passed where something else is looked at.
const SHARE: u64 = 10;

/// What each guest is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) plan: Plan<'a>,
    /// The daemon's program, where a guest needs one.
    pub(super) daemon: Option<&'a Path>,
    /// Bytes of an upload, and of a download.
    pub(super) bytes: u64,
    /// Only steps whose names contain this are done, besides those that all need.
    pub(super) filter: &'a str,
}

/// A guest in use. The fields end in this order: QEMU first, which the daemon may outlive.
pub(super) struct Session<'a> {
    pub(super) machine: Machine,
    pub(super) daemon: Option<Daemon>,
    pub(super) host: Host,
    pub(super) wire: Wire,
    /// Bytes of an upload, and of a download.
    pub(super) bytes: u64,
    filter: &'a str,
    seed: u64,
    directory: TempDir,
}

impl<'a> Session<'a> {
    /// Starts daemon and guest.
    ///
    /// # Errors
    ///
    /// If one of them cannot be started.
    pub(super) fn start(parts: Parts<'a>, wire: Wire) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut host = Host::new(wire)?;
        let mut daemon = None;
        if wire.uri().is_some() {
            let program = parts.daemon.context("no daemon was built")?;
            daemon = Some(Daemon::start(program, &host, directory.path(), wire)?);
            host.dress()?;
        }
        let machine = Machine::start(parts.plan, &host, directory.path(), wire)?;
        Ok(Self {
            machine,
            daemon,
            host,
            wire,
            bytes: parts.bytes,
            filter: parts.filter,
            seed: 0,
            directory,
        })
    }

    /// Does the steps, and leaves what kernel and daemon said in `logs`.
    pub(super) fn run(mut self, report: &mut Report, logs: &Path) {
        let group = self.wire.name();
        let mut goes_on = self.steps(FIRST, "", report);
        if goes_on {
            goes_on = self.steps(STEPS, self.filter, report);
        }
        if !goes_on {
            println!("the rest of {group} is not tried");
        }
        report.step(group, "the guest's kernel is content", || self.kernel());
        self.keep(logs);
    }

    /// Asks the guest. What the daemon said before it ended comes with the error.
    ///
    /// # Errors
    ///
    /// What the guest says, or that it says nothing.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer> {
        let answer = self.machine.ask(request);
        if answer.is_err() {
            if let Some(daemon) = &mut self.daemon {
                daemon.check()?;
            }
        }
        answer
    }

    /// Some of the bytes.
    pub(super) fn part(&self) -> u64 {
        self.bytes / SHARE
    }

    /// Another one each time.
    pub(super) fn seed(&mut self) -> u64 {
        self.seed += 1;
        self.seed
    }

    /// Does steps, until the guest is lost or one fails that all need; whether there can be others.
    fn steps(&mut self, steps: &[Step], filter: &str, report: &mut Report) -> bool {
        for (name, step) in steps {
            if !name.contains(filter) {
                continue;
            }
            let fine = report.step(self.wire.name(), name, || step(self));
            let is_needed = FIRST.iter().any(|(needed, _)| needed == name);
            if self.machine.is_lost() || (is_needed && !fine) {
                return false;
            }
        }
        true
    }

    fn kernel(&self) -> Result<Verdict> {
        match console::complaint(&self.machine.console()) {
            None => Ok(Verdict::Done(String::new())),
            Some(complaint) => Err(anyhow::anyhow!("it complains:\n{complaint}")),
        }
    }

    fn keep(&self, logs: &Path) {
        let name = self.wire.name();
        for (file, kept) in [("console.log", "console"), ("daemon.log", "daemon")] {
            // Not every guest has a daemon.
            let to = logs.join(format!("{name}-{kept}.log"));
            let _copied = std::fs::copy(self.directory.path().join(file), to);
        }
    }
}
