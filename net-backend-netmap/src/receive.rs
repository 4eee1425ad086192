use std::sync::Arc;

use net_backend_core::layers::PeekHeader;
use net_backend_core::{
    Counters, FrameLength, HeaderLength, Received, Result, RxQueue, RxSlice, Source,
};

use crate::attachment::Attachment;
use crate::receive_ring::{Found, ReceiveRing};
use crate::waiting::Waiting;

/// The receive half of a netmap queue pair: one receive ring, or several that are served in turn.
///
/// Frames are looked at and copied without a system call. Waiting for [`source`](RxQueue::source) is what
/// synchronises with the kernel; whoever asks again without waiting gets a `NIOCRXSYNC`.
#[derive(Debug)]
pub struct ReceiveQueue {
    rings: Vec<ReceiveRing>,
    /// The ring that is served.
    turn: usize,
    /// Frames taken from it in this turn.
    served: u32,
    /// The last look at all rings found nothing.
    is_quiet: bool,
    waiting: Waiting,
    /// Bytes of the virtio-net header in front of each frame.
    header: usize,
    attachment: Arc<Attachment>,
    counters: Counters,
}

/// Frames that one ring gives before it is the next one's turn.
const TURN: u32 = 16;

impl ReceiveQueue {
    pub(crate) fn new(
        rings: Vec<ReceiveRing>,
        waiting: Waiting,
        header: HeaderLength,
        attachment: Arc<Attachment>,
    ) -> Self {
        Self {
            rings,
            turn: 0,
            served: 0,
            // Nobody has waited yet.
            is_quiet: true,
            waiting,
            header: header.bytes(),
            attachment,
            counters: Counters::new(),
        }
    }

    pub(crate) fn header(&self) -> usize {
        self.header
    }

    pub(crate) fn attachment(&self) -> &Arc<Attachment> {
        &self.attachment
    }

    pub(crate) fn counted(&self) -> &Counters {
        &self.counters
    }

    /// The ring whose turn it is, which the next frame was found in.
    pub(crate) fn current(&self) -> Option<&ReceiveRing> {
        self.rings.get(self.turn)
    }

    /// The next frame, which stays where it is, and the ring that it is in.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<(Found, &mut ReceiveRing)>> {
        let found = match self.scan()? {
            Some(found) => Some(found),
            None => self.look_again()?,
        };
        self.is_quiet = found.is_none();
        let ring = self.rings.get_mut(self.turn);
        Ok(found.zip(ring))
    }

    /// Gives the slots of the next frame back; it was `found` in the ring whose turn it is.
    #[inline]
    pub(crate) fn release(&mut self, found: Found) {
        if let Some(ring) = self.rings.get_mut(self.turn) {
            ring.release(found.slots);
        }
        if self.rings.len() > 1 {
            self.served += 1;
            if self.served >= TURN {
                self.pass_turn();
            }
        }
    }

    /// Drops every frame that has arrived until now.
    ///
    /// # Errors
    ///
    /// As [`RxQueue::recv`].
    pub(crate) fn drain(&mut self) -> Result<()> {
        for ring in &mut self.rings {
            synchronise(ring, &self.attachment)?;
            ring.release(ring.window().ours());
        }
        Ok(())
    }

    /// Looks at what is there, beginning with the ring whose turn it is.
    #[inline]
    fn scan(&mut self) -> Result<Option<Found>> {
        for _ in 0..self.rings.len() {
            let Some(ring) = self.rings.get_mut(self.turn) else {
                break;
            };
            if ring.owes_much() {
                synchronise(ring, &self.attachment)?;
            }
            match ring.next(self.header + FrameLength::MIN.bytes(), &self.counters) {
                Ok(None) => self.pass_turn(),
                Ok(found) => return Ok(found),
                Err(corrupt) => return Err(self.attachment.corrupt(corrupt)),
            }
        }
        Ok(None)
    }

    /// Nothing is there. Synchronises where waiting would not: for somebody who asks again without having waited, and
    /// on FreeBSD after a wake-up that came without (`netmap_knrw` in netmap_freebsd.c).
    #[cold]
    #[inline(never)]
    fn look_again(&mut self) -> Result<Option<Found>> {
        self.attachment.check()?;
        let mut is_due = self.is_quiet;
        loop {
            if is_due {
                let mut rings = self.rings.iter_mut();
                rings.try_for_each(|ring| synchronise(ring, &self.attachment))?;
            }
            if let Some(found) = self.scan()? {
                return Ok(Some(found));
            }
            let is_settled = self.waiting.settle();
            let is_settled = is_settled.map_err(|cause| self.attachment.gone(cause))?;
            if is_settled || is_due {
                break;
            }
            is_due = true;
        }
        self.rings.iter_mut().for_each(ReceiveRing::rest);
        Ok(None)
    }

    fn pass_turn(&mut self) {
        self.served = 0;
        self.turn += 1;
        if self.turn >= self.rings.len() {
            self.turn = 0;
        }
    }
}

impl RxQueue for ReceiveQueue {
    #[inline]
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(self.next()?.map(|(found, _)| found.length))
    }

    #[inline]
    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let header = self.header;
        let Some((found, ring)) = self.next()? else {
            return Ok(None);
        };
        ring.mark_buffers(header);
        let copied = match ring.copy(found, into) {
            Ok(copied) => copied,
            Err(corrupt) => return Err(self.attachment.corrupt(corrupt)),
        };
        self.release(found);
        Ok(Some(self.counters.count_received(Received {
            length: found.length,
            truncated: copied < found.length,
        })))
    }

    fn source(&self) -> Source<'_> {
        self.waiting.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl PeekHeader for ReceiveQueue {
    #[inline]
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        let Some((found, ring)) = self.next()? else {
            return Ok(None);
        };
        match ring.copy(found, &mut [RxSlice::new(into)]) {
            Ok(_) => Ok(Some(found.length)),
            Err(corrupt) => Err(self.attachment.corrupt(corrupt)),
        }
    }
}

#[cold]
#[inline(never)]
fn synchronise(ring: &mut ReceiveRing, attachment: &Attachment) -> Result<()> {
    let synchronised = ring.synchronise();
    synchronised.map_err(|failure| attachment.failed(failure))
}
