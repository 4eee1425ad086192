//! Network namespaces, taps in them, and the cable between two backends.

use std::fs::OpenOptions;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use net_backend::wake::Doorbell;
use net_backend::{Bell, Features, NetBackend};
use net_backend_tap::testing::{Interface, NetworkNamespace, allow_namespaces};

use super::pump;

/// Where taps come from.
const TUN: &str = "/dev/net/tun";

/// Stays in the network of the host, and gains the right to make others, in which taps can be made. Must be called
/// before there is a second thread.
///
/// # Errors
///
/// If namespaces cannot be made, or taps cannot be opened, with what to do about it.
pub(crate) fn stay() -> Result<()> {
    look_for_taps()?;
    allow_namespaces().context("cannot make private networks")
}

/// Whether taps can be opened.
///
/// # Errors
///
/// If not, with what to do about it.
pub(crate) fn look_for_taps() -> Result<()> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(TUN)
        .map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => anyhow!(
                "{TUN}: {error}. Most distributions let everybody open it; here, `sudo chmod 0666 {TUN}` does, \
                 until the next start of the system. Or run this as root"
            ),
            io::ErrorKind::NotFound => {
                anyhow!("{TUN}: {error}. `sudo modprobe tun` loads the driver")
            }
            _ => anyhow!("{TUN}: {error}"),
        })?;
    Ok(())
}

/// The two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The first one.
    Left,
    /// The other one.
    Right,
}

impl Side {
    /// The other side.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// The address of its tap.
    pub(crate) fn address(self) -> Ipv4Addr {
        match self {
            Self::Left => Ipv4Addr::new(192, 0, 2, 1),
            Self::Right => Ipv4Addr::new(192, 0, 2, 2),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// Two network stacks that know nothing of each other yet.
pub(crate) struct Lab {
    left: NetworkNamespace,
    right: NetworkNamespace,
}

impl Lab {
    /// Makes them.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            left: NetworkNamespace::new()?,
            right: NetworkNamespace::new()?,
        })
    }

    /// The network of a side.
    pub(crate) fn network(&self, side: Side) -> &NetworkNamespace {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// Joins them by a cable that can do these offloads.
    ///
    /// # Errors
    ///
    /// If taps or thread cannot be made.
    pub(crate) fn join(&self, offloads: Features) -> Result<Cable> {
        let left = self.tap(Side::Left)?;
        let right = self.tap(Side::Right)?;
        Cable::new(left, right, offloads)
    }

    fn tap(&self, side: Side) -> Result<Box<dyn NetBackend>> {
        self.network(side).run(move || {
            let name = side.name();
            let (backend, interface) = open(name, "mtu=1500&txqueuelen=10000")?;
            interface.set_ipv4(side.address(), 24)?;
            Ok(backend)
        })
    }
}

/// Opens a tap in the network of this thread, for nothing but what comes through it.
///
/// # Errors
///
/// What the backend says.
pub(crate) fn open(name: &str, options: &str) -> Result<(Box<dyn NetBackend>, Interface)> {
    let uri = format!("tap:{name}?{options}");
    let backend = net_backend::open(&uri).with_context(|| format!("cannot open {uri}"))?;
    let interface = Interface::named(name);
    interface.disable_ipv6()?;
    Ok((backend, interface))
}

/// What joins two backends, in a thread of its own. Dropped, it is unplugged.
pub(crate) struct Cable {
    stop: Arc<Bell>,
    thread: Option<JoinHandle<Result<()>>>,
    features: Features,
}

impl Cable {
    /// Joins two backends by a cable that can do these offloads, as far as both can.
    ///
    /// # Errors
    ///
    /// If they cannot be activated, or the thread cannot be made.
    pub(crate) fn new(
        left: Box<dyn NetBackend>,
        right: Box<dyn NetBackend>,
        offloads: Features,
    ) -> Result<Self> {
        let (mut left, mut right) =
            pump::activate(left, right, offloads).map_err(anyhow::Error::from_boxed)?;
        let stop = Arc::new(Bell::new()?);
        let stopped = Arc::clone(&stop);
        let features = left.backend.features() & right.backend.features() & offloads;
        let thread = thread::Builder::new()
            .name("pump".to_owned())
            .spawn(move || {
                pump::pump(&mut left, &mut right, stopped.descriptor())
                    .map_err(anyhow::Error::from_boxed)
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
            features,
        })
    }

    /// The offloads in use.
    pub(crate) fn features(&self) -> Features {
        self.features
    }

    /// Ends it, and the backends with it.
    ///
    /// # Errors
    ///
    /// If it ended before.
    pub(crate) fn unplug(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        self.stop.ring();
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome.context("the cable broke"),
            Some(Err(_)) => Err(anyhow!("the thread of the cable panicked")),
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        // Something else has failed already, or unplug() has told.
        let _told = self.end();
    }
}
