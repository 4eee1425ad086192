//! A guest whose agent is asked, in QEMU.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::json;

use super::agent::{Answer, Line, Request};
use super::daemon;
use super::host::Host;
use super::monitor::Monitor;
use super::wire::Wire;
use crate::steps;
use crate::vm::console;
use crate::vm::kernel::Kernel;
use crate::vm::qemu::{self, Accelerator};

/// How long the agent may take; each of its own waits ends before.
const LIMIT: Duration = Duration::from_secs(300);

/// How often it is looked whether QEMU has come.
const PAUSE: Duration = Duration::from_millis(20);

/// What QEMU calls the NIC.
const NIC: &str = "nic";

/// The NIC's own address.
const MAC: &str = "52:54:00:12:34:56";

/// Both processors may wait for the same one of this machine's for long, which is no complaint; nor is a timer that came too late when
/// the kernel tried it.
const KERNEL: &str =
    "console=ttyS0 oops=panic panic=1 no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1";

/// Everything but the NIC's other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) initramfs: &'a Path,
    /// In MiB.
    pub(super) memory: u32,
    pub(super) accelerator: Accelerator,
}

/// A guest that runs. It does not outlive this.
pub(super) struct Machine {
    qemu: Child,
    agent: BufReader<UnixStream>,
    pub(super) monitor: Monitor,
    directory: PathBuf,
    /// Set when nothing can be asked any more.
    is_lost: bool,
}

impl Machine {
    /// Starts one in the host's network, with its files in `directory`.
    ///
    /// # Errors
    ///
    /// If QEMU cannot be started, or ends.
    pub(super) fn start(plan: Plan<'_>, host: &Host, directory: &Path, wire: Wire) -> Result<Self> {
        let listen = |name: &str| -> Result<UnixListener> {
            let listener = UnixListener::bind(directory.join(name))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let (agent, monitor) = (listen(AGENT)?, listen(MONITOR)?);
        let mut qemu = host.spawn(command(plan, directory, wire)?)?;
        let connected = accept(&monitor, &mut qemu)
            .and_then(Monitor::new)
            .and_then(|monitor| Ok((monitor, accept(&agent, &mut qemu)?)));
        let (monitor, agent) = match connected {
            Ok(both) => both,
            Err(error) => {
                let _ended = qemu.kill();
                let _status = qemu.wait();
                let said = fs::read_to_string(directory.join(ERRORS)).unwrap_or_default();
                return Err(error.context(said));
            }
        };
        agent.set_read_timeout(Some(LIMIT))?;
        Ok(Self {
            qemu,
            agent: BufReader::new(agent),
            monitor,
            directory: directory.to_owned(),
            is_lost: false,
        })
    }

    /// Waits until the agent has started; the version of Linux.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub(super) fn wait_until_ready(&mut self) -> Result<String> {
        match self.line()? {
            Line::Ready(version) => Ok(version),
            Line::Answer(answer) => bail!("an answer to nothing: {answer:?}"),
        }
    }

    /// Asks the agent.
    ///
    /// # Errors
    ///
    /// What it says, or that it says nothing.
    pub(super) fn ask(&mut self, request: &Request) -> Result<Answer> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.agent.get_mut().write_all(&line)?;
        match self.line()? {
            Line::Answer(answer) => answer.map_err(|error| anyhow!("the guest: {error}")),
            Line::Ready(_) => {
                self.is_lost = true;
                bail!("the guest started again by itself")
            }
        }
    }

    /// Switches the NIC's link on or off, as if somebody pulled the plug.
    ///
    /// # Errors
    ///
    /// If QEMU refuses.
    pub(super) fn set_link(&mut self, up: bool) -> Result<()> {
        let arguments = json!({"name": NIC, "up": up});
        self.monitor.execute("set_link", arguments)
    }

    /// Whether nothing can be asked any more.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// What the guest's kernel said.
    pub(super) fn console(&self) -> String {
        let text = fs::read(self.directory.join(CONSOLE)).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What QEMU said.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.directory.join(ERRORS)).unwrap_or_default()
    }

    fn line(&mut self) -> Result<Line> {
        let mut line = String::new();
        let fault = match self.agent.read_line(&mut line) {
            Ok(0) => match self.qemu.wait() {
                Ok(status) => format!("QEMU ended: {status}"),
                Err(error) => error.to_string(),
            },
            Ok(_) => match serde_json::from_str(&line) {
                Ok(line) => return Ok(line),
                Err(error) => format!("the agent said {line:?}: {error}"),
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let seconds = LIMIT.as_secs();
                format!("the agent says nothing for {seconds} s")
            }
            Err(error) => error.to_string(),
        };
        self.is_lost = true;
        let (tail, said) = (console::tail(&self.console()), self.said());
        bail!("{fault}; its kernel's last lines:\n{tail}\n{said}")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.qemu.kill();
        let _status = self.qemu.wait();
    }
}

