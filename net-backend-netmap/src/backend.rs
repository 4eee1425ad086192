use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use net_backend_core::layers::{AcceptedOffloads, adapt_header, soften_receive};
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Driver, Environment, Error, Features,
    FrameLength, HeaderLength, NetBackend, PeekCost, QueuePair, Result, Uri, check_features,
};

use crate::attachment::Attachment;
use crate::config::OPTIONS;
use crate::gate::Kernel;
use crate::port::{PairRings, Port, has_header, is_monitor_of_header, is_of_switch};
use crate::queues::{self, Shape};
use crate::remedies::Operation;
use crate::ring::MOST_FRAGMENTS;
use crate::sys::{PassedDescriptors, SystemKernel};
use crate::{NetmapConfig, PortKind, ReceiveQueue, TransmitQueue, VirtioHeader};

/// `netmap:`, for a registry.
pub const DRIVER: Driver = Driver {
    scheme: "netmap",
    summary: "a netmap port: a NIC, a VALE switch, a pipe, a monitor",
    target: "PORT",
    options: OPTIONS,
    platforms: "Linux, FreeBSD",
    privilege: "root, or permission on /dev/netmap",
    open: open_uri,
};

/// An open netmap port.
#[derive(Debug)]
pub struct Netmap {
    port: Port,
    config: NetmapConfig,
    capabilities: Capabilities,
    attachment: Arc<Attachment>,
    header: HeaderLength,
    /// The port had a header once.
    had_header: bool,
    /// What the guest may be given.
    accepted: Arc<AcceptedOffloads>,
}

/// What a switch does for ports with a header. It takes UDP super-frames too, but makes datagrams of them where
/// fragments are meant (`gso_fix_segment` in netmap's netmap_offloadings.c).
const OFFLOADS: Features = Features::CSUM
    .union(Features::GUEST_CSUM)
    .union(Features::HOST_TSO4)
    .union(Features::HOST_TSO6)
    .union(Features::GUEST_TSO4)
    .union(Features::GUEST_TSO6);

impl Netmap {
    /// Opens a port. This is what needs privilege.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] and [`Error::Unsupported`] before anything has changed; [`Error::System`] with the request
    /// that the system refused.
    pub fn open(config: &NetmapConfig) -> Result<Self> {
        if config.descriptors.is_empty() {
            return Self::open_on(&SystemKernel, config);
        }
        config.check()?;
        let passed = PassedDescriptors::new(&config.descriptors);
        let passed = passed.map_err(|cause| {
            let object = format!("descriptors {:?}", config.descriptors);
            Operation::Pass.error(object, cause)
        })?;
        Self::open_on(&passed, config)
    }

    pub(crate) fn open_on(kernel: &dyn Kernel, config: &NetmapConfig) -> Result<Self> {
        config.check()?;
        if config.virtio_header == VirtioHeader::On && !has_header(config) {
            return Err(Error::Unsupported {
                what: format!("vnet-hdr=on on netmap:{}", config.port),
                reason: "only ports of VALE switches carry the virtio-net header, and not persistent ones; leave vnet-hdr out",
            });
        }
        let port = Port::open(kernel, config)?;
        port.limit()?;
        let wants_header = config.virtio_header != VirtioHeader::Off;
        let original_header = original_header(&port, config)?;
        let attachment = Attachment::new(&port, original_header)?;
        let mut backend = Self {
            capabilities: Capabilities::new(DRIVER.scheme),
            config: config.clone(),
            attachment: Arc::new(attachment),
            header: HeaderLength::None,
            had_header: original_header.is_some_and(|length| length > 0),
            accepted: Arc::new(AcceptedOffloads::new(Features::empty())),
            port,
        };
        let rings = backend.port.rings()?;
        let pairs = queues::most_pairs(&rings);
        backend.capabilities.max_queue_pairs = u16::try_from(pairs).unwrap_or(u16::MAX);
        backend.capabilities.peek = PeekCost::Look;
        backend.capabilities.mac = config.mac;
        if original_header.is_some() && wants_header {
            backend.capabilities.features = OFFLOADS;
            backend.capabilities.header_lengths = &HeaderLength::ALL;
        }
        backend.capabilities.max_frame = backend.max_frame(&rings);
        Ok(backend)
    }

