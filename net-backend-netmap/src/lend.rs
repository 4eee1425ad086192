use std::sync::Arc;

use net_backend_core::{Received, Result, RxSlice, TxSlice};

use crate::abi::slot_flag;
use crate::receive_ring::{Found, ReceiveRing};
use crate::ring::{MOST_FRAGMENTS, RingWords, Slot};
use crate::{ReceiveQueue, TakenFrame, spares};

/// A received frame where the kernel put it. It stays the next one until it is [released](Self::release).
#[derive(Debug)]
pub struct LentFrame<'q> {
    queue: &'q mut ReceiveQueue,
    found: Found,
}

impl ReceiveQueue {
    /// The next frame in place, without a copy; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// As [`RxQueue::recv`](net_backend_core::RxQueue::recv).
    #[inline]
    pub fn lend(&mut self) -> Result<Option<LentFrame<'_>>> {
        let found = match self.ready() {
            Some(found) => {
                if let Some(ring) = self.current() {
                    ring.mark_buffers(self.header());
                }
                found
            }
            None => match self.find()? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        Ok(Some(LentFrame { queue: self, found }))
    }

    /// The next frame, wherever it is, prepared for being read.
    #[inline(never)]
    fn find(&mut self) -> Result<Option<Found>> {
        let header = self.header();
        let checked = match self.next()? {
            None => return Ok(None),
            Some((found, ring)) => ring.check(found, header).map(|()| found),
        };
        let found = checked.map_err(|corrupt| self.attachment().corrupt(corrupt))?;
        Ok(Some(found))
    }
}

impl LentFrame<'_> {
    /// Length of the frame in bytes, with the virtio-net header if the port has one.
    #[inline]
    pub fn length(&self) -> usize {
        self.found.length
    }

    /// The pieces of the frame, in order, one for each buffer that it takes. Other processes that use the same memory
    /// region can change what is in them.
    #[inline]
    pub fn pieces(&self) -> impl Iterator<Item = TxSlice<'_>> {
        let ring = self.queue.current();
        (0..self.found.slots).filter_map(move |count| ring.and_then(|ring| ring.piece(count)))
    }

    /// Calls `read` with the frame as [`TxQueue::send`](net_backend_core::TxQueue::send) of any backend takes it.
    #[inline]
    pub fn with_pieces<R>(&self, read: impl FnOnce(&[TxSlice<'_>]) -> R) -> R {
        if self.found.slots == 1 {
            return read(&[self.pieces().next().unwrap_or(TxSlice::EMPTY)]);
        }
        let mut pieces = [TxSlice::EMPTY; MOST_FRAGMENTS as usize];
        let mut count = 0;
        for (place, piece) in pieces.iter_mut().zip(self.pieces()) {
            *place = piece;
            count += 1;
        }
        read(pieces.get(..count).unwrap_or_default())
    }

    /// Copies the beginning of the frame into `into`; returns how many bytes were copied.
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let ring = self.queue.current();
        let into = &mut [RxSlice::new(into)];
        ring.and_then(|ring| ring.copy(self.found, into, 0).ok())
            .unwrap_or(0)
    }

    /// Takes the frame out of the ring with its buffers, and puts spare ones in their place, so that the ring goes on
    /// while the frame is kept. The only call on the data path that allocates. `None` when there are not enough spare
    /// buffers now, and the frame stays the next one: drop frames that were taken before.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`](net_backend_core::Error::Unsupported) when the port was opened without extra buffers;
    /// [`Error::Gone`](net_backend_core::Error::Gone) when the ring makes no sense.
    pub fn take(self) -> Result<Option<TakenFrame>> {
        let attachment = Arc::clone(self.queue.attachment());
        let spares = spares::require(attachment.spares.as_ref(), &attachment.name)?;
        let Some(ring) = self.queue.current() else {
            return Ok(None);
        };
        // Looked at again: another process may have written there since.
        let slots = (0..self.found.slots).map(|count| ring.slot_of(count));
        let slots = slots.collect::<Result<Vec<_>, _>>();
        let slots = slots.map_err(|corrupt| attachment.corrupt(corrupt))?;
        let mut buffers = [0; MOST_FRAGMENTS as usize];
        let buffers = buffers.get_mut(..slots.len()).unwrap_or_default();
        if !spares.take(buffers) {
            return Ok(None);
        }
        ring.replace(buffers);
        let frame = TakenFrame::new(Arc::clone(spares), slots);
        self.release();
        Ok(Some(frame))
    }

    /// Gives the frame's buffers back, and counts it as received.
    #[inline]
    pub fn release(self) {
        self.queue.counted().count_received(Received {
            length: self.found.length,
            truncated: false,
        });
        self.queue.release(self.found);
    }
}

impl ReceiveRing {
    /// Prepares a frame for being read in place, and fails when one of its buffers does not exist.
    fn check(&self, found: Found, header: usize) -> Result<(), crate::ring::Corrupt> {
        self.mark_buffers(header);
        (0..found.slots).try_for_each(|count| self.slot_of(count).map(drop))
    }

    /// Puts these buffers into the first slots.
    fn replace(&self, buffers: &[u32]) {
        for (count, buffer) in (0..).zip(buffers) {
            let empty = Slot {
                buffer: *buffer,
                length: 0,
                flags: slot_flag::BUF_CHANGED,
            };
            self.memory().set_slot(self.window().index(count), empty);
        }
    }

    /// The bytes in the slot `count` after the first; `None` when the slot no longer makes sense.
    #[inline]
    fn piece(&self, count: u32) -> Option<TxSlice<'_>> {
        let slot = self.slot_of(count).ok()?;
        self.memory().piece(slot.buffer, slot.length.into())
    }
}
