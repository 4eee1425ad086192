use std::io;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use net_backend_core::frame_io::Attachment;
use net_backend_core::layers::SOFTWARE_OFFLOADS;
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Error, Features, FrameLength, HeaderLength,
    MacAddr, QueuePair, Result, check_features,
};

use crate::gate::{Data, Farewell};

/// What sockets and devices have in common once they are open: plain frames over one descriptor, and in front of it what
/// netgraph does not know, headers and offloads.
#[derive(Debug)]
pub(crate) struct Line {
    name: String,
    data: Box<dyn Data>,
    patience: Duration,
    capabilities: Capabilities,
    header: HeaderLength,
    /// While one of the halves lives, there are two owners.
    attachment: Arc<Attachment>,
}

/// What a line can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abilities {
    pub(crate) scheme: &'static str,
    /// Bytes of the longest frame.
    pub(crate) longest: usize,
    pub(crate) offloads: bool,
    pub(crate) mac: Option<MacAddr>,
}

impl Line {
    /// Leaves the descriptor no rights but those for frames.
    pub(crate) fn new(
        name: String,
        data: Box<dyn Data>,
        patience: Duration,
        abilities: &Abilities,
    ) -> Result<Self> {
        data.limit()
            .map_err(|error| Error::system("cap_rights_limit", &name, error, None))?;
        let mut capabilities = Capabilities::new(abilities.scheme);
        capabilities.max_frame = FrameLength::new(abilities.longest.min(FrameLength::MAX.bytes()));
        capabilities.mac = abilities.mac;
        if abilities.offloads {
            capabilities.features = SOFTWARE_OFFLOADS;
        }
        Ok(Self {
            attachment: Arc::new(Attachment::new(&name)),
            name,
            data,
            patience,
            capabilities,
            header: HeaderLength::None,
        })
    }

    pub(crate) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        with.check(&self.capabilities)?;
        let live = Arc::strong_count(&self.attachment) > 1;
        // The count is read relaxed; what a half did before it was dropped must be seen.
        fence(Ordering::Acquire);
        if live {
            return Err(Error::Active {
                object: self.name.clone(),
            });
        }
        if self.attachment.is_gone() {
            return Err(self.attachment.gone(io::ErrorKind::NotConnected.into()));
        }
        let pair = self.data.pair(with, self.patience, &self.attachment);
        let pair =
            pair.map_err(|error| Error::system("F_DUPFD_CLOEXEC", &self.name, error, None))?;
        // For whom was before.
        self.data.drain();
        self.header = with.header;
        Ok(vec![pair])
    }

    pub(crate) fn set_receive_offloads(&self, features: Features) -> Result<()> {
        let features = features & Features::RECEIVE_OFFLOADS;
        check_features(features, self.header, &self.capabilities)
    }

    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        let kept = self.data.kept().map(Farewell::descriptor);
        std::iter::once(self.data.descriptor()).chain(kept)
    }

    /// An event told so.
    pub(crate) fn set_gone(&self) {
        self.attachment.set_gone();
    }
}