    /// Name of the port, as it was opened.
    pub fn name(&self) -> &crate::PortName {
        &self.config.port
    }

    /// Number of the memory region that the port's buffers are in. Frames move without a copy between ports of the
    /// same region: [`TransmitQueue::forward`].
    pub fn memory(&self) -> u16 {
        self.attachment.memory
    }

    /// The queue pairs of [`NetBackend::activate`] as what they are, with what only netmap can: frames
    /// [lent](ReceiveQueue::lend) in place, and [moved](TransmitQueue::forward) from port to port without a copy.
    ///
    /// Offloads are as other ports left them: a header may say what was not negotiated. Where the port itself has no
    /// header, as every port without offloads, `send` takes it off and `recv` puts one on that asks for nothing;
    /// frames that are lent or moved do not have it. A port that had a header before, and is activated without offloads,
    /// is given segments of up to a buffer's length.
    ///
    /// # Errors
    ///
    /// As [`NetBackend::activate`]; [`Error::Unsupported`] for a monitor of a port with another header.
    pub fn queues(&mut self, with: &Activation) -> Result<Vec<(ReceiveQueue, TransmitQueue)>> {
        self.check_activation(with)?;
        let native = self.native_header(with)?;
        if native != HeaderLength::None && native != with.header {
            return Err(Error::Unsupported {
                what: format!("a header of {} bytes on {}", with.header, self.port.label),
                reason: "the port that is watched has another; let NetBackend::activate adapt it",
            });
        }
        self.make(native, with)
    }

    fn check_activation(&self, with: &Activation) -> Result<()> {
        with.check(&self.capabilities)?;
        let live = Arc::strong_count(&self.attachment) > 1;
        // The count is read relaxed; what a half did before it was dropped must be seen.
        fence(Ordering::Acquire);
        match live {
            false => Ok(()),
            true => Err(Error::Active {
                object: self.port.label.clone(),
            }),
        }
    }

    fn make(
        &mut self,
        native: HeaderLength,
        with: &Activation,
    ) -> Result<Vec<(ReceiveQueue, TransmitQueue)>> {
        self.attachment.check()?;
        let is_stale = self.set_header(native)?;
        let rings = self.port.rings()?;
        let shape = Shape {
            header: native,
            added: match native {
                HeaderLength::None => with.header,
                HeaderLength::Ten | HeaderLength::Twelve => HeaderLength::None,
            },
            features: with.features,
            ..self.shape()
        };
        let mut queues = queues::deal(rings, with.queue_pairs, &shape, &self.attachment)?;
        self.header = with.header;
        if is_stale {
            for (receive, _) in &mut queues {
                receive.drain()?;
            }
        }
        Ok(queues)
    }

    /// Makes the port's header `native`; tells whether frames that came before have another one.
    fn set_header(&mut self, native: HeaderLength) -> Result<bool> {
        if self.attachment.original_header.is_none() {
            return Ok(false);
        }
        let wanted = u32::try_from(native.bytes()).unwrap_or(0);
        if self.port.header_length()? == wanted {
            return Ok(false);
        }
        self.port.set_header_length(wanted)?;
        self.had_header |= wanted > 0;
        let set = self.port.header_length()?;
        if set == wanted {
            return Ok(true);
        }
        let cause = io::Error::other(format!("the port says {set} after {wanted} was set"));
        Err(Error::system(
            "NETMAP_REQ_PORT_HDR_SET",
            self.port.label.clone(),
            cause,
            Some("somebody else sets it too; give each user a port of its own"),
        ))
    }

