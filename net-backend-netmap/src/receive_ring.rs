use std::sync::Arc;

use net_backend_core::{Counters, DropReason, FrameLength, HeaderLength, RxSlice};

use crate::abi::slot_flag;
use crate::gate::Control;
use crate::ring::{
    Corrupt, MOST_FRAGMENTS, Next, RingWords, Slot, SyncFailure, Window, next_frame,
};
use crate::sys::RingMemory;

/// One receive ring, and what is known of it.
#[derive(Debug)]
pub(crate) struct ReceiveRing {
    memory: RingMemory,
    window: Window,
    control: Arc<dyn Control>,
    /// Slots that we are done with and that the kernel may not have been told of.
    owed: u32,
    /// Slots at the beginning of the window that can be taken one by one before anything has to be thought of. While
    /// they are, the window's `ours` and `owed` lag behind by as many as were taken of those `granted`.
    quick: u32,
    granted: u32,
    /// As many of these make a synchronisation worth while, so that a sender finds room.
    most_owed: u32,
    /// Slots that can be kept while nobody looks, so that the longest frame finds room in the others.
    most_kept: u32,
    /// Nothing was there at the last look, so that what is there at the next one was brought by a wait.
    is_resting: bool,
}

/// A frame in a receive ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) slots: u32,
    /// Bytes, header included.
    pub(crate) length: usize,
}

impl ReceiveRing {
    pub(crate) fn new(memory: RingMemory, control: Arc<dyn Control>) -> Result<Self, Corrupt> {
        Ok(Self {
            window: Window::new(memory.slots(), memory.head(), memory.tail())?,
            owed: 0,
            quick: 0,
            granted: 0,
            most_owed: memory.slots().div_ceil(4),
            most_kept: (memory.slots() - 1).saturating_sub(longest_frame(memory.buffer_size())),
            is_resting: false,
            memory,
            control,
        })
    }

