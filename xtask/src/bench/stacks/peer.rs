//! Other user-mode network stacks, each a process that lives as long as it is measured.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::link::{Link, Packet};
use super::packets::Packets;
use super::stream::Stream;
use crate::bench::sys::companion;
use crate::needs::Need;

/// How long a program may take until it listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Peer {
    /// libslirp in a process of its own.
    Slirp4netns,
    /// The fastest of all; it does without a TCP of its own.
    Passt,
    /// libslirp, or what it was before it had that name, and no virtual machine.
    Qemu,
}

impl Peer {
    /// All that there are.
    pub(super) const ALL: [Self; 3] = [Self::Slirp4netns, Self::Passt, Self::Qemu];

    /// Its name in the tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Slirp4netns => "slirp4netns",
            Self::Passt => "passt",
            Self::Qemu => "QEMU user",
        }
    }

    /// What they are from, in the same order.
    pub(super) const NEEDS: [Need; 3] = [
        Need {
            package: "slirp4netns",
            program: Some("slirp4netns"),
        },
        Need {
            package: "passt",
            program: Some("passt"),
        },
        Need {
            package: "qemu-system-x86",
            program: Some("qemu-system-x86_64"),
        },
    ];

    /// What it is from.
    pub(super) fn need(self) -> Need {
        let [slirp4netns, passt, qemu] = Self::NEEDS;
        match self {
            Self::Slirp4netns => slirp4netns,
            Self::Passt => passt,
            Self::Qemu => qemu,
        }
    }

    /// The address that its guest should have.
    pub(super) fn guest(self) -> Ipv4Addr {
        match self {
            Self::Slirp4netns => Ipv4Addr::new(10, 0, 2, 100),
            Self::Passt | Self::Qemu => Ipv4Addr::new(10, 0, 2, 15),
        }
    }

    /// Starts it in the network of this thread and plugs into it.
    ///
    /// # Errors
    ///
    /// If it does not start, with what it has to say.
    pub(super) fn start(self) -> Result<Box<dyn Link>> {
        // Gone once they are connected, so that nothing stays behind.
        let directory = tempfile::Builder::new()
            .prefix("net-backend-bench")
            .tempdir()?;
        let path = directory.path().join("socket");
        let messages = File::options()
            .create_new(true)
            .read(true)
            .append(true)
            .open(directory.path().join("messages"))?;
        let mut command = self.command(&path);
        command.stdin(Stdio::null()).stdout(messages.try_clone()?);
        let child = companion(command.stderr(messages.try_clone()?))
            .spawn()
            .with_context(|| format!("cannot start {}", self.name()))?;
        let mut process = Process { child, messages };
        let link = process.connect(|| self.plug_in(&path));
        let link = link.with_context(|| format!("{}: {}", self.name(), process.said()))?;
        Ok(Box::new(Plugged { link, process }))
    }

    fn plug_in(self, path: &Path) -> Result<Box<dyn Link>> {
        Ok(match self {
            Self::Slirp4netns => Box::new(Packets::connect(path)?),
            Self::Passt | Self::Qemu => Box::new(Stream::connect(path)?),
        })
    }

    fn command(self, socket: &Path) -> Command {
        let socket = socket.display();
        let line = match self {
            Self::Slirp4netns => format!("slirp4netns --target-type=bess --mtu=1500 {socket}"),
            // Everything that it would otherwise learn from an interface with a default route.
            Self::Passt => format!(
                "passt --foreground --stderr --one-off --runas 0 --ipv4-only --interface lo --mtu 1500 \
                 --mac-addr 52:55:0a:00:02:02 --address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 \
                 --tcp-ports none --udp-ports none --socket {socket}"
            ),
            Self::Qemu => format!(
                "qemu-system-x86_64 -M none -nodefaults -display none -netdev user,id=u \
                 -netdev hubport,id=h1,hubid=0,netdev=u \
                 -netdev stream,id=s,server=on,addr.type=unix,addr.path={socket} \
                 -netdev hubport,id=h2,hubid=0,netdev=s"
            ),
        };
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

/// A process that ends with this.
struct Process {
    child: Child,
    /// What it prints.
    messages: File,
}

impl Process {
    /// Tries until it works.
    fn connect<T>(&mut self, attempt: impl Fn() -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match attempt() {
                Ok(connected) => return Ok(connected),
                Err(error) => error,
            };
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended ({status})");
            }
            if Instant::now() > deadline {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The last line that it printed.
    fn said(&self) -> String {
        let mut text = String::new();
        let mut messages = &self.messages;
        let read = messages
            .rewind()
            .and_then(|()| messages.read_to_string(&mut text));
        // Without its message there is still the error.
        let _unreadable = read;
        text.lines().last().unwrap_or("no message").to_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended: io::Result<()> = self.child.kill();
        let _status = self.child.wait();
    }
}

/// A cable to a process; when it breaks, the process is asked why.
struct Plugged {
    link: Box<dyn Link>,
    process: Process,
}

impl Link for Plugged {
    fn send(&mut self, packet: &[u8]) -> Result<bool> {
        self.link.send(packet).with_context(|| self.process.said())
    }

    fn flush(&mut self) -> Result<()> {
        self.link.flush().with_context(|| self.process.said())
    }

    fn receive(&mut self) -> Result<Option<Packet<'_>>> {
        self.link.receive().with_context(|| self.process.said())
    }

    fn wait(&mut self, for_room: bool, timeout: Duration) -> Result<()> {
        self.link.wait(for_room, timeout)
    }

    fn process(&self) -> Option<u32> {
        Some(self.process.child.id())
    }
}