    /// How frames lie in the rings of this port.
    fn shape(&self) -> Shape {
        let port = &self.config.port;
        let is_interface = port.kind() == PortKind::Interface && port.pipe().is_none();
        let fragments = self.config.fragments.map_or(
            // Many drivers take a slot for a frame, whatever its flags say.
            if is_interface { 1 } else { MOST_FRAGMENTS },
            u32::from,
        );
        Shape {
            header: HeaderLength::None,
            added: HeaderLength::None,
            features: Features::empty(),
            fragments,
            headroom: match is_of_switch(&self.config) {
                true => queues::HEADROOM,
                false => 0,
            },
            longest: self.capabilities.max_frame,
        }
    }

    /// The longest frame that every ring of the port takes, behind any header.
    fn max_frame(&self, rings: &[PairRings]) -> FrameLength {
        let shape = self.shape();
        let longest = rings.iter().map(|pair| shape.room(pair)).min();
        let header = self.capabilities.header_lengths.iter().max();
        let header = header.map_or(0, |header| header.bytes());
        let longest = longest.unwrap_or(0).saturating_sub(header);
        FrameLength::new(longest.min(FrameLength::MAX.bytes()))
    }

    /// The header that frames in the rings have. Without offloads none is needed, and then the switch does what other
    /// ports ask for. A monitor sees frames as they are.
    fn native_header(&self, with: &Activation) -> Result<HeaderLength> {
        if is_monitor_of_header(&self.config) {
            let length = self.port.header_length()?;
            let mut lengths = HeaderLength::ALL.into_iter();
            let known = lengths.find(|known| known.bytes() == length as usize);
            return Ok(known.unwrap_or_default());
        }
        Ok(match with.features.is_empty() {
            true => HeaderLength::None,
            false => self.capabilities.native_header(with.header),
        })
    }
}

impl NetBackend for Netmap {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        self.check_activation(with)?;
        let native = match self.had_header && !self.capabilities.features.is_empty() {
            // Without it the switch would make segments of the length that it went by since (`mfs` in netmap.c).
            true => HeaderLength::Twelve,
            false => self.native_header(with)?,
        };
        let queues = self.make(native, with)?;
        self.accepted.set(with.features);
        let pairs = queues.into_iter().map(|(rx, tx)| {
            let pair = QueuePair {
                rx: soften_receive(rx, native, Arc::clone(&self.accepted)),
                tx: Box::new(tx),
            };
            match native {
                HeaderLength::None => pair,
                native => adapt_header(pair, native, with.header),
            }
        });
        Ok(pairs.collect())
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        let features = features & Features::RECEIVE_OFFLOADS;
        check_features(features, self.header, &self.capabilities)?;
        self.accepted.set(features);
        Ok(())
    }

    fn describe(&self) -> Uri {
        self.config.to_uri()
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let controls = self.port.controls();
        controls
            .flat_map(|control| [control.receive_source(), control.transmit_source()])
            .collect()
    }
}

/// The header that a port has now, if it can have one. A persistent interface that is opened as a port of its switch
/// cannot: see [`persist::interface`](crate::persist::interface).
fn original_header(port: &Port, config: &NetmapConfig) -> Result<Option<u32>> {
    if !has_header(config) {
        return Ok(None);
    }
    match port.header_length() {
        Ok(length) => Ok(Some(length)),
        Err(error) if config.virtio_header == VirtioHeader::On => Err(error),
        Err(_) => Ok(None),
    }
}

fn open_uri(uri: &Uri, _: &Environment) -> Result<Box<dyn NetBackend>> {
    Ok(Box::new(Netmap::open(&NetmapConfig::from_uri(uri)?)?))
}

#[cfg(any(test, feature = "testing"))]
impl crate::testing::Model {
    /// Opens a port of this kernel.
    ///
    /// # Errors
    ///
    /// As [`Netmap::open`].
    pub fn open(&self, config: &NetmapConfig) -> Result<Netmap> {
        Netmap::open_on(&*self.kernel(), config)
    }
}

#[cfg(test)]
mod tests;
