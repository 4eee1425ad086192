use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use net_backend_core::frame_io::{self, Attachment};
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Driver, Environment, Error, Event, Features,
    HeaderLength, LinkState, NetBackend, QueuePair, Result, Source, Uri, check_features,
};

use crate::config::{OPTIONS, TapConfig};
use crate::sys::{self, Device};

/// `tap:`, for a registry.
pub const DRIVER: Driver = Driver {
    scheme: "tap",
    summary: "a tap device of the host; on Linux also macvtap and ipvtap",
    target: "NAME",
    options: OPTIONS,
    platforms: "Linux, FreeBSD",
    privilege: "CAP_NET_ADMIN, or a tap owned by you",
    open: open_uri,
};

/// An open tap.
#[derive(Debug)]
pub struct Tap {
    device: Device,
    capabilities: Capabilities,
    header: HeaderLength,
    /// While one of the halves lives, there are two owners.
    attachment: Arc<Attachment>,
}

impl Tap {
    /// Opens a tap. This is what needs privilege.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] and [`Error::Unsupported`] before anything has changed; [`Error::System`] with the request
    /// that the system refused.
    pub fn open(config: &TapConfig) -> Result<Self> {
        config.check()?;
        let device = sys::open(config)?;
        Ok(Self {
            capabilities: device.capabilities(),
            header: HeaderLength::None,
            attachment: Arc::new(Attachment::new(&device.name)),
            device,
        })
    }

    /// Name of the interface, with the number that the system chose for `%d`.
    pub fn name(&self) -> &str {
        &self.device.name
    }

    /// The descriptors of the queues, for an accelerator such as vhost-net. Frames that it moves are not counted.
    pub fn queue_descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        self.device.queue_descriptors()
    }
}

impl NetBackend for Tap {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        with.check(&self.capabilities)?;
        let live = Arc::strong_count(&self.attachment) > 1;
        // The count is read relaxed; what a half did before it was dropped must be seen.
        fence(Ordering::Acquire);
        if live {
            return Err(Error::Active {
                object: self.device.name.clone(),
            });
        }
        let native = self.capabilities.native_header(with.header);
        let queues = self
            .device
            .queues(with.queue_pairs, native, with.features)?;
        self.header = with.header;
        self.attachment.set_receive_offloads(with.features);
        let pairs = queues.into_iter().map(|(rx, tx)| {
            let (wanted, features) = (with.header, with.features);
            frame_io::pair(rx, tx, native, wanted, features, &self.attachment)
        });
        Ok(pairs.collect())
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        let features = features & Features::RECEIVE_OFFLOADS;
        check_features(features, self.header, &self.capabilities)?;
        self.device.set_receive_offloads(features)?;
        // Frames that were queued before may still have a partial checksum, so that flags are not cleared again.
        if features.contains(Features::GUEST_CSUM) {
            self.attachment.set_receive_offloads(features);
        }
        Ok(())
    }

    fn describe(&self) -> Uri {
        self.device.config.to_uri()
    }

    fn link(&self) -> LinkState {
        self.device.link()
    }

    fn events(&self) -> Option<Source<'_>> {
        self.device.events()
    }

    fn next_event(&mut self) -> Option<Event> {
        let event = self.device.next_event()?;
        if event == Event::Gone {
            self.attachment.set_gone();
        }
        Some(event)
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        self.device.descriptors()
    }
}

fn open_uri(uri: &Uri, _: &Environment) -> Result<Box<dyn NetBackend>> {
    Ok(Box::new(Tap::open(&TapConfig::from_uri(uri)?)?))
}
