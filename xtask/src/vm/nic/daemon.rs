//! The vhost-user daemon, started and killed.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::host::{Host, wait};
use super::wire::Wire;

/// How much of what it said is shown.
const TAIL: usize = 20;

/// The daemon of a guest. It does not outlive this.
pub(super) struct Daemon {
    program: PathBuf,
    wire: Wire,
    directory: PathBuf,
    child: Child,
}

impl Daemon {
    /// Starts it in the host's network, with its socket in `directory`, and waits until it has made that.
    ///
    /// # Errors
    ///
    /// If it cannot be started, or ends.
    pub(super) fn start(program: &Path, host: &Host, directory: &Path, wire: Wire) -> Result<Self> {
        let child = host.spawn(command(program, directory, wire)?)?;
        let mut daemon = Self {
            program: program.to_owned(),
            wire,
            directory: directory.to_owned(),
            child,
        };
        daemon.wait_until_ready()?;
        Ok(daemon)
    }

    /// Kills it and starts another one in its place, after `meanwhile`.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), and those of `meanwhile`.
    pub(super) fn replace(
        &mut self,
        host: &Host,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        meanwhile()?;
        let command = command(&self.program, &self.directory, self.wire)?;
        self.child = host.spawn(command)?;
        self.wait_until_ready()
    }

    /// Says if it has ended, and what it said before.
    ///
    /// # Errors
    ///
    /// If it has.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the daemon ended: {status}\n{}", self.said()),
        }
    }

    /// The last lines of what it said.
    pub(super) fn said(&self) -> String {
        let text = fs::read(log(&self.directory)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(TAIL);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        // Of one that was killed the file stays, which nobody listens on any more: QEMU tries again until somebody does.
        let path = socket(&self.directory);
        let mut ended = Ok(());
        let waited = wait(|| {
            ended = self.check();
            ended.is_err() || path.exists()
        });
        ended?;
        waited.with_context(|| format!("the daemon makes no {}", path.display()))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Where the daemon listens.
pub(super) fn socket(directory: &Path) -> PathBuf {
    directory.join("vhost-user")
}

fn log(directory: &Path) -> PathBuf {
    directory.join("daemon.log")
}

fn command(program: &Path, directory: &Path, wire: Wire) -> Result<Command> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log(directory))?;
    let mut command = Command::new(program);
    command
        .arg("--socket")
        .arg(socket(directory))
        .args(["--queues", &wire.queues().to_string()])
        .args(wire.uri())
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}
