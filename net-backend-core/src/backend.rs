use crate::sys::BorrowedDescriptor;
use crate::{
    Capabilities, Error, Features, HeaderLength, PortForwarding, QueuePair, Result, Source, Uri,
};

/// One NIC's attachment to the host. It stays with the device model; the queue pairs that it makes go to the
/// threads that move frames.
///
/// Life: opened (needs whatever privilege there is), [activated](Self::activate) when the driver is ready, its
/// pairs dropped on reset, activated again, dropped. Activation and everything after it work without
/// privilege and inside a sandbox. Nothing here blocks.
pub trait NetBackend: Send {
    /// What this backend can do.
    fn capabilities(&self) -> &Capabilities;

    /// The offloads that can be negotiated.
    fn features(&self) -> Features {
        self.capabilities().features
    }

    /// Makes the queue pairs, in order, with counters that begin at zero. May be called again after the pairs of the last time were dropped; every
    /// activation sets header length and offloads anew, whatever was set before.
    ///
    /// # Errors
    ///
    /// [`Error::NotOffered`], [`Error::FeatureDependency`], [`Error::QueuePairs`], [`Error::NoHeader`] and
    /// [`Error::Active`], before anything has changed; [`Error::System`] and [`Error::Gone`] from the host.
    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>>;

    /// Changes which offloads frames for the guest may use, while queues live: the guest said so on its control
    /// queue. Frames that were queued before may still use what was allowed then. Bits outside of [`Features::RECEIVE_OFFLOADS`] are not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::NotOffered`] and [`Error::FeatureDependency`]; [`Error::NoHeader`] when active without header.
    fn set_receive_offloads(&mut self, features: Features) -> Result<()>;

    /// A URI that opens the same backend again.
    fn describe(&self) -> Uri;

    /// Whether the link is up, as of the last event that was taken.
    fn link(&self) -> LinkState {
        LinkState::Up
    }

    /// What to wait for before [`next_event`](Self::next_event); `None` when there are never any.
    fn events(&self) -> Option<Source<'_>> {
        None
    }

    /// The next event; `None` when there is none now. Take all of them before waiting.
    fn next_event(&mut self) -> Option<Event> {
        None
    }

    /// The descriptors that the backend itself holds, which a sandbox must leave open. Those of active queues
    /// are the ones that their sources name.
    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>>;

    /// Host ports forwarded to the guest, of backends that have them.
    fn port_forwarding(&self) -> Option<&dyn PortForwarding> {
        None
    }
}

/// What the driver negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// How many queue pairs to make: 1 to [`Capabilities::max_queue_pairs`].
    pub queue_pairs: u16,
    /// The virtio-net header in front of every frame.
    pub header: HeaderLength,
    /// The offloads in use, a subset of those offered.
    pub features: Features,
}

impl Default for Activation {
    /// [`Activation::plain`].
    fn default() -> Self {
        Self::plain()
    }
}

impl Activation {
    /// One queue pair, no header, no offloads: plain Ethernet frames.
    pub const fn plain() -> Self {
        Self {
            queue_pairs: 1,
            header: HeaderLength::None,
            features: Features::empty(),
        }
    }

    /// What `acknowledged` virtio-net feature bits mean for the backend: their offloads, and the header length
    /// that goes with them.
    pub const fn negotiated(acknowledged: Features, queue_pairs: u16) -> Self {
        Self {
            queue_pairs,
            header: HeaderLength::negotiated(acknowledged),
            features: acknowledged.intersection(Features::OFFLOADS),
        }
    }

    /// Checks the request against what a backend can do. Every backend calls this first in
    /// [`NetBackend::activate`].
    ///
    /// # Errors
    ///
    /// [`Error::QueuePairs`], [`Error::NotOffered`], [`Error::FeatureDependency`] and [`Error::NoHeader`].
    pub fn check(&self, capabilities: &Capabilities) -> Result<()> {
        if self.queue_pairs == 0 || self.queue_pairs > capabilities.max_queue_pairs {
            return Err(Error::QueuePairs {
                scheme: capabilities.scheme,
                asked: self.queue_pairs,
                most: capabilities.max_queue_pairs,
            });
        }
        check_features(self.features, self.header, capabilities)
    }
}

/// Checks offloads against what a backend offers and the header in use, for
/// [`NetBackend::set_receive_offloads`].
///
/// # Errors
///
/// [`Error::NotOffered`], [`Error::FeatureDependency`] and [`Error::NoHeader`].
pub fn check_features(
    features: Features,
    header: HeaderLength,
    capabilities: &Capabilities,
) -> Result<()> {
    let missing = features.difference(capabilities.features);
    if !missing.is_empty() {
        return Err(Error::NotOffered {
            scheme: capabilities.scheme,
            missing,
            offered: capabilities.features,
        });
    }
    if let Some((feature, needs)) = features.missing_dependency() {
        return Err(Error::FeatureDependency { feature, needs });
    }
    if header == HeaderLength::None && !features.is_empty() {
        return Err(Error::NoHeader { features });
    }
    Ok(())
}

/// Whether frames can pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkState {
    /// Frames can pass.
    Up,
    /// Frames that are sent are dropped.
    Down,
}

/// Something that happened to the attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The link came up.
    LinkUp,
    /// The link went down.
    LinkDown,
    /// The other side is gone for good; the queues say [`Error::Gone`].
    Gone,
}
