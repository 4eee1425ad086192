use std::fmt;
use std::time::Duration;

use super::{Failure, Ping};
use crate::{Driver, Features, MacAddr, NetBackend, VirtioNetHeader};

/// A way to open one kind of backend with something at its far end.
///
/// Cases run at the same time, each with what it opened itself.
pub trait Rig: Send + Sync {
    /// What the names of its cases begin with: the group, and after a `/` the variant, as in `tap/queues`.
    fn name(&self) -> &str;

    /// What the fixture can do. What the backend can do is in its
    /// [`Capabilities`](crate::Capabilities).
    fn traits(&self) -> RigTraits;

    /// Opens a backend, not yet activated, and its far end.
    ///
    /// # Errors
    ///
    /// [`Failure::unavailable`] when this machine cannot; anything else fails the case.
    fn open(&self) -> Result<Opened, Failure>;

    /// The driver that opens what [`NetBackend::describe`] says, where there is one.
    fn driver(&self) -> Option<&'static Driver> {
        None
    }

    /// The name that `NET_BACKEND_REQUIRE` knows it by.
    fn group(&self) -> &str {
        self.name().split('/').next().unwrap_or_default()
    }
}

/// A backend and its far end.
pub struct Opened {
    /// The backend.
    pub backend: Box<dyn NetBackend>,
    /// Its far end.
    pub peer: Box<dyn Peer>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").field(&self.backend).finish()
    }
}

/// What a fixture can do. Written with `..RigTraits::default()`, since there may be more some day.
#[derive(Clone, Copy, Debug)]
pub struct RigTraits {
    /// Where frames go.
    pub path: Path,
    /// The shortest frame that passes without padding.
    pub min_frame: usize,
    /// The longest ordinary frame that passes, Ethernet header included.
    pub max_frame: usize,
    /// Frames that can be on their way at a time without one being lost.
    pub window: usize,
    /// Whether frames that the peer does not receive fill the path until `send` is busy.
    pub fills: bool,
    /// Whether the peer can take the link down and up.
    pub link: bool,
    /// Whether the peer can make the backend go away for good.
    pub kill: bool,
    /// Offloads for which the peer sees (`HOST_*`, `CSUM`) and sends (`GUEST_*`) headers as they are.
    pub offloads: Features,
    /// Whether the peer decides on which queue pair a frame arrives, and sees on which one it was sent.
    pub steers: bool,
    /// Whether the cases have to run one after the other.
    pub serial: bool,
    /// Who ordinary frames are for. Everybody, unless what is for several receivers is treated in another way.
    pub receiver: MacAddr,
}

impl Default for RigTraits {
    /// An Ethernet wire, and nothing more.
    fn default() -> Self {
        Self {
            path: Path::Wire,
            min_frame: 14,
            max_frame: 1514,
            window: 64,
            fills: false,
            link: false,
            kill: false,
            offloads: Features::empty(),
            steers: false,
            serial: false,
            receiver: MacAddr::BROADCAST,
        }
    }
}

/// Where the frames of the suite go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// They are taken, and nobody sees them: there is nothing there, or something that understands only IP.
    Nowhere,
    /// They come back on the queue pair that sent them. The peer is not asked for anything.
    Echo,
    /// They are pings, and their answers come back on the queue pair that sent them: for far ends that understand only
    /// IP. The peer is not asked for anything, and sees no offload.
    Ping(Ping),
    /// They arrive unchanged at the peer, and the peer's here.
    Wire,
}

impl Path {
    /// Whether what is sent on a queue pair is received there again.
    pub(super) fn comes_back(self) -> bool {
        matches!(self, Self::Echo | Self::Ping(_))
    }
}

/// The far end of a backend.
///
/// It may be driven from another thread than the backend.
pub trait Peer: Send {
    /// Sends one frame towards the backend, on the queue pair `queue` if it can choose one. The header says
    /// nothing unless [`RigTraits::offloads`] has something. `false` when the path is full now, and nothing was taken.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn send(&mut self, queue: u16, header: &VirtioNetHeader, frame: &[u8])
    -> Result<bool, Failure>;

    /// Receives the next frame; `None` when there is none in time. It need not leave out frames that are not
    /// the suite's.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure>;

    /// Takes the link down or up, for [`RigTraits::link`]. Frames on their way may be lost.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn set_link(&mut self, up: bool) -> Result<(), Failure> {
        Err(Failure::new(format!("the peer cannot set link up={up}")))
    }

    /// Makes the backend go away for good, for [`RigTraits::kill`].
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn kill(&mut self) -> Result<(), Failure> {
        Err(Failure::new("the peer cannot kill the backend"))
    }
}

/// A frame that arrived at the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The queue pair that it was sent on, where one can see that.
    pub queue: Option<u16>,
    /// Its header, where one can see that.
    pub header: Option<VirtioNetHeader>,
    /// The frame, from the Ethernet header on.
    pub bytes: Vec<u8>,
}