/// The first words of `qemu --version`.
///
/// # Errors
///
/// If there is no QEMU.
pub(super) fn version() -> Result<String> {
    let text = steps::output(Command::new(qemu::PROGRAM).arg("--version"))?;
    let words = text.split_whitespace();
    let version = words.skip_while(|word| *word != "version").nth(1);
    Ok(version.context("QEMU tells no version")?.to_owned())
}

/// Files of a guest in its directory.
const AGENT: &str = "agent";
const MONITOR: &str = "monitor";
const CONSOLE: &str = "console.log";
const ERRORS: &str = "qemu.log";

fn command(plan: Plan<'_>, directory: &Path, wire: Wire) -> Result<Command> {
    let (accelerator, processor) = plan.accelerator.names();
    let memory = plan.memory;
    let place = |name: &str| qemu::name(&directory.join(name));
    let mut command = Command::new(qemu::PROGRAM);
    command
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .args(["-machine", "q35,memory-backend=memory"])
        // The daemon shares it.
        .arg("-object")
        .arg(format!(
            "memory-backend-memfd,id=memory,size={memory}M,share=on"
        ))
        .args(["-m", &format!("{memory}M")])
        .args(["-accel", accelerator, "-cpu", processor])
        .args(["-smp", qemu::PROCESSORS])
        .arg("-kernel")
        .arg(&plan.kernel.image)
        .arg("-initrd")
        .arg(plan.initramfs)
        .args(["-append", KERNEL])
        .args(["-chardev", &qemu::file("console", &directory.join(CONSOLE))])
        .args(["-serial", "chardev:console"])
        .arg("-chardev")
        .arg(format!("socket,id=agent,path={}", place(AGENT)))
        .args(["-serial", "chardev:agent"])
        .arg("-chardev")
        .arg(format!("socket,id=monitor,path={}", place(MONITOR)))
        .args(["-mon", "chardev=monitor,mode=control"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(directory.join(ERRORS))?);
    attach(&mut command, directory, wire, plan.accelerator)?;
    Ok(command)
}

/// The NIC, and its other end.
fn attach(
    command: &mut Command,
    directory: &Path,
    wire: Wire,
    accelerator: Accelerator,
) -> Result<()> {
    let queues = wire.queues();
    if wire.uri().is_some() {
        let socket = qemu::name(&daemon::socket(directory));
        let reconnect = reconnect(&version()?);
        command
            .arg("-chardev")
            .arg(format!("socket,id=daemon,path={socket},{reconnect}"))
            .arg("-netdev")
            .arg(format!("vhost-user,id=net,chardev=daemon,queues={queues}"));
    } else {
        command
            .arg("-netdev")
            .arg(format!("user,id=net,hostfwd={}", wire.forward()));
    }
    let multiple = if queues > 1 { ",mq=on" } else { "" };
    let vectors = match accelerator {
        // One for each queue, one for the configuration, one for the control queue.
        Accelerator::Kvm => 2 * queues + 2,
        // QEMU 7.2 ends itself when a vhost-user device has any: it takes KVM for granted.
        Accelerator::Auto | Accelerator::Tcg => 0,
    };
    command.arg("-device").arg(format!(
        "virtio-net-pci,id={NIC},netdev=net,romfile=,mac={MAC},vectors={vectors}{multiple}"
    ));
    Ok(())
}

/// How a version of QEMU is told to connect again after a second.
fn reconnect(version: &str) -> &'static str {
    let mut numbers = version.split('.').map_while(|it| it.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= (9, 2) => "reconnect-ms=1000",
        _ => "reconnect=1",
    }
}

/// Waits for QEMU, which connects when it starts.
fn accept(listener: &UnixListener, qemu: &mut Child) -> Result<UnixStream> {
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = qemu.try_wait()? {
            bail!("QEMU ended: {status}");
        }
        ensure!(start.elapsed() < LIMIT, "QEMU does not connect");
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_of_qemu_is_told_in_its_own_words() {
        assert_eq!(reconnect("7.2.18"), "reconnect=1");
        assert_eq!(reconnect("9.1.2"), "reconnect=1");
        assert_eq!(reconnect("9.2.0"), "reconnect-ms=1000");
        assert_eq!(reconnect("10.0.2"), "reconnect-ms=1000");
    }
}
