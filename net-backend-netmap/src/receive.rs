use std::sync::Arc;

use net_backend_core::layers::PeekHeader;
use net_backend_core::{
    Counters, FrameLength, HeaderLength, Received, Result, RxQueue, RxSlice, Source, scatter,
};

use crate::attachment::Attachment;
use crate::queues;
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
    /// Bytes of the virtio-net header in front of each frame in the rings.
    header: usize,
    /// The header that frames get here, since they have none in the rings.
    added: HeaderLength,
    attachment: Arc<Attachment>,
    counters: Counters,
}

/// Frames that one ring gives before it is the next one's turn.
const TURN: u32 = 16;

/// Looks at all rings before it is said that there is nothing.
const LOOKS: u32 = 64;

impl ReceiveQueue {
    pub(crate) fn new(
        rings: Vec<ReceiveRing>,
        waiting: Waiting,
        shape: &queues::Shape,
        attachment: Arc<Attachment>,
    ) -> Self {
        Self {
            rings,
            turn: 0,
            served: 0,
            // Nobody has waited yet.
            is_quiet: true,
            waiting,
            header: shape.header.bytes(),
            added: shape.added,
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
        let found = match self.ready() {
            Some(found) => found,
            None => match self.search()? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let ring = self.rings.get_mut(self.turn);
        Ok(ring.map(|ring| (found, ring)))
    }

    /// Gives the slots of the next frame back; it was `found` in the ring whose turn it is.
    #[inline]
    pub(crate) fn release(&mut self, found: Found) {
        if let Some(ring) = self.rings.get_mut(self.turn) {
            ring.release(found.slots);
        }
        if self.rings.len() > 1 {
            self.count_turn();
        }
    }

    fn count_turn(&mut self) {
        self.served += 1;
        if self.served >= TURN {
            self.pass_turn();
        }
    }

    /// Drops every frame that has arrived until now.
    ///
    /// # Errors
    ///
    /// As [`RxQueue::recv`].
    pub(crate) fn drain(&mut self) -> Result<()> {
        synchronise(&mut self.rings, &self.attachment)?;
        for ring in &mut self.rings {
            ring.release(ring.window().ours());
        }
        Ok(())
    }

    /// The frame that nearly always is the next one: in one slot, of the ring whose turn it is. A search has found one
    /// there before, so that this is no quiet moment.
    #[inline]
    pub(crate) fn ready(&self) -> Option<Found> {
        let ring = self.rings.get(self.turn)?;
        let slot = ring.ready(self.shortest())?;
        Some(Found {
            slots: 1,
            length: slot.length.into(),
        })
    }

    /// Receives such a frame; `None`, and nothing has happened, when it is not that simple. Only one whose header asks
    /// for nothing if `only_plain`.
    #[inline(always)]
    fn take(&mut self, into: &mut [RxSlice<'_>], only_plain: bool) -> Option<Received> {
        let shortest = self.shortest();
        let ring = self.rings.get_mut(self.turn)?;
        let slot = ring.ready(shortest)?;
        if only_plain && !ring.is_plain(slot) {
            return None;
        }
        let length = self.added.bytes() + usize::from(slot.length);
        let stored = match self.added {
            HeaderLength::None => ring.take(slot, self.header, into, 0),
            added => put_header(added, into) + ring.take(slot, self.header, into, added.bytes()),
        };
        if self.rings.len() > 1 {
            self.count_turn();
        }
        Some(self.counters.count_received(Received {
            length,
            truncated: stored < length,
        }))
    }

    /// Receives the next frame, wherever it is.
    #[inline(never)]
    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        let (header, added) = (self.header, self.added);
        let Some((found, ring)) = self.next()? else {
            return Ok(None);
        };
        ring.mark_buffers(header);
        let copied = match ring.copy(found, into, added.bytes()) {
            Ok(copied) => copied,
            Err(corrupt) => return Err(self.attachment.corrupt(corrupt)),
        };
        let stored = copied + put_header(added, into);
        self.release(found);
        let length = added.bytes() + found.length;
        Ok(Some(self.counters.count_received(Received {
            length,
            truncated: stored < length,
        })))
    }

    /// The next frame, wherever it is.
    #[inline(never)]
    fn search(&mut self) -> Result<Option<Found>> {
        self.attachment.check()?;
        let found = match self.scan() {
            Ok(None) => self.look_again(),
            found => found,
        };
        match &found {
            Ok(found) => self.is_quiet = found.is_none(),
            // What has failed is not used again.
            Err(_) => self.rings.clear(),
        }
        found
    }

    /// Bytes of the shortest frame, header included.
    #[inline]
    fn shortest(&self) -> usize {
        self.header + FrameLength::MIN.bytes()
    }

    /// Looks at what is there, beginning with the ring whose turn it is.
    fn scan(&mut self) -> Result<Option<Found>> {
        let shortest = self.shortest();
        for _ in 0..self.rings.len() {
            if self.current().is_some_and(ReceiveRing::owes_much) {
                synchronise(&mut self.rings, &self.attachment)?;
            }
            let Some(ring) = self.rings.get_mut(self.turn) else {
                break;
            };
            match ring.next(shortest, &self.counters) {
                Ok(None) => self.pass_turn(),
                Ok(found) => return Ok(found),
                Err(corrupt) => return Err(self.attachment.corrupt(corrupt)),
            }
        }
        Ok(None)
    }

    /// Nothing was there at a first look. Synchronises where waiting would not: for somebody who asks again without having waited, and
    /// on FreeBSD after a wake-up that came without (`netmap_knrw` in netmap_freebsd.c); and in a short ring, where an
    /// edge-triggered waiter would sleep while a sender waits for the slots that we are done with.
    #[cold]
    #[inline(never)]
    fn look_again(&mut self) -> Result<Option<Found>> {
        let mut is_due = self.is_quiet || self.rings.iter().any(ReceiveRing::leaves_little);
        // As often as something new is there; a bound, since others may write into the rings all the time.
        for _ in 0..LOOKS {
            if is_due {
                synchronise(&mut self.rings, &self.attachment)?;
                if let Some(found) = self.scan()? {
                    return Ok(Some(found));
                }
            }
            self.rings.iter_mut().for_each(ReceiveRing::rest);
            // A set that is not settled would neither wake nor let sleep who waits for it.
            let is_settled = self.waiting.settle();
            if is_settled.map_err(|cause| self.attachment.gone(cause))? {
                break;
            }
            // Finding out that something is there has synchronised it, as a rule.
            if let Some(found) = self.scan()? {
                return Ok(Some(found));
            }
            is_due = true;
        }
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
        let added = self.added.bytes();
        Ok(self.next()?.map(|(found, _)| added + found.length))
    }

    #[inline]
    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        match self.take(into, false) {
            Some(received) => Ok(Some(received)),
            None => self.receive(into),
        }
    }

    fn source(&self) -> Source<'_> {
        self.waiting.source()
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

/// For headers that frames have in the rings; there is nothing to look at in those that they get here.
impl PeekHeader for ReceiveQueue {
    #[inline]
    fn recv_plain(&mut self, into: &mut [RxSlice<'_>]) -> Option<Received> {
        self.take(into, true)
    }

    #[inline]
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        let header = self.header;
        let Some((found, ring)) = self.next()? else {
            return Ok(None);
        };
        ring.mark_buffers(header);
        if let Ok(into) = <&mut [u8; 12]>::try_from(&mut *into) {
            if let Some(header) = ring.first_bytes(found) {
                *into = header;
                return Ok(Some(found.length));
            }
        }
        match ring.copy(found, &mut [RxSlice::new(into)], 0) {
            Ok(_) => Ok(Some(found.length)),
            Err(corrupt) => Err(self.attachment.corrupt(corrupt)),
        }
    }
}

/// Puts a header that asks for nothing in front of a frame; tells how many of its bytes found room.
#[inline]
fn put_header(length: HeaderLength, into: &mut [RxSlice<'_>]) -> usize {
    const PLAIN: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    let first = into.first_mut();
    let is_put = match length {
        HeaderLength::None => return 0,
        HeaderLength::Ten => first.is_some_and(|first| first.put_chunk(0, [0; 10])),
        HeaderLength::Twelve => first.is_some_and(|first| first.put_chunk(0, PLAIN)),
    };
    match is_put {
        true => length.bytes(),
        false => scatter_header(PLAIN.get(..length.bytes()).unwrap_or_default(), into),
    }
}

/// The same for a buffer whose first piece is shorter than the header.
#[cold]
#[inline(never)]
fn scatter_header(header: &[u8], into: &mut [RxSlice<'_>]) -> usize {
    scatter(header, into, 0)
}

/// Synchronises every ring, since a wait that would do that for all of them is due as little as for one.
#[cold]
#[inline(never)]
fn synchronise(rings: &mut [ReceiveRing], attachment: &Attachment) -> Result<()> {
    rings.iter_mut().try_for_each(|ring| {
        let synchronised = ring.synchronise();
        synchronised.map_err(|failure| attachment.failed(failure))
    })
}
