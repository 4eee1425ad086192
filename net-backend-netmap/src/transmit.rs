use std::sync::Arc;

use net_backend_core::{
    Counters, DropReason, Features, FrameLength, HeaderLength, Interest, Result, Sent, Source,
    TxQueue, TxSlice, VirtioNetHeader, total_length,
};

use crate::attachment::Attachment;
use crate::gate::Control;
use crate::queues;
use crate::transmit_ring::{Refusal, TransmitRing};

/// The transmit half of a netmap queue pair: one transmit ring, so that frames stay in order.
///
/// Frames are copied into the ring without a system call; [`flush`](TxQueue::flush) is one `NIOCTXSYNC`.
///
/// Wait for [`source`](TxQueue::source) only after [`Sent::Busy`], and not in one thread while another sends: a wait
/// synchronises the ring, and a `NIOCTXSYNC` at the same moment does nothing and does not say so (`nm_kr_tryget` in
/// netmap's netmap_kern.h).
///
/// Of a monitor, and of a port that was opened for receiving only, there is none: frames are dropped as
/// [`DropReason::Policy`].
#[derive(Debug)]
pub struct TransmitQueue {
    ring: Option<TransmitRing>,
    /// What the port is bound to, if only for its descriptor.
    control: Arc<dyn Control>,
    /// The header that frames have in the ring.
    header: HeaderLength,
    /// The header that frames have only here, and leave behind.
    added: HeaderLength,
    features: Features,
    /// Bytes of the longest frame in the ring.
    longest: usize,
    attachment: Arc<Attachment>,
    counters: Counters,
}

impl TransmitQueue {
    pub(crate) fn new(
        ring: Option<TransmitRing>,
        control: Arc<dyn Control>,
        shape: &queues::Shape,
        attachment: Arc<Attachment>,
    ) -> Self {
        Self {
            ring,
            control,
            header: shape.header,
            added: shape.added,
            features: shape.features,
            longest: shape.longest.buffer_length(shape.header),
            attachment,
            counters: Counters::new(),
        }
    }

    pub(crate) fn header(&self) -> HeaderLength {
        self.header
    }

    pub(crate) fn features(&self) -> Features {
        self.features
    }

    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    pub(crate) fn attachment(&self) -> &Arc<Attachment> {
        &self.attachment
    }

    pub(crate) fn counted(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn parts(&mut self) -> Option<(&mut TransmitRing, &Attachment, &Counters)> {
        let ring = self.ring.as_mut()?;
        Some((ring, &self.attachment, &self.counters))
    }

    /// Sends a frame that has the header that frames have in the ring.
    pub(crate) fn send_as_it_is(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let added = std::mem::take(&mut self.added);
        let sent = self.send(frame);
        self.added = added;
        sent
    }

    /// Bytes that a frame of `total` bytes has in the ring, if it can be sent.
    #[inline]
    fn check_length(&self, total: usize) -> Result<usize, DropReason> {
        match total.checked_sub(self.added.bytes()) {
            Some(length) if length > self.longest => Err(DropReason::TooLong),
            Some(length) if length >= self.header.bytes() + FrameLength::MIN.bytes() => Ok(length),
            _ => Err(DropReason::Malformed),
        }
    }

    /// Sends a frame in one slot that is free, and that asks for nothing; `None`, and nothing has happened, when it is
    /// not that simple.
    #[inline(always)]
    fn send_simple(&mut self, frame: &[TxSlice<'_>], total: usize) -> Option<Sent> {
        let length = self.check_length(total).ok()?;
        let has_header = self.added != HeaderLength::None || self.header != HeaderLength::None;
        let request = || frame.first().and_then(TxSlice::first_chunk);
        if has_header && request() != Some([0; 2]) {
            return None;
        }
        let ring = self.ring.as_mut()?;
        let buffer = ring.fill_one(frame, self.added.bytes(), length)?;
        if self.header != HeaderLength::None {
            // It asked for nothing, and cannot ask for anything meanwhile.
            ring.ask_for_nothing(buffer);
        }
        ring.take(1);
        Some(Sent::Queued)
    }

    #[inline(never)]
    fn transmit(&mut self, frame: &[TxSlice<'_>], total: usize) -> Result<Sent> {
        let length = match self.check(frame, total) {
            Ok(length) => length,
            Err(reason) => return Ok(Sent::Dropped(reason)),
        };
        let Some(ring) = &mut self.ring else {
            return Ok(Sent::Dropped(DropReason::Policy));
        };
        let Some(shape) = ring.shape(length) else {
            return Ok(Sent::Dropped(DropReason::TooLong));
        };
        if !ring.has_room(shape.slots) && !make_room(ring, shape.slots, &self.attachment)? {
            return Ok(Sent::Busy { retry_after: None });
        }
        let filled = ring.fill(frame, self.added.bytes(), shape);
        filled.map_err(|corrupt| self.attachment.corrupt(corrupt))?;
        if self.header != HeaderLength::None {
            match ring.check(length, self.header, self.features) {
                Ok(()) => {}
                Err(Refusal::Dropped(reason)) => return Ok(Sent::Dropped(reason)),
                Err(Refusal::Corrupt(corrupt)) => return Err(self.attachment.corrupt(corrupt)),
            }
        }
        ring.take(shape.slots);
        Ok(Sent::Queued)
    }

    /// Bytes that the frame has in the ring, if it can be sent. What nobody negotiated is told before what is too long.
    fn check(&self, frame: &[TxSlice<'_>], total: usize) -> Result<usize, DropReason> {
        if total < self.added.bytes() + self.header.bytes() + FrameLength::MIN.bytes() {
            return Err(DropReason::Malformed);
        }
        self.check_added(frame)?;
        self.check_length(total)
    }

    /// Whether the header that the frame leaves behind asks for nothing.
    fn check_added(&self, frame: &[TxSlice<'_>]) -> Result<(), DropReason> {
        if self.added == HeaderLength::None {
            return Ok(());
        }
        let header = VirtioNetHeader::sent(frame, self.added).ok_or(DropReason::Malformed)?;
        match header.transmit_features().is_empty() {
            true => Ok(()),
            false => Err(DropReason::NotNegotiated),
        }
    }
}

impl TxQueue for TransmitQueue {
    #[inline]
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        let sent = match self.send_simple(frame, length) {
            Some(sent) => sent,
            None => self.transmit(frame, length)?,
        };
        Ok(self.counters.count_sent(length, sent))
    }

    fn flush(&mut self) -> Result<()> {
        self.attachment.check()?;
        let flushed = self.ring.as_mut().map_or(Ok(()), TransmitRing::flush);
        flushed.map_err(|failure| self.attachment.failed(failure))
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.control.transmit_source(),
            interest: Interest::Writable,
        }
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

/// Looks for room in a ring that had none at the last look.
#[cold]
#[inline(never)]
pub(crate) fn make_room(
    ring: &mut TransmitRing,
    slots: u32,
    attachment: &Attachment,
) -> Result<bool> {
    attachment.check()?;
    let made = ring.make_room(slots);
    made.map_err(|failure| attachment.failed(failure))
}
