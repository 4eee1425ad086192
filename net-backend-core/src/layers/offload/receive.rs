use std::sync::Arc;

use super::AcceptedOffloads;
use super::judge::{Verdict, is_plain, judge};
use super::software::Software;
use crate::offload::{Checksum, Malformed};
use crate::{
    Counters, DropReason, Features, HeaderLength, Received, Result, RxQueue, RxSlice, Source,
    VirtioNetHeader, scatter,
};

/// A receive half that shows the beginning of the next frame before it is received.
pub trait PeekHeader: RxQueue {
    /// What [`peek`](RxQueue::peek) gives, and the frame's first bytes in `into`: as many as there are and find
    /// room. Repeatable, and the frame stays next.
    ///
    /// # Errors
    ///
    /// As [`peek`](RxQueue::peek).
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>>;

    /// Receives the next frame as [`recv`](RxQueue::recv) does, if it is at hand and its header has neither flags nor
    /// segmentation; `None`, and nothing has happened, otherwise. What a half need not have, and most frames gain by.
    #[inline]
    fn recv_plain(&mut self, into: &mut [RxSlice<'_>]) -> Option<Received> {
        let _ = into;
        None
    }
}

/// Gives a guest only what it accepts, from a receive half whose frames have a virtio-net header of `native` length
/// that asks for anything: as a switch passes on what the sender asked for. The same half without a header, where
/// nothing can be asked for.
///
/// What the guest may have passes by without a copy. For the rest, which goes through own memory of 64 KiB:
///
/// - checksums are completed without [`Features::GUEST_CSUM`];
/// - super-frames are cut into segments or IP fragments, behind up to two VLAN tags, when their feature is missing,
///   or that of ECN. They are made one by one, so that a frame with tiny segments takes no more memory. Segments of
///   a guest with `GUEST_CSUM` have partial checksums;
/// - flags that the guest does not know are cleared, and `num_buffers` is 1.
///
/// A header that cannot be true of its frame, or one that asks for what cannot be done with it, makes the frame
/// [`Malformed`](DropReason::Malformed): it is dropped and counted, also when `peek` finds it. A frame to be worked
/// on that is longer than an IP packet is [`TooLong`](DropReason::TooLong).
///
/// [`peek`](RxQueue::peek) receives what has to be worked on, and costs else what
/// [`peek_header`](PeekHeader::peek_header) does. The counters begin at zero and are about frames as the guest gets
/// them; those of `inner` stay its own, with frames dropped here as truncated.
pub fn soften_receive<Q: PeekHeader + 'static>(
    inner: Q,
    native: HeaderLength,
    accepted: Arc<AcceptedOffloads>,
) -> Box<dyn RxQueue> {
    if native == HeaderLength::None {
        return Box::new(inner);
    }
    Box::new(SoftRx {
        inner,
        native,
        accepted,
        software: Software::new(),
        wire: [0; 12],
        peeked: None,
        counters: Counters::new(),
    })
}

struct SoftRx<Q> {
    inner: Q,
    native: HeaderLength,
    accepted: Arc<AcceptedOffloads>,
    /// Has what is handed out before anything else.
    software: Software,
    /// The header that the next frame gets instead of its own.
    wire: [u8; 12],
    /// What `peek` told about.
    peeked: Option<Next>,
    counters: Counters,
}

/// Frames that one call drops at most, before it says that there is nothing now: more come only while a flood lasts.
const MOST_DROPPED: u32 = 4096;

/// The next frame for the guest.
#[derive(Clone, Copy)]
enum Next {
    /// One of the inner half, of that length with header; whether it gets another header.
    Inner(usize, bool),
    /// One made in software, of that length with header.
    Made(usize),
}

