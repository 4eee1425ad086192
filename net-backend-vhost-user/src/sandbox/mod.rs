//! What the daemon may do once it serves guests: little.
//!
//! A guest's bytes are read by this process: by rings' code, and with `slirp:` by libslirp, which is C. Whoever takes it over finds
//! a process that has no privileges, cannot run a program, sees next to no files, and is killed for a system call that its
//! backends never make. Everything that needs more happens before: sockets are bound, and backends opened.
//!
//! | | Linux |
//! |---|---|
//! | privileges | `no_new_privs`; no capability in any set, for any backend: taps are configured before |
//! | system calls | a list (seccomp): memory, threads, events, sockets that are there; others end the process by `SIGSYS`, with a message that has the number |
//! | programs | none: neither `execve` nor `fork`, and no memory that can be written is run |
//! | files | those below (Landlock, best effort), opened for reading only; without any, opening one is an error by seccomp too |
//! | other processes | no signals to them, no looking into their memory |
//!
//! What backends have besides:
//!
//! | | |
//! |---|---|
//! | `slirp:` | sockets of IPv4 and IPv6, any address: the network is open; the host's `resolv.conf` unless `disable-dns=on`; files of the `tftp` directory; taking away the sockets of `hostfwd=unix:` and what `guestfwd` is passed on by |
//! | `tap:` | the requests with which queues, header length and offloads are set, and those that look at the interface. None that changes it or makes another |
//! | `netmap:` | netmap's requests; `/dev/netmap` for reading and writing |
//! | others | nothing |
//!
//! The socket's directory may lose files, so that the socket goes when the daemon does: Landlock knows directories there, not names.
//!
//! # What it costs
//!
//! - `guestfwd` to a command needs `fork` and `execve`, and the command whatever it needs: such a URI is refused, unless the sandbox is off.
//! - A `resolv.conf` that is replaced by another file stays readable where it is in a directory of its own (systemd-resolved,
//!   NetworkManager, resolvconf), or in `/etc` and the daemon is not root's. For root it is that one file, since root's own files, as `/etc/shadow`, are beside
//!   it: after a change the guest has no name server until the daemon starts again.
//! - Echo requests of `slirp:` guests to the outside need an open `net.ipv4.ping_group_range`, as for any user.
//! - Whoever took the daemon over can still connect to unix sockets that its user may connect to: run it as a user of its own.
//!
//! # When it does not fit
//!
//! A system call that is not on the list is told with its number (`ausyscall NUMBER` names it), but for one that is made while
//! signals are blocked, as `posix_spawn` does. With [`SandboxMode::Log`] it is made,
//! and the kernel's log has it (`journalctl -k --grep type=1326`). All the rest is as with [`SandboxMode::On`].
//!
//! Kernels without seccomp or Landlock have what there is of it, and what is missing is said once. FreeBSD's sandbox is capability mode,
//! for which backends limit their descriptors (`docs/freebsd.md`); the daemon is not there, because `vhost-user-backend` waits with epoll.

mod needs;
mod sys;

use std::path::Path;
use std::str::FromStr;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::{fmt, io};

use net_backend::{Environment, NetBackend, Spawn, StandardThreads};

use needs::Needs;

/// Whether there is a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SandboxMode {
    /// There is: what is forbidden ends the process.
    #[default]
    On,
    /// There is, but for system calls, which are made, and told to the kernel's log.
    Log,
    /// There is none.
    Off,
}

/// What this process is to be left with; nothing is taken before [`enter`](Self::enter), but from threads of backends.
#[derive(Debug)]
pub struct Sandbox {
    mode: SandboxMode,
    needs: Needs,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// A backend needs what no sandbox leaves.
    #[error("{uri}: {need} is not possible in the sandbox; without that, or with --sandbox off")]
    Unsuitable {
        /// The backend.
        uri: String,
        /// What it needs.
        need: &'static str,
    },
    /// The backend cannot be opened.
    #[error(transparent)]
    Backend(#[from] net_backend::Error),
    /// The system refuses to take something away.
    #[error("sandbox: {what}: {source}; --sandbox off does without")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl Sandbox {
    /// With nothing left, until it is told what is needed.
    #[must_use]
    pub fn new(mode: SandboxMode) -> Self {
        Self {
            mode,
            needs: Needs::default(),
        }
    }

    /// Opens a backend, as [`net_backend::open`], and leaves it what it needs. Its threads, which need no privilege, are in the sandbox
    /// before they begin.
    ///
    /// # Errors
    ///
    /// [`SandboxError::Unsuitable`] before anything is touched, or what opening says.
    pub fn open(&mut self, uri: &str) -> Result<Box<dyn NetBackend>, SandboxError> {
        let mut environment = Environment::default();
        if self.mode != SandboxMode::Off {
            let needs = Needs::of(uri).map_err(|need| SandboxError::Unsuitable {
                uri: uri.to_owned(),
                need,
            })?;
            self.needs.add(&needs);
            environment.spawner = std::sync::Arc::new(Inside(needs));
        }
        Ok(net_backend::open_in(uri, &environment)?)
    }

    /// Leaves it to read this file, or those in this directory.
    pub fn reads(&mut self, path: &Path) {
        self.needs.read.insert(path.to_owned());
    }

    /// Leaves it to take away this file, or others in its directory.
    pub fn removes(&mut self, path: &Path) {
        self.needs.removes(path);
    }

    /// Takes everything else away, for good, from this process. All of its threads lose their system calls; files and
    /// capabilities are lost by this thread, those that it makes, and those of [backends](Self::open), so call it in `main` before there are others. `tell` is
    /// called with what the system cannot do.
    ///
    /// # Errors
    ///
    /// [`SandboxError::System`]; some of it may be in force.
    pub fn enter(self, mut tell: impl FnMut(&str)) -> Result<(), SandboxError> {
        match self.mode {
            SandboxMode::Off => Ok(()),
            mode => sys::enter(&self.needs, mode == SandboxMode::Log, &mut tell),
        }
    }
}

impl FromStr for SandboxMode {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "on" => Ok(Self::On),
            "log" => Ok(Self::Log),
            "off" => Ok(Self::Off),
            _ => Err("write on, off, or log"),
        }
    }
}

impl fmt::Display for SandboxMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "on",
            Self::Log => "log",
            Self::Off => "off",
        })
    }
}

/// Makes threads that have no more than these needs.
#[derive(Debug)]
struct Inside(Needs);

impl Spawn for Inside {
    /// Waits until the thread is restricted: afterwards seccomp may forbid that.
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
        let needs = self.0.clone();
        let (sender, receiver) = sync_channel(1);
        let body = move || {
            let restricted = sys::restrict_thread(&needs, &mut |_| {});
            let goes_on = restricted.is_ok();
            // Somebody waits for it.
            let _sent = sender.send(restricted);
            if goes_on {
                body();
            }
        };
        let thread = StandardThreads.spawn(name, Box::new(body))?;
        match receiver.recv() {
            Ok(Ok(())) => Ok(thread),
            Ok(Err(error)) => Err(io::Error::other(error.to_string())),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}
