//! Queues that do what they are told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use net_backend_core::layers::PeekHeader;
use net_backend_core::{
    Bell, Counters, DropReason, HeaderLength, Interest, Received, Result, RxQueue, RxSlice, Sent,
    Source, TxQueue, TxSlice, VirtioNetHeader, gather, scatter, total_length,
};

/// A frame with the header in front of it.
pub(crate) fn with_header(frame: &[u8], header: &VirtioNetHeader, length: HeaderLength) -> Vec<u8> {
    [&header.encode()[..length.bytes()], frame].concat()
}

/// A header, and the frame behind it.
pub(crate) fn parted(frame: &[u8], length: HeaderLength) -> (Vec<u8>, VirtioNetHeader) {
    let mut wire = VirtioNetHeader::default().encode();
    wire[..length.bytes()].copy_from_slice(&frame[..length.bytes()]);
    let header = VirtioNetHeader::decode(wire, length).unwrap();
    (frame[length.bytes()..].to_vec(), header)
}

/// A receive half with these frames, headers included.
pub(crate) struct Script {
    pub(crate) frames: VecDeque<Vec<u8>>,
    /// Where the last frame was received to.
    pub(crate) place: Arc<Mutex<usize>>,
    bell: Bell,
}

impl Script {
    pub(crate) fn new(frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            frames: frames.into_iter().collect(),
            place: Arc::default(),
            bell: Bell::new().unwrap(),
        }
    }
}

impl RxQueue for Script {
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(self.frames.front().map(Vec::len))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let Some(frame) = self.frames.pop_front() else {
            return Ok(None);
        };
        *self.place.lock().unwrap() = into.first().map_or(0, |it| it.as_ptr().addr());
        let stored = scatter(&frame, into, 0);
        Ok(Some(Received {
            length: frame.len(),
            truncated: stored < frame.len(),
        }))
    }

    fn source(&self) -> Source<'_> {
        readable(&self.bell)
    }

    fn counters(&self) -> Counters {
        Counters::new()
    }
}

impl PeekHeader for Script {
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        let Some(frame) = self.frames.front() else {
            return Ok(None);
        };
        scatter(frame, &mut [RxSlice::new(into)], 0);
        Ok(Some(frame.len()))
    }
}

/// What a [`Sink`] has taken, and what it is going to say.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) calls: usize,
    pub(crate) flushes: usize,
    /// Calls that are busy.
    pub(crate) busy: BTreeSet<usize>,
    /// Calls whose frame is dropped.
    pub(crate) dropped: BTreeSet<usize>,
    /// Where the last frame came from.
    pub(crate) place: usize,
}

/// A transmit half that keeps the frames.
pub(crate) struct Sink {
    pub(crate) taken: Arc<Mutex<Taken>>,
    bell: Bell,
}

impl Sink {
    pub(crate) fn new(
        busy: impl IntoIterator<Item = usize>,
        dropped: impl IntoIterator<Item = usize>,
    ) -> Self {
        let taken = Taken {
            busy: busy.into_iter().collect(),
            dropped: dropped.into_iter().collect(),
            ..Taken::default()
        };
        Self {
            taken: Arc::new(Mutex::new(taken)),
            bell: Bell::new().unwrap(),
        }
    }
}

impl TxQueue for Sink {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let mut taken = self.taken.lock().unwrap();
        let call = taken.calls;
        taken.calls += 1;
        taken.place = frame.first().map_or(0, |it| it.as_ptr().addr());
        if taken.busy.contains(&call) {
            return Ok(Sent::Busy { retry_after: None });
        }
        if taken.dropped.contains(&call) {
            return Ok(Sent::Dropped(DropReason::Policy));
        }
        let mut bytes = vec![0; total_length(frame)];
        gather(frame, 0, &mut bytes);
        taken.frames.push(bytes);
        Ok(Sent::Queued)
    }

    fn flush(&mut self) -> Result<()> {
        self.taken.lock().unwrap().flushes += 1;
        Ok(())
    }

    fn source(&self) -> Source<'_> {
        readable(&self.bell)
    }

    fn counters(&self) -> Counters {
        Counters::new()
    }
}

fn readable(bell: &Bell) -> Source<'_> {
    Source {
        descriptor: bell.descriptor(),
        interest: Interest::Readable,
    }
}