impl<Q: PeekHeader> SoftRx<Q> {
    #[inline]
    fn next(&mut self) -> Result<Option<Next>> {
        let skip = self.native.bytes();
        // A flood of frames that are dropped does not keep the caller here.
        for _ in 0..MOST_DROPPED {
            if let Some(length) = self.software.next_length() {
                return Ok(Some(Next::Made(skip + length)));
            }
            let mut wire = VirtioNetHeader::default().encode();
            let place = wire.get_mut(..skip).unwrap_or_default();
            let Some(length) = self.inner.peek_header(place)? else {
                return Ok(None);
            };
            if length >= skip && is_plain(&wire, self.native) {
                return Ok(Some(Next::Inner(length, false)));
            }
            let accepted = self.accepted.features();
            let verdict = match length.checked_sub(skip) {
                Some(behind) => judge(&wire, self.native, behind, accepted),
                None => Err(Malformed),
            };
            let was_there = match verdict {
                Ok(Verdict::Pass) => return Ok(Some(Next::Inner(length, false))),
                Ok(Verdict::Rewrite(wire)) => {
                    self.wire = wire;
                    return Ok(Some(Next::Inner(length, true)));
                }
                Ok(Verdict::Do(header)) => self.work_on(length, &header, accepted)?,
                Err(Malformed) => self.discard(DropReason::Malformed)?,
            };
            if !was_there {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Receives a frame of `length` bytes with header, and does what the header asks for; whether there was one.
    fn work_on(
        &mut self,
        length: usize,
        header: &VirtioNetHeader,
        accepted: Features,
    ) -> Result<bool> {
        let behind = length - self.native.bytes();
        let Some(room) = self.software.room(behind) else {
            return self.discard(DropReason::TooLong);
        };
        let mut wire = [0; 12];
        let place = wire.get_mut(..self.native.bytes()).unwrap_or_default();
        let mut into = [RxSlice::new(place), RxSlice::new(room)];
        let Some(received) = self.inner.recv(&mut into)? else {
            return Ok(false);
        };
        let kind = if accepted.contains(Features::GUEST_CSUM) {
            Checksum::Partial
        } else {
            Checksum::Complete
        };
        let is_whole = received.length == length && !received.truncated;
        if !is_whole || self.software.begin(behind, header, kind).is_err() {
            self.software.clear();
            self.counters.count_drop(DropReason::Malformed);
        }
        Ok(true)
    }

    /// Drops the next frame of the inner half; whether there was one.
    fn discard(&mut self, reason: DropReason) -> Result<bool> {
        let was_there = self.inner.recv(&mut [])?.is_some();
        if was_there {
            self.counters.count_drop(reason);
        }
        Ok(was_there)
    }

    /// The next frame that was made in software.
    fn made(&mut self, into: &mut [RxSlice<'_>]) -> Option<Received> {
        let (head, payload) = self.software.next(self.native)?;
        let length = head.len() + payload.len();
        let stored = scatter(head, into, 0) + scatter(payload, into, head.len());
        self.software.advance();
        Some(Received {
            length,
            truncated: stored < length,
        })
    }
}

impl<Q: PeekHeader> RxQueue for SoftRx<Q> {
    fn peek(&mut self) -> Result<Option<usize>> {
        if self.peeked.is_none() {
            self.peeked = self.next()?;
        }
        Ok(self.peeked.map(|next| match next {
            Next::Inner(length, _) | Next::Made(length) => length,
        }))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        if self.peeked.is_none() && self.software.next_length().is_none() {
            if let Some(received) = self.inner.recv_plain(into) {
                return Ok(Some(self.counters.count_received(received)));
            }
        }
        let next = match self.peeked.take() {
            Some(peeked) => Some(peeked),
            None => self.next()?,
        };
        let received = match next {
            None => None,
            Some(Next::Inner(_, false)) => self.inner.recv(into)?,
            Some(Next::Inner(_, true)) => {
                let received = self.inner.recv(into)?;
                if received.is_some() {
                    put_header(self.wire, self.native, into);
                }
                received
            }
            Some(Next::Made(_)) => match self.made(into) {
                None => {
                    self.software.clear();
                    self.counters.count_drop(DropReason::Malformed);
                    return self.recv(into);
                }
                made => made,
            },
        };
        Ok(received.map(|received| self.counters.count_received(received)))
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

/// Overwrites the header at the beginning of the buffer.
#[inline]
fn put_header(wire: [u8; 12], native: HeaderLength, into: &mut [RxSlice<'_>]) {
    let is_done = native == HeaderLength::Twelve
        && into
            .first_mut()
            .is_some_and(|first| first.put_chunk(0, wire));
    if !is_done {
        scatter(wire.get(..native.bytes()).unwrap_or_default(), into, 0);
    }
}
