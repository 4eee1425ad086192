//! A real netmap kernel for tests: whether there is one, what can be put into it, and what is at the far end.
//!
//! On Linux the process gets a network namespace of its own, where it has all interfaces and switches to itself. On
//! FreeBSD it makes interfaces in the network of the system, and deletes them.

pub(crate) mod sys;

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use net_backend_core::{Environment, NetBackend, Registry, Result};
use net_backend_netmap::DRIVER;
use net_backend_tap::testing::{Interface, PacketSocket, prepare_interfaces};
use rustix::io::Errno;

/// Makes the process ready. First thing in `main`, while there is one thread.
///
/// # Errors
///
/// Why there is no netmap for tests here.
pub(crate) fn prepare() -> std::result::Result<(), String> {
    if !sys::is_supported() {
        return Err("netmap runs on Linux and FreeBSD".to_owned());
    }
    let opened = File::options().read(true).write(true).open("/dev/netmap");
    opened.map_err(|error| format!("/dev/netmap: {error}"))?;
    // Without a namespace the host's own network will do; what cannot be made says so itself.
    let _prepared = prepare_interfaces();
    Ok(())
}

/// Something that no other case has in its names, nor another process. At most 7 characters.
pub(crate) fn unique() -> String {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("{:x}n{number:x}", std::process::id() & 0xfff)
}

/// Opens `netmap:` with a port and options, as a VMM does.
///
/// # Errors
///
/// What the driver says.
pub(crate) fn open(port: &str) -> Result<Box<dyn NetBackend>> {
    Registry::new([&DRIVER]).open(&format!("netmap:{port}"), &Environment::default())
}

/// Two Ethernet interfaces with a cable between them, up: a veth on Linux, an epair on FreeBSD. Unplugged when dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    ends: [String; 2],
    /// Once it was unplugged.
    deleting: Option<JoinHandle<()>>,
}

impl Wire {
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_queues(1)
    }

    /// With several queues at each end, as far as the system has that.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn with_queues(queues: u32) -> io::Result<Self> {
        let id = unique();
        let ends = sys::add_wire([format!("a{id}"), format!("b{id}")], queues)?;
        let wire = Self {
            ends,
            deleting: None,
        };
        wire.set_up(true)?;
        Ok(wire)
    }

    pub(crate) fn near(&self) -> &str {
        let [near, _] = &self.ends;
        near
    }

    pub(crate) fn far(&self) -> &str {
        let [_, far] = &self.ends;
        far
    }

    /// Takes both ends up or down.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn set_up(&self, up: bool) -> io::Result<()> {
        self.ends
            .iter()
            .map(Interface::named)
            .try_for_each(|end| match up {
                true => end.set_up(),
                false => end.set_down(),
            })
    }

    /// Removes both interfaces from the system, though somebody may have them open.
    pub(crate) fn unplug(&mut self) {
        if self.deleting.is_none() {
            self.deleting = sys::delete(self.near());
        }
    }
}

impl Drop for Wire {
    /// Whoever had them open has closed them by now.
    fn drop(&mut self) {
        self.unplug();
        if let Some(deleting) = self.deleting.take() {
            sys::forget(deleting);
        }
    }
}

/// A raw socket on an interface, beside the host's own network stack: sends as the host does, and receives what the
/// host receives. Plain frames of at most 1514 bytes.
#[derive(Debug)]
pub(crate) struct HostSocket {
    socket: PacketSocket,
    buffer: Vec<u8>,
}

impl HostSocket {
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn new(interface: &str) -> io::Result<Self> {
        Ok(Self {
            socket: PacketSocket::plain(&Interface::named(interface))?,
            buffer: vec![0; 1 << 16],
        })
    }

    /// Whether there was room.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<bool> {
        let full = Errno::NOBUFS.raw_os_error();
        match self.socket.send(frame) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.raw_os_error() == Some(full) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn receive(&mut self, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
        let length = self.socket.receive(&mut self.buffer, timeout)?;
        Ok(length.and_then(|length| self.buffer.get(..length).map(<[u8]>::to_vec)))
    }
}
