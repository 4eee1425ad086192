use std::sync::Arc;

use super::channel::{bell, readable};
use super::pair;
use crate::wake::Wake;
use crate::{
    Activation, Bell, BorrowedDescriptor, Capabilities, Counters, Driver, DropReason, Environment,
    Features, FrameLength, HeaderLength, NetBackend, PeekCost, QueuePair, Received, Result,
    RxQueue, RxSlice, Sent, Source, TxQueue, TxSlice, Uri, total_length,
};

/// `null:`: takes everything and gives nothing.
pub const NULL: Driver = Driver {
    scheme: "null",
    summary: "takes every frame and gives none; a cable that leads nowhere",
    target: "",
    options: &[],
    platforms: "any Unix",
    privilege: "none",
    open,
};

/// A backend that leads nowhere. The link is up, so that a guest can be measured against it.
#[derive(Debug)]
pub struct Null {
    capabilities: Capabilities,
    header: HeaderLength,
    active: Arc<()>,
}

impl Null {
    /// Makes one.
    pub fn new() -> Self {
        Self {
            capabilities: Capabilities {
                features: Features::OFFLOADS,
                header_lengths: &HeaderLength::ALL,
                max_queue_pairs: pair::PairConfig::MOST_QUEUE_PAIRS,
                max_frame: FrameLength::MAX,
                peek: PeekCost::Look,
                ..Capabilities::new("null")
            },
            header: HeaderLength::None,
            active: Arc::new(()),
        }
    }
}

impl Default for Null {
    fn default() -> Self {
        Self::new()
    }
}

impl NetBackend for Null {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        with.check(&self.capabilities)?;
        pair::refuse_active(&self.active, "null")?;
        self.header = with.header;
        let half = || -> Result<NullHalf> {
            Ok(NullHalf {
                silence: Wake::new(bell()?),
                header: with.header,
                counters: Counters::new(),
                _active: Arc::clone(&self.active),
            })
        };
        let pair = |_| {
            Ok(QueuePair {
                rx: Box::new(half()?),
                tx: Box::new(half()?),
            })
        };
        (0..with.queue_pairs).map(pair).collect()
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        let features = features & Features::RECEIVE_OFFLOADS;
        crate::check_features(features, self.header, &self.capabilities)
    }

    fn describe(&self) -> Uri {
        Uri::new("null")
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        Vec::new()
    }
}

/// Either half: the transmit half is never busy, the receive half never ready.
#[derive(Debug)]
struct NullHalf {
    silence: Wake<Bell>,
    header: HeaderLength,
    counters: Counters,
    _active: Arc<()>,
}

impl TxQueue for NullHalf {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        let sent = match length.checked_sub(self.header.bytes()) {
            Some(payload) if payload > FrameLength::MAX.bytes() => {
                Sent::Dropped(DropReason::TooLong)
            }
            Some(payload) if payload >= FrameLength::MIN.bytes() => Sent::Queued,
            _ => Sent::Dropped(DropReason::Malformed),
        };
        Ok(self.counters.count_sent(length, sent))
    }

    fn source(&self) -> Source<'_> {
        readable(&self.silence)
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl RxQueue for NullHalf {
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(None)
    }

    fn recv(&mut self, _: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        Ok(None)
    }

    fn source(&self) -> Source<'_> {
        readable(&self.silence)
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

fn open(uri: &Uri, _: &Environment) -> Result<Box<dyn NetBackend>> {
    uri.without_target()?;
    uri.options(&[])?;
    Ok(Box::new(Null::new()))
}
