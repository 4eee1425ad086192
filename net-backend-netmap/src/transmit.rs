use std::sync::Arc;

use net_backend_core::{
    Counters, DropReason, Features, FrameLength, HeaderLength, Interest, Result, Sent, Source,
    TxQueue, TxSlice, VirtioNetHeader, total_length,
};

use crate::attachment::Attachment;
use crate::gate::Control;
use crate::queues;
use crate::request::is_safe;
use crate::transmit_ring::TransmitRing;

/// The transmit half of a netmap queue pair: one transmit ring, so that frames stay in order.
///
/// Frames are copied into the ring without a system call; [`flush`](TxQueue::flush) is one `NIOCTXSYNC`.
///
/// Of a monitor, and of a port that was opened for receiving only, there is none: frames are dropped as
/// [`DropReason::Policy`].
#[derive(Debug)]
pub struct TransmitQueue {
    ring: Option<TransmitRing>,
    /// What the port is bound to, if only for its descriptor.
    control: Arc<dyn Control>,
    header: HeaderLength,
    features: Features,
    /// Bytes of the longest frame, header included.
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
            features: shape.features,
            longest: shape.longest.buffer_length(shape.header),
            attachment,
            counters: Counters::new(),
        }
    }

    pub(crate) fn header(&self) -> HeaderLength {
        self.header
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

    /// The header of a frame that may be sent; `None` when it asks for nothing, so that it can go as it is.
    #[inline]
    pub(crate) fn check(
        &self,
        frame: &[TxSlice<'_>],
        length: usize,
    ) -> Result<Option<VirtioNetHeader>, DropReason> {
        if length < self.header.bytes() + FrameLength::MIN.bytes() {
            return Err(DropReason::Malformed);
        }
        if length > self.longest {
            return Err(DropReason::TooLong);
        }
        if self.header == HeaderLength::None || asks_for_nothing(frame) {
            return Ok(None);
        }
        self.check_header(frame, length).map(Some)
    }

    #[inline(never)]
    fn check_header(
        &self,
        frame: &[TxSlice<'_>],
        length: usize,
    ) -> Result<VirtioNetHeader, DropReason> {
        let header = VirtioNetHeader::sent(frame, self.header).ok_or(DropReason::Malformed)?;
        if !self.features.contains(header.transmit_features()) {
            return Err(DropReason::NotNegotiated);
        }
        let first = self.ring.as_ref().map_or(0, TransmitRing::first);
        match is_safe(&header, frame, self.header.bytes(), length.min(first)) {
            true => Ok(header),
            false => Err(DropReason::Malformed),
        }
    }

    /// Puts a frame that asks for nothing into a slot that is free; `false`, and nothing has happened, when it is not
    /// that simple.
    #[inline]
    fn put(&mut self, frame: &[TxSlice<'_>], length: usize) -> bool {
        let shortest = self.header.bytes() + FrameLength::MIN.bytes();
        let is_plain = self.header == HeaderLength::None || asks_for_nothing(frame);
        let fits = length >= shortest && length <= self.longest;
        match &mut self.ring {
            Some(ring) if is_plain && fits => ring.put_one(frame, length),
            _ => false,
        }
    }

    #[inline(never)]
    fn transmit(&mut self, frame: &[TxSlice<'_>], length: usize) -> Result<Sent> {
        let header = match self.check(frame, length) {
            Ok(header) => header,
            Err(reason) => return Ok(Sent::Dropped(reason)),
        };
        let Some(ring) = &mut self.ring else {
            return Ok(Sent::Dropped(DropReason::Policy));
        };
        let Some(shape) = ring.shape(length) else {
            return Ok(Sent::Dropped(DropReason::TooLong));
        };
        if !ring.has_room(shape.slots) {
            if let Some(sent) = make_room(ring, shape.slots, &self.attachment)? {
                return Ok(sent);
            }
        }
        let put = match header {
            None => ring.put(frame, shape),
            Some(header) => ring.put_with(&header, self.header, frame, shape),
        };
        put.map_err(|corrupt| self.attachment.corrupt(corrupt))?;
        Ok(Sent::Queued)
    }
}

impl TxQueue for TransmitQueue {
    #[inline]
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent> {
        let length = total_length(frame);
        if self.put(frame, length) {
            return Ok(self.counters.count_sent(length, Sent::Queued));
        }
        let sent = self.transmit(frame, length)?;
        Ok(self.counters.count_sent(length, sent))
    }

    fn flush(&mut self) -> Result<()> {
        self.attachment.check()?;
        match self.ring.as_mut().map_or(Ok(()), TransmitRing::flush) {
            Ok(()) => Ok(()),
            // What is in the ring is transmitted once the port is up again.
            Err(failure) => self.attachment.failed(failure),
        }
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

/// Whether the first two bytes of a virtio-net header, its flags and its kind of segmentation, are zero.
#[inline]
fn asks_for_nothing(frame: &[TxSlice<'_>]) -> bool {
    frame.first().and_then(TxSlice::first_chunk) == Some([0; 2])
}

/// Looks for room in a ring that had none at the last look; tells what becomes of the frame if there is none.
#[cold]
#[inline(never)]
pub(crate) fn make_room(
    ring: &mut TransmitRing,
    slots: u32,
    attachment: &Attachment,
) -> Result<Option<Sent>> {
    attachment.check()?;
    match ring.make_room(slots) {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(Sent::Busy { retry_after: None })),
        Err(failure) => {
            attachment.failed(failure)?;
            Ok(Some(Sent::Dropped(DropReason::LinkDown)))
        }
    }
}