    pub(crate) fn memory(&self) -> &RingMemory {
        &self.memory
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// The next frame of at least `shortest` bytes among the slots that the kernel has handed over. What is no frame
    /// is skipped, and counted unless it is empty.
    #[inline]
    pub(crate) fn next(
        &mut self,
        shortest: usize,
        counters: &Counters,
    ) -> Result<Option<Found>, Corrupt> {
        self.settle();
        let mut has_learned = false;
        loop {
            let next = next_frame(&self.memory, &self.window, self.memory.buffer_size());
            match next {
                Next::Frame { slots, length } if length >= shortest => {
                    self.grant();
                    return Ok(Some(Found { slots, length }));
                }
                Next::Frame { slots, .. } | Next::Malformed { slots } => {
                    counters.count_drop(DropReason::Malformed);
                    self.release(slots);
                }
                Next::Empty { slots } => self.release(slots),
                Next::Nothing => {
                    // Once is enough, also when somebody writes there all the time.
                    if has_learned || !self.window.learn(self.memory.tail())? {
                        return Ok(None);
                    }
                    has_learned = true;
                    if self.is_resting {
                        self.is_resting = false;
                        self.owed = 0;
                    }
                }
            }
        }
    }

    /// The next frame, if it has `shortest` bytes or more, is in one slot that the kernel is known to have handed over,
    /// and nothing has to be done before it is received.
    #[inline(always)]
    pub(crate) fn ready(&self, shortest: usize) -> Option<Slot> {
        if self.quick == 0 {
            return None;
        }
        let slot = self.memory.slot(self.window.head());
        let length = usize::from(slot.length);
        let is_whole = slot.flags & slot_flag::MOREFRAG == 0;
        let fits = length >= shortest && length <= self.memory.buffer_size() as usize;
        (is_whole && fits && self.memory.has_buffer(slot.buffer)).then_some(slot)
    }

    /// Copies such a frame behind the first `to` bytes of `into`, and gives its slot back; tells how many bytes found
    /// room.
    #[inline(always)]
    pub(crate) fn take(
        &mut self,
        slot: Slot,
        header: usize,
        into: &mut [RxSlice<'_>],
        to: usize,
    ) -> usize {
        if header == HeaderLength::Twelve.bytes() {
            self.mark(slot.buffer);
        }
        self.window.step();
        self.quick -= 1;
        let copied = self.memory.drain(slot.buffer, slot.length.into(), into, to);
        if self.quick == 0 {
            self.think();
        }
        // The buffer is there, as `ready` found out.
        copied.unwrap_or(0)
    }

    /// Whether the header of such a frame has neither flags nor segmentation.
    #[inline]
    pub(crate) fn is_plain(&self, slot: Slot) -> bool {
        self.memory.chunk(slot.buffer, 0) == Some([0; 2])
    }

    /// Copies a frame that was found behind the first `to` bytes of `into`; tells how many bytes found room.
    #[inline]
    pub(crate) fn copy(
        &self,
        found: Found,
        into: &mut [RxSlice<'_>],
        to: usize,
    ) -> Result<usize, Corrupt> {
        let mut copied = 0;
        let mut begun = 0;
        for count in 0..found.slots {
            let slot = self.memory.slot(self.window.index(count));
            // Another process may have changed it since the frame was found.
            let length = usize::from(slot.length).min(found.length - begun);
            copied += self
                .memory
                .drain(slot.buffer, length, into, to + begun)
                .ok_or_else(|| self.memory.no_buffer(slot.buffer))?;
            begun += length;
        }
        Ok(copied)
    }

    /// The first bytes of a frame that was found; `None` when they are not all in its first slot.
    #[inline]
    pub(crate) fn first_bytes<const N: usize>(&self, found: Found) -> Option<[u8; N]> {
        let slot = self.memory.slot(self.window.head());
        let is_there = found.length >= N && usize::from(slot.length) >= N;
        self.memory.chunk(slot.buffer, 0).filter(|_| is_there)
    }

    /// Says in the `num_buffers` field of the next frame's header, if it has one, that the frame is in one buffer:
    /// whoever sent it left there what it liked.
    #[inline]
    pub(crate) fn mark_buffers(&self, header: usize) {
        if header == HeaderLength::Twelve.bytes() {
            self.mark(self.memory.slot(self.window.head()).buffer);
        }
    }

    #[inline]
    fn mark(&self, buffer: u32) {
        let place = HeaderLength::Twelve.bytes() - 2;
        // What has no such buffer fails when it is copied.
        let _ = self.memory.put_chunk(buffer, place, 1_u16.to_le_bytes());
    }

    /// Bytes in the first slot.
    pub(crate) fn first_length(&self) -> usize {
        self.memory.slot(self.window.head()).length.into()
    }

    /// The slot `count` after the first, if it makes sense.
    #[inline]
    pub(crate) fn slot_of(&self, count: u32) -> Result<Slot, Corrupt> {
        self.memory.checked_slot(self.window.index(count))
    }

    /// Gives the first `slots` slots back.
    pub(crate) fn release(&mut self, slots: u32) {
        self.settle();
        self.window.advance(slots);
        // Never more than a ring has: once it is much, a synchronisation comes first.
        self.owed = self.owed.wrapping_add(slots);
        self.think();
    }

    /// All that was granted is taken. Publishes where we are when nothing is left: before that nobody waits.
    #[inline(never)]
    fn think(&mut self) {
        self.settle();
        if self.window.ours() == 0 {
            self.publish();
        }
        self.grant();
    }

    /// Lets slots be taken until none is left, or so many are owed that a synchronisation is due.
    fn grant(&mut self) {
        self.granted = self
            .window
            .ours()
            .min(self.most_owed.saturating_sub(self.owed));
        self.quick = self.granted;
    }

    /// Accounts for what was taken of what was granted.
    fn settle(&mut self) {
        let taken = self.granted - self.quick;
        self.window.give(taken);
        self.owed += taken;
        self.granted = self.quick;
    }

    /// Lets the kernel see where we are when it looks next.
    fn publish(&self) {
        let head = self.window.head();
        self.memory.publish(head, head);
    }

    /// Whether a sender could lack room for the longest frame while nobody looks.
    pub(crate) fn leaves_little(&self) -> bool {
        self.owed + (self.granted - self.quick) > self.most_kept
    }

    /// Whether so much of the ring may be waiting to be given back that senders could lack room.
    pub(crate) fn owes_much(&self) -> bool {
        self.owed + (self.granted - self.quick) >= self.most_owed
    }

    /// One `NIOCRXSYNC`.
    pub(crate) fn synchronise(&mut self) -> Result<(), SyncFailure> {
        self.settle();
        self.publish();
        self.control.receive_sync()?;
        self.owed = 0;
        self.is_resting = false;
        self.memory.check_head(&self.window)?;
        self.window.learn(self.memory.tail())?;
        self.grant();
        Ok(())
    }

    /// Everything was looked at. Asks to be woken only for slots behind those that are known, so that the beginning of a
    /// frame does not keep awake who waits for its end.
    pub(crate) fn rest(&mut self) {
        self.settle();
        self.is_resting = true;
        self.memory.publish(self.window.head(), self.window.tail());
    }
}

/// Slots of the longest frame that there is, in buffers of that many bytes.
fn longest_frame(buffer: u32) -> u32 {
    let length = FrameLength::MAX.buffer_length(HeaderLength::Twelve);
    let slots = u32::try_from(length).map_or(u32::MAX, |length| length.div_ceil(buffer));
    slots.min(MOST_FRAGMENTS)
}

impl Drop for ReceiveRing {
    /// Whoever uses the ring next begins behind what was received.
    fn drop(&mut self) {
        self.publish();
    }
}
