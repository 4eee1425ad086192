//! One direction of one queue: a bounded queue of frames between a sender and a receiver.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::wake::Wake;
use crate::{
    Bell, BorrowedDescriptor, Counters, DropReason, Error, Features, FrameLength, HeaderLength,
    Interest, Received, Result, RxQueue, RxSlice, Sent, Source, TxQueue, TxSlice, VirtioNetHeader,
    gather, scatter, total_length,
};

/// The queue itself. Frames are kept with a decoded header, so that both sides may use different lengths.
#[derive(Debug)]
pub(super) struct Channel {
    state: Mutex<State>,
    /// For the receiver: there is a frame.
    readable: Wake<Bell>,
    /// For the sender: there is room.
    writable: Wake<Bell>,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<Frame>,
    /// Buffers of frames that were received, to be used again.
    spare: Vec<Vec<u8>>,
    /// Frames that fit.
    capacity: usize,
    /// What the receiver takes; `None` without receiver.
    accepts: Option<Features>,
    gone: bool,
}

#[derive(Debug)]
struct Frame {
    header: VirtioNetHeader,
    bytes: Vec<u8>,
}

impl Channel {
    /// An empty queue for `capacity` frames, without receiver.
    pub(super) fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                frames: VecDeque::with_capacity(capacity),
                spare: Vec::with_capacity(capacity),
                capacity,
                accepts: None,
                gone: false,
            }),
            readable: Wake::new(bell()?),
            writable: Wake::new(bell()?),
        })
    }

    /// All that it holds.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        let bells = [self.readable.bell(), self.writable.bell()];
        bells.into_iter().flat_map(Bell::descriptors)
    }

    /// From now on frames are taken that need no more than `features`.
    pub(super) fn accept(&self, features: Features) {
        self.state().accepts = Some(features & Features::RECEIVE_OFFLOADS);
    }

    /// The same, if there is a receiver at all.
    pub(super) fn change_acceptance(&self, features: Features) {
        if let Some(accepted) = &mut self.state().accepts {
            *accepted = features;
        }
    }

    /// Nobody receives any more; what was queued is lost. A sender that waits for room is woken.
    fn refuse(&self) {
        let mut state = self.state();
        state.accepts = None;
        state.frames.clear();
        drop(state);
        self.writable.notify();
    }

    /// No frame will ever be taken again. What was queued can still be received.
    pub(super) fn hang_up(&self) {
        self.state().gone = true;
        self.readable.notify();
        self.writable.notify();
    }

    fn push(&self, header: VirtioNetHeader, frame: &[TxSlice<'_>], skip: usize) -> Result<Sent> {
        let mut state = self.state();
        if state.gone {
            return Err(gone());
        }
        let Some(accepted) = state.accepts else {
            return Ok(Sent::Dropped(DropReason::LinkDown));
        };
        if !accepted.contains(header.receive_features()) {
            return Ok(Sent::Dropped(DropReason::NotNegotiated));
        }
        if state.frames.len() >= state.capacity {
            // Nobody takes a frame out while the lock is held, so there is no need for a second look.
            self.writable.arm();
            return Ok(Sent::Busy { retry_after: None });
        }
        let mut bytes = state.spare.pop().unwrap_or_default();
        bytes.resize(total_length(frame) - skip, 0);
        let copied = gather(frame, skip, &mut bytes);
        bytes.truncate(copied);
        state.frames.push_back(Frame { header, bytes });
        drop(state);
        self.readable.notify();
        Ok(Sent::Queued)
    }

    /// Shows the next frame to `take`; removes it when told so.
    fn next<T>(&self, remove: bool, take: impl FnOnce(&Frame) -> T) -> Result<Option<T>> {
        let mut state = self.state();
        let Some(frame) = state.frames.front() else {
            if state.gone {
                return Err(gone());
            }
            self.readable.arm();
            return Ok(None);
        };
        let taken = take(frame);
        if remove {
            let bytes = state.frames.pop_front().map(|frame| frame.bytes);
            state.spare.extend(bytes);
            drop(state);
            self.writable.notify();
        }
        Ok(Some(taken))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transmit half over a channel.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) channel: Arc<Channel>,
    pub(super) header: HeaderLength,
    pub(super) features: Features,
    pub(super) counters: Counters,
    /// Held as long as the half lives.
    pub(super) _active: Arc<()>,
}

impl Sender {
    fn transmit(&self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        let skip = self.header.bytes();
        let payload = length.saturating_sub(skip);
        if payload < FrameLength::MIN.bytes() {
            return Ok(Sent::Dropped(DropReason::Malformed));
        }
        if payload > FrameLength::MAX.bytes() {
            return Ok(Sent::Dropped(DropReason::TooLong));
        }
        let Some(header) = VirtioNetHeader::sent(frame, self.header) else {
            return Ok(Sent::Dropped(DropReason::Malformed));
        };
        if !self.features.contains(header.transmit_features()) {
            return Ok(Sent::Dropped(DropReason::NotNegotiated));
        }
        self.channel.push(header, frame, skip)
    }
}

impl TxQueue for Sender {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        let sent = self.transmit(frame, length)?;
        Ok(self.counters.count_sent(length, sent))
    }

    fn source(&self) -> Source<'_> {
        readable(&self.channel.writable)
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

/// The receive half over a channel. Dropped, it leaves the channel without receiver.
pub(super) struct Receiver {
    pub(super) channel: Arc<Channel>,
    pub(super) header: HeaderLength,
    pub(super) counters: Counters,
    /// Held as long as the half lives.
    pub(super) _active: Arc<()>,
    /// Told that the half was dropped.
    pub(super) on_drop: Box<dyn FnMut() + Send>,
}

impl RxQueue for Receiver {
    fn peek(&mut self) -> Result<Option<usize>> {
        let header = self.header.bytes();
        self.channel.next(false, |frame| header + frame.bytes.len())
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let header = self.header.bytes();
        let received = self.channel.next(true, |frame| {
            let wire = frame.header.encode();
            let mut stored = scatter(wire.get(..header).unwrap_or_default(), into, 0);
            stored += scatter(&frame.bytes, into, header);
            let length = header + frame.bytes.len();
            Received {
                length,
                truncated: stored < length,
            }
        })?;
        Ok(received.map(|received| self.counters.count_received(received)))
    }

    fn source(&self) -> Source<'_> {
        readable(&self.channel.readable)
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.channel.refuse();
        (self.on_drop)();
    }
}

pub(super) fn readable(wake: &Wake<Bell>) -> Source<'_> {
    Source {
        descriptor: wake.bell().descriptor(),
        interest: Interest::Readable,
    }
}

pub(super) fn bell() -> Result<Bell> {
    Bell::new().map_err(|cause| Error::system("socketpair", "a queue in memory", cause, None))
}

fn gone() -> Error {
    Error::Gone {
        object: "the other end of the pair".into(),
        cause: io::Error::new(io::ErrorKind::BrokenPipe, "it was dropped"),
    }
}
