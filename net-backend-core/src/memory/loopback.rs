use std::sync::Arc;

use super::channel::Channel;
use super::pair::{self, PairConfig};
use crate::{
    Activation, BorrowedDescriptor, Capabilities, Driver, Environment, Features, HeaderLength, Mtu,
    NetBackend, OptionSpec, QueuePair, Result, Uri,
};

/// `loopback:`: what is sent comes back.
pub const LOOPBACK: Driver = Driver {
    scheme: "loopback",
    summary: "every frame comes back to its sender",
    target: "",
    options: OPTIONS,
    platforms: "any Unix",
    privilege: "none",
    open,
};

const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("queues", "N", "queue pairs, 1 to 64 (1)"),
    OptionSpec::new("capacity", "N", "frames that wait in each queue (256)"),
    OptionSpec::new(
        "mtu",
        "BYTES",
        "the IP MTU that is told to the guest (1500)",
    ),
];

/// A backend that gives back every frame on the queue pair that it was sent on.
#[derive(Debug)]
pub struct Loopback {
    capabilities: Capabilities,
    config: PairConfig,
    channels: Vec<Arc<Channel>>,
    header: HeaderLength,
    active: Arc<()>,
}

impl Loopback {
    /// Makes one; numbers out of range are brought into it, and offloads have no option in the URI.
    ///
    /// # Errors
    ///
    /// [`Error::System`](crate::Error::System) when the process has no descriptors left.
    pub fn new(config: &PairConfig) -> Result<Self> {
        let config = config.in_range();
        Ok(Self {
            capabilities: pair::capabilities("loopback", &config),
            config,
            channels: pair::channels(&config)?,
            header: HeaderLength::None,
            active: Arc::new(()),
        })
    }
}

impl NetBackend for Loopback {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        with.check(&self.capabilities)?;
        pair::refuse_active(&self.active, "loopback")?;
        self.header = with.header;
        let channels = self.channels.iter().take(usize::from(with.queue_pairs));
        let pairs =
            channels.map(|channel| pair::queue_pair(channel, channel, with, &self.active, || ()));
        Ok(pairs.collect())
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        pair::set_receive_offloads(features, self.header, &self.capabilities, &self.channels)
    }

    fn describe(&self) -> Uri {
        let default = PairConfig::default();
        let mut uri = Uri::new("loopback");
        if self.config.queue_pairs != default.queue_pairs {
            uri = uri.with_option("queues", self.config.queue_pairs);
        }
        if self.config.capacity != default.capacity {
            uri = uri.with_option("capacity", self.config.capacity);
        }
        if self.config.mtu != default.mtu {
            uri = uri.with_option("mtu", self.config.mtu);
        }
        uri
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let channels = self.channels.iter();
        channels.flat_map(|channel| channel.descriptors()).collect()
    }
}

fn open(uri: &Uri, _: &Environment) -> Result<Box<dyn NetBackend>> {
    uri.without_target()?;
    let options = uri.options(OPTIONS)?;
    let mut config = PairConfig::default();
    if let Some(queues) = options.value("queues") {
        config.queue_pairs = queues.number(1..=PairConfig::MOST_QUEUE_PAIRS)?;
    }
    if let Some(capacity) = options.value("capacity") {
        config.capacity = capacity.number(1..=PairConfig::MOST_FRAMES)?;
    }
    if let Some(mtu) = options.value("mtu") {
        config.mtu = mtu.mtu(Mtu::MIN..=Mtu::MAX)?;
    }
    Ok(Box::new(Loopback::new(&config)?))
}
