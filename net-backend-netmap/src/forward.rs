use net_backend_core::{DropReason, Error, HeaderLength, Received, Result, Sent};

use crate::abi::slot_flag;
use crate::receive_ring::{Found, ReceiveRing};
use crate::request::{PREFIX, Request};
use crate::ring::{Corrupt, RingWords, Slot};
use crate::transmit::make_room;
use crate::transmit_ring::TransmitRing;
use crate::{ReceiveQueue, TransmitQueue};

/// What [`TransmitQueue::forward`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// Frames taken from the one port: moved to the other, or dropped because it cannot have them.
    pub frames: usize,
    /// Why there were not more.
    pub stopped: Stopped,
}

/// Why [`TransmitQueue::forward`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The limit was reached.
    Limit,
    /// No frame was left: wait for the receive half's source.
    Empty,
    /// No room was left: wait for the transmit half's source.
    Full,
}

impl TransmitQueue {
    /// Moves up to `limit` frames from `receive` into this queue by exchanging buffers, so that no byte is copied. As
    /// with [`send`](net_backend_core::TxQueue::send), the kernel learns of them at the next
    /// [`flush`](net_backend_core::TxQueue::flush). Does not block.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`], before anything has moved, for ports whose buffers are in different memory regions or
    /// that have headers of different length; [`Error::Gone`] of either port.
    pub fn forward(&mut self, receive: &mut ReceiveQueue, limit: usize) -> Result<Forwarded> {
        self.check_pair(receive)?;
        let mut frames = 0;
        while frames < limit {
            if receive.next()?.is_none() {
                return Ok(stopped(frames, Stopped::Empty));
            }
            match self.forward_next(receive)? {
                Sent::Busy { .. } => return Ok(stopped(frames, Stopped::Full)),
                Sent::Queued | Sent::Dropped(_) => frames += 1,
            }
        }
        Ok(stopped(frames, Stopped::Limit))
    }

    fn check_pair(&self, receive: &ReceiveQueue) -> Result<()> {
        let (from, to) = (receive.attachment(), self.attachment());
        let refuse = |what: String, reason| Err(Error::Unsupported { what, reason });
        if from.memory != to.memory {
            return refuse(
                format!(
                    "moving frames from {} (memory region {}) to {} (memory region {})",
                    from.name, from.memory, to.name, to.memory
                ),
                "buffers move only within one region; open both ports with the same @ID, or copy",
            );
        }
        if receive.header() != self.header().bytes() {
            return refuse(
                format!(
                    "moving frames from {} with headers of {} bytes to {} with {}",
                    from.name,
                    receive.header(),
                    to.name,
                    self.header()
                ),
                "frames are moved as they are; activate both ports with the same header",
            );
        }
        Ok(())
    }

    /// Moves the next frame, which is there.
    fn forward_next(&mut self, receive: &mut ReceiveQueue) -> Result<Sent> {
        let refusal = match self.header() {
            HeaderLength::None => None,
            _ => self.refusal(receive)?,
        };
        let longest = self.longest();
        let Some((found, from)) = receive.next()? else {
            return Ok(Sent::Queued);
        };
        let Some((ring, attachment, counters)) = self.parts() else {
            return Ok(drop_next(self, receive, found, DropReason::Policy));
        };
        let is_short = found.length <= longest && ring.can_hold(found.slots);
        let too_long = (!is_short).then_some(DropReason::TooLong);
        if let Some(reason) = refusal.or(too_long) {
            return Ok(drop_next(self, receive, found, reason));
        }
        if from.first_length() > ring.first() {
            return self.copy_next(receive);
        }
        if !ring.has_room(found.slots) && !make_room(ring, found.slots, attachment)? {
            return Ok(counters.count_sent(found.length, Sent::Busy { retry_after: None }));
        }
        exchange(from, ring, found.slots).map_err(|corrupt| attachment.corrupt(corrupt))?;
        ring.take(found.slots);
        let sent = counters.count_sent(found.length, Sent::Queued);
        finish(receive, found);
        Ok(sent)
    }

    /// Copies the next frame, whose first buffer is fuller than it may be here.
    #[cold]
    #[inline(never)]
    fn copy_next(&mut self, receive: &mut ReceiveQueue) -> Result<Sent> {
        let Some(frame) = receive.lend()? else {
            return Ok(Sent::Queued);
        };
        let sent = frame.with_pieces(|pieces| self.send_as_it_is(pieces))?;
        if !matches!(sent, Sent::Busy { .. }) {
            frame.release();
        }
        Ok(sent)
    }

    /// Why the header of the next frame is refused.
    #[inline(never)]
    fn refusal(&self, receive: &mut ReceiveQueue) -> Result<Option<DropReason>> {
        let mut prefix = [0; PREFIX];
        let Some(frame) = receive.lend()? else {
            return Ok(None);
        };
        let first = frame.pieces().next().map_or(0, |piece| piece.len());
        let count = frame.copy_to(&mut prefix).min(first);
        let request = Request {
            prefix: prefix.get(..count).unwrap_or_default(),
            header: self.header(),
            length: frame.length(),
            first,
        };
        Ok(request.check(self.features()).err())
    }
}

fn stopped(frames: usize, stopped: Stopped) -> Forwarded {
    Forwarded { frames, stopped }
}

fn drop_next(
    transmit: &mut TransmitQueue,
    receive: &mut ReceiveQueue,
    found: Found,
    reason: DropReason,
) -> Sent {
    finish(receive, found);
    transmit
        .counted()
        .count_sent(found.length, Sent::Dropped(reason))
}

/// The frame has left the receive ring.
fn finish(receive: &mut ReceiveQueue, found: Found) {
    receive.counted().count_received(Received {
        length: found.length,
        truncated: false,
    });
    receive.release(found);
}

/// Exchanges the buffers of the first slots of two rings.
fn exchange(receive: &ReceiveRing, transmit: &TransmitRing, slots: u32) -> Result<(), Corrupt> {
    for count in 0..slots {
        let full = receive.slot_of(count)?;
        let empty = transmit.slot_of(count)?;
        let more = match count + 1 < slots {
            true => slot_flag::MOREFRAG,
            false => 0,
        };
        transmit.memory().set_slot(
            transmit.window().index(count),
            Slot {
                flags: slot_flag::BUF_CHANGED | more,
                ..full
            },
        );
        receive.memory().set_slot(
            receive.window().index(count),
            Slot {
                length: 0,
                flags: slot_flag::BUF_CHANGED,
                ..empty
            },
        );
    }
    Ok(())
}
