use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use super::channel::{Channel, Receiver, Sender};
use super::events::Events;
use crate::{
    Activation, BorrowedDescriptor, Capabilities, Counters, Error, Event, Features, FrameLength,
    HeaderLength, LinkState, Mtu, NetBackend, PeekCost, QueuePair, Result, Source, Uri,
    check_features,
};

/// What a pair of ends can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairConfig {
    /// Queue pairs: 1 to [`MOST_QUEUE_PAIRS`](Self::MOST_QUEUE_PAIRS).
    pub queue_pairs: u16,
    /// Frames that wait in each direction of each queue before `send` is busy: 1 to
    /// [`MOST_FRAMES`](Self::MOST_FRAMES).
    pub capacity: usize,
    /// The offloads on offer. A frame that needs one which the receiving end did not activate is dropped.
    pub features: Features,
    /// The MTU that both ends tell.
    pub mtu: Mtu,
}

impl PairConfig {
    /// Each costs four descriptors for each direction, of which a process often has no more than 1024.
    pub const MOST_QUEUE_PAIRS: u16 = 64;
    /// Frames in one queue.
    pub const MOST_FRAMES: usize = 65_536;

    /// The nearest config that there can be.
    pub(super) fn in_range(&self) -> Self {
        Self {
            queue_pairs: self.queue_pairs.clamp(1, Self::MOST_QUEUE_PAIRS),
            capacity: self.capacity.clamp(1, Self::MOST_FRAMES),
            ..*self
        }
    }
}

impl Default for PairConfig {
    /// One queue pair, 256 frames, all offloads, an MTU of 1500.
    fn default() -> Self {
        Self {
            queue_pairs: 1,
            capacity: 256,
            features: Features::OFFLOADS,
            mtu: Mtu::ETHERNET,
        }
    }
}

/// Two backends wired to each other: what one sends, the other receives. For unit tests of VMMs, and to join
/// a device model with a network stack in the same process.
///
/// The link is up while the other end is active. An end that is dropped is gone for the other.
///
/// # Errors
///
/// [`Error::System`] when the process has no descriptors left.
pub fn pair(config: &PairConfig) -> Result<(PairEnd, PairEnd)> {
    let config = &config.in_range();
    let left = Arc::new(Side::new(config)?);
    let right = Arc::new(Side::new(config)?);
    let end = |own: &Arc<Side>, other: &Arc<Side>| PairEnd {
        capabilities: capabilities("pair", config),
        own: Arc::clone(own),
        other: Arc::clone(other),
        header: HeaderLength::None,
        link: LinkState::Down,
        active: Arc::new(()),
    };
    Ok((end(&left, &right), end(&right, &left)))
}

/// One end of a [`pair`].
#[derive(Debug)]
pub struct PairEnd {
    capabilities: Capabilities,
    own: Arc<Side>,
    other: Arc<Side>,
    header: HeaderLength,
    link: LinkState,
    active: Arc<()>,
}

/// What leads to one end.
#[derive(Debug)]
struct Side {
    /// One for each queue pair.
    inbound: Vec<Arc<Channel>>,
    events: Events,
    /// Receivers that live.
    receivers: AtomicUsize,
}

impl Side {
    fn new(config: &PairConfig) -> Result<Self> {
        Ok(Self {
            inbound: channels(config)?,
            events: Events::new()?,
            receivers: AtomicUsize::new(0),
        })
    }
}

impl NetBackend for PairEnd {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        with.check(&self.capabilities)?;
        refuse_active(&self.active, "pair")?;
        self.header = with.header;
        let count = usize::from(with.queue_pairs);
        self.own.receivers.store(count, Ordering::Release);
        let lanes = self.other.inbound.iter().zip(&self.own.inbound);
        let pairs = lanes
            .take(count)
            .map(|(out, inbound)| {
                let (own, other) = (Arc::clone(&self.own), Arc::clone(&self.other));
                queue_pair(out, inbound, with, &self.active, move || {
                    if own.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
                        other.events.push(Event::LinkDown);
                    }
                })
            })
            .collect();
        self.other.events.push(Event::LinkUp);
        Ok(pairs)
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        set_receive_offloads(features, self.header, &self.capabilities, &self.own.inbound)
    }

    /// `pair:`, which no registry opens: an end exists only with the other.
    fn describe(&self) -> Uri {
        Uri::new("pair")
    }

    fn link(&self) -> LinkState {
        self.link
    }

    fn events(&self) -> Option<Source<'_>> {
        Some(self.own.events.source())
    }

    fn next_event(&mut self) -> Option<Event> {
        let event = self.own.events.pop()?;
        self.link = match event {
            Event::LinkUp => LinkState::Up,
            Event::LinkDown | Event::Gone => LinkState::Down,
        };
        Some(event)
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let sides = [&self.own, &self.other];
        let channels = sides.iter().flat_map(|side| &side.inbound);
        channels
            .flat_map(|channel| channel.descriptors())
            .chain(sides.iter().flat_map(|side| side.events.descriptors()))
            .collect()
    }
}

impl Drop for PairEnd {
    fn drop(&mut self) {
        for channel in self.own.inbound.iter().chain(&self.other.inbound) {
            channel.hang_up();
        }
        self.other.events.push(Event::Gone);
    }
}

pub(super) fn capabilities(scheme: &'static str, config: &PairConfig) -> Capabilities {
    Capabilities {
        features: config.features & Features::OFFLOADS,
        header_lengths: &HeaderLength::ALL,
        max_queue_pairs: config.queue_pairs,
        max_frame: FrameLength::MAX,
        mtu: Some(config.mtu),
        peek: PeekCost::Look,
        ..Capabilities::new(scheme)
    }
}

pub(super) fn channels(config: &PairConfig) -> Result<Vec<Arc<Channel>>> {
    let channel = |_| Channel::new(config.capacity).map(Arc::new);
    (0..config.queue_pairs).map(channel).collect()
}

pub(super) fn refuse_active(active: &Arc<()>, object: &str) -> Result<()> {
    let live = Arc::strong_count(active) > 1;
    // The count is read relaxed; what a half did before it was dropped must be seen.
    fence(Ordering::Acquire);
    if !live {
        return Ok(());
    }
    Err(Error::Active {
        object: object.to_owned(),
    })
}

pub(super) fn queue_pair(
    out: &Arc<Channel>,
    inbound: &Arc<Channel>,
    with: &Activation,
    active: &Arc<()>,
    on_drop: impl FnMut() + Send + 'static,
) -> QueuePair {
    inbound.accept(with.features);
    QueuePair {
        rx: Box::new(Receiver {
            channel: Arc::clone(inbound),
            header: with.header,
            counters: Counters::new(),
            _active: Arc::clone(active),
            on_drop: Box::new(on_drop),
        }),
        tx: Box::new(Sender {
            channel: Arc::clone(out),
            header: with.header,
            features: with.features,
            counters: Counters::new(),
            _active: Arc::clone(active),
        }),
    }
}

pub(super) fn set_receive_offloads(
    features: Features,
    header: HeaderLength,
    capabilities: &Capabilities,
    inbound: &[Arc<Channel>],
) -> Result<()> {
    let features = features & Features::RECEIVE_OFFLOADS;
    check_features(features, header, capabilities)?;
    for channel in inbound {
        channel.change_acceptance(features);
    }
    Ok(())
}
