//! Ports of a netmap kernel in the process.

use std::rc::Rc;

use anyhow::{Context, Result};
use net_backend::{Activation, Features, HeaderLength, Nic};
use net_backend_netmap::testing::{Bare, Model, Settings};
use net_backend_netmap::{Netmap, NetmapConfig, ReceiveQueue, TransmitQueue};

/// Frames of one batch, after which there is a synchronisation.
pub(super) const BATCH: usize = 64;
/// Bytes of each buffer of a ring, and of those that are received into.
pub(super) const BUFFER: usize = 2048;

/// The virtio-net header in front of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// There is none.
    None,
    /// Frames of the program have one, those in the rings do not.
    Added,
    /// Frames in the rings have one, as on a VALE switch with offloads.
    Native,
}

impl Header {
    /// In words.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::None => "header none",
            Self::Added => "header 12, none in the ring",
            Self::Native => "header 12",
        }
    }

    /// Bytes in front of the program's frames.
    pub(super) fn bytes(self) -> usize {
        self.length().bytes()
    }

    /// Bytes of them that are not in the rings.
    pub(super) fn missing(self) -> usize {
        match self {
            Self::None | Self::Native => 0,
            Self::Added => self.bytes(),
        }
    }

    /// What the library is to be activated with.
    pub(super) fn activation(self) -> Activation {
        Activation {
            queue_pairs: 1,
            header: self.length(),
            features: match self {
                Self::Native => Features::CSUM | Features::GUEST_CSUM,
                Self::None | Self::Added => Features::empty(),
            },
        }
    }

    fn length(self) -> HeaderLength {
        match self {
            Self::None => HeaderLength::None,
            Self::Added | Self::Native => HeaderLength::Twelve,
        }
    }
}

/// A kernel.
pub(super) fn kernel() -> Result<Model> {
    Model::new(Settings::default()).context("cannot make a netmap kernel")
}

/// A port of it.
pub(super) fn config(name: &str) -> Result<NetmapConfig> {
    let mut config = NetmapConfig::new(name.parse().with_context(|| name.to_owned())?);
    config.slots = name.starts_with("vale").then_some(1024);
    Ok(config)
}

/// A port of it with the library.
pub(super) fn library(model: &Model, name: &str, header: Header) -> Result<Nic> {
    let backend: Netmap = model.open(&config(name)?)?;
    Ok(Nic::activate(Box::new(backend), &header.activation())?)
}

/// The same with all that netmap can.
pub(super) fn queues(model: &Model, name: &str) -> Result<(Netmap, ReceiveQueue, TransmitQueue)> {
    let mut backend = model.open(&config(name)?)?;
    let queues = backend.queues(&Header::None.activation())?.pop();
    let (receive, transmit) = queues.context("no queue")?;
    Ok((backend, receive, transmit))
}

/// A port of it by hand.
pub(super) fn by_hand(model: &Model, name: &str, header: Header) -> Result<Rc<Bare>> {
    let config = config(name)?;
    let bare = model.bare(&config)?;
    if header == Header::Native {
        bare.set_header(&config.port, 12)?;
    }
    Ok(Rc::new(bare))
}

/// A frame from one address to another, which no other port has.
pub(super) fn frame(length: usize, source: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, source, 0x88, 0xb5];
    frame.resize(length, 0x5a);
    frame
}

/// The same behind an empty header of 12 bytes.
pub(super) fn behind_header(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 12];
    bytes.extend(frame);
    bytes
}
