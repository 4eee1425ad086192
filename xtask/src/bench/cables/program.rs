//! Programs that join two networks. Each lives as long as it is measured.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use net_backend::{Activation, Features, HeaderLength, Nic, Source, Uri};
use net_backend_tap::testing::{Interface, NetworkNamespace};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_getaffinity};
use tempfile::TempDir;

use super::super::stacks::process;
use super::super::sys::companion;
use super::joint::Cable;
use super::network::{Ends, NAMES};

/// How long a program may take until it forwards frames.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that ends with this.
pub(super) struct Program {
    name: &'static str,
    /// Where it may put what it needs, gone with it.
    _directory: TempDir,
    /// What it prints.
    messages: File,
    /// Its input ends with it, and with this process: programs that read it end too.
    child: Child,
    /// Whether it uses its CPU even when there is nothing to do.
    polls: bool,
}

impl Program {
    /// QEMU with two taps of ours on a hub, and nothing else.
    ///
    /// # Errors
    ///
    /// If it cannot be started, with what it says; as all of these.
    pub(super) fn qemu(ends: &Ends) -> Result<Self> {
        let uri = Uri::new("tap").with_option("header", "off");
        let [left, right] = ends.open(&uri)?;
        let with = Activation {
            queue_pairs: 1,
            header: HeaderLength::None,
            features: Features::empty(),
        };
        let [left, right] = [Nic::activate(left, &with)?, Nic::activate(right, &with)?];
        let (left, right) = (
            inherited(left.queue.rx.source())?,
            inherited(right.queue.rx.source())?,
        );
        let line = format!(
            "-M none -nodefaults -display none -netdev tap,id=a,fd={} -netdev hubport,id=h1,hubid=0,netdev=a \
             -netdev tap,id=b,fd={} -netdev hubport,id=h2,hubid=0,netdev=b",
            left.as_raw_fd(),
            right.as_raw_fd()
        );
        let mut command = Command::new("qemu-system-x86_64");
        command.args(line.split_whitespace());
        Self::start("QEMU", command, &ends.left)
    }

    /// A switch with two taps.
    pub(super) fn vde(ends: &Ends) -> Result<Self> {
        let [left, right] = NAMES;
        let mut command = Command::new("vde_switch");
        command.args(["-sock", "switch", "-tap", left, "-tap", right]);
        let mut program = Self::start("vde_switch", command, &ends.left)?;
        program.wait_until(|_| {
            let there = |name| ends.left.run(move || Interface::named(name).exists());
            NAMES.into_iter().all(there)
        })?;
        ends.divide()?;
        Ok(program)
    }

    /// testpmd with two taps.
    pub(super) fn dpdk(ends: &Ends) -> Result<Self> {
        let cpus = cpus()?;
        let [left, right] = NAMES;
        let line = format!(
            "--no-huge --no-shconf -m 64 --no-pci --no-telemetry --lcores 0@({cpus}),1@({cpus}) \
             --vdev=net_tap0,iface={left} --vdev=net_tap1,iface={right} -- --forward-mode=io --total-num-mbufs=4096"
        );
        let mut command = Command::new("dpdk-testpmd");
        command.args(line.split_whitespace());
        let mut program = Self::start("dpdk-testpmd", command, &ends.left)?;
        program.polls = true;
        // The last that it prints before it forwards, unless it has a terminal.
        program.wait_until(|messages| messages.contains("Checking link statuses"))?;
        ends.divide()?;
        Ok(program)
    }

    /// CPU time that it has spent so far.
    pub(super) fn time(&self) -> Duration {
        process::cpu_time(self.child.id())
    }

    /// The last line that it printed.
    pub(super) fn said(&self) -> String {
        let text = self.messages().unwrap_or_default();
        let last = text.lines().rfind(|line| !line.trim().is_empty());
        format!("{}: {}", self.name, last.unwrap_or("no message"))
    }

    fn start(name: &'static str, mut command: Command, network: &NetworkNamespace) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("net-backend-bench")
            .tempdir()?;
        let messages = File::options()
            .create_new(true)
            .read(true)
            .append(true)
            .open(directory.path().join("messages"))?;
        command
            .current_dir(directory.path())
            // Where DPDK keeps its files.
            .env("RUNTIME_DIRECTORY", directory.path())
            .stdin(Stdio::piped())
            .stdout(messages.try_clone()?)
            .stderr(messages.try_clone()?);
        let child = network.run(move || companion(&mut command).spawn());
        Ok(Self {
            name,
            _directory: directory,
            messages,
            child: child.with_context(|| format!("cannot start {name}"))?,
            polls: false,
        })
    }

    fn messages(&self) -> io::Result<String> {
        let mut text = String::new();
        let mut messages = &self.messages;
        messages.rewind()?;
        messages.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Waits for something, of which the messages may tell.
    fn wait_until(&mut self, is_so: impl Fn(&str) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(&self.messages()?) {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ({status})", self.said());
            }
            if Instant::now() > deadline {
                bail!("{}: it does not get ready", self.said());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.context("it has no number")?;
        kill_process(pid, signal).with_context(|| self.said())
    }
}

impl Cable for Program {
    fn resume(&mut self) -> Result<()> {
        match self.polls {
            true => self.signal(Signal::CONT),
            false => Ok(()),
        }
    }

    fn pause(&mut self) -> Result<()> {
        match self.polls {
            true => self.signal(Signal::STOP),
            false => Ok(()),
        }
    }

    fn program(&self) -> Option<&Program> {
        Some(self)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended: io::Result<()> = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The tap itself, in a descriptor that programs which are started inherit.
fn inherited(source: Source<'_>) -> Result<OwnedFd> {
    Ok(rustix::io::dup(source.descriptor)?)
}

/// The CPUs that this thread may use, as a list of numbers.
fn cpus() -> Result<String> {
    let allowed = sched_getaffinity(None)?;
    let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
    let cpus: Vec<String> = cpus.map(|cpu| cpu.to_string()).collect();
    Ok(cpus.join(","))
}
