use std::sync::Arc;

use net_backend_core::{HeaderLength, TxSlice, VirtioNetHeader};

use crate::gate::Control;
use crate::ring::{Corrupt, RingWords, Shape, Slot, SyncFailure, Window, put_frame};
use crate::sys::RingMemory;

/// One transmit ring, and what is known of it.
#[derive(Debug)]
pub(crate) struct TransmitRing {
    memory: RingMemory,
    window: Window,
    control: Arc<dyn Control>,
    /// Bytes that go into the first buffer of a frame, at most.
    first: usize,
    /// Bytes that go into each other buffer, at most.
    buffer: usize,
    /// Slots of a frame, at most.
    fragments: u32,
    /// Frames were put into the ring that the kernel has not been told of.
    is_unflushed: bool,
    /// The last attempt found no room.
    is_stuck: bool,
}

impl TransmitRing {
    /// A ring whose frames take up to `fragments` slots, and leave `headroom` bytes of their first buffer free.
    pub(crate) fn new(
        memory: RingMemory,
        control: Arc<dyn Control>,
        fragments: u32,
        headroom: usize,
    ) -> Result<Self, Corrupt> {
        let buffer = memory.buffer_size().min(u32::from(u16::MAX)) as usize;
        Ok(Self {
            window: Window::new(memory.slots(), memory.head(), memory.tail())?,
            first: buffer
                .checked_sub(headroom)
                .filter(|first| *first > 0)
                .unwrap_or(buffer),
            buffer,
            // One slot of a ring is never ours, or full could not be told from empty.
            fragments: fragments.min(memory.slots() - 1),
            is_unflushed: false,
            is_stuck: false,
            memory,
            control,
        })
    }

    pub(crate) fn control(&self) -> &Arc<dyn Control> {
        &self.control
    }

    pub(crate) fn memory(&self) -> &RingMemory {
        &self.memory
    }

    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// Bytes of a frame that lie together in its first buffer, at most.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// How a frame of `length` bytes lies in this ring; `None` when it is too long.
    #[inline]
    pub(crate) fn shape(&self, length: usize) -> Option<Shape> {
        Shape::new(length, self.first, self.buffer, self.fragments)
    }

    #[inline]
    pub(crate) fn has_room(&self, slots: u32) -> bool {
        self.window.ours() >= slots
    }

    /// Puts a frame of `length` bytes into one slot; `false`, and nothing has happened, when it does not fit or no slot
    /// is known to be free.
    #[inline]
    pub(crate) fn put_one(&mut self, frame: &[TxSlice<'_>], length: usize) -> bool {
        if length > self.first || !self.has_room(1) {
            return false;
        }
        let index = self.window.head();
        let slot = self.memory.slot(index);
        if !self.memory.fill(slot.buffer, frame, 0, length) {
            return false;
        }
        self.memory.set_slot(index, slot.filled(length, true));
        self.take(1);
        true
    }

    /// Puts the frame into the ring; there is room.
    pub(crate) fn put(&mut self, frame: &[TxSlice<'_>], shape: Shape) -> Result<(), Corrupt> {
        put_frame(
            &self.memory,
            &self.window,
            shape,
            |buffer, from, count| match self.memory.fill(buffer, frame, from, count) {
                true => Ok(()),
                false => Err(self.no_buffer(buffer)),
            },
        )?;
        self.take(shape.slots);
        Ok(())
    }

    /// Puts the frame into the ring with another header of the same length.
    pub(crate) fn put_with(
        &mut self,
        header: &VirtioNetHeader,
        length: HeaderLength,
        frame: &[TxSlice<'_>],
        shape: Shape,
    ) -> Result<(), Corrupt> {
        let buffer = self.memory.slot(self.window.head()).buffer;
        self.put(frame, shape)?;
        let bytes = header.encode();
        let written = match length {
            HeaderLength::None => true,
            HeaderLength::Ten => {
                let [bytes @ .., _, _] = bytes;
                self.memory.put_chunk::<10>(buffer, 0, bytes)
            }
            HeaderLength::Twelve => self.memory.put_chunk(buffer, 0, bytes),
        };
        match written {
            true => Ok(()),
            false => Err(self.no_buffer(buffer)),
        }
    }

    /// Slots at the beginning of the window were filled.
    #[inline]
    pub(crate) fn take(&mut self, slots: u32) {
        self.window.advance(slots);
        self.is_unflushed = true;
        self.is_stuck = false;
    }

    /// Looks for `slots` free slots. Synchronises when there are frames to push out, or when somebody who found no room
    /// before asks again without the wait that would have synchronised.
    pub(crate) fn make_room(&mut self, slots: u32) -> Result<bool, SyncFailure> {
        self.window.learn(self.memory.tail())?;
        if self.has_room(slots) {
            return Ok(true);
        }
        if self.is_unflushed || self.is_stuck {
            self.synchronise()?;
        }
        self.is_stuck = !self.has_room(slots);
        if self.is_stuck {
            // Wake only when there is more room than this, which is too little.
            self.memory.publish(self.window.head(), self.window.tail());
        }
        Ok(!self.is_stuck)
    }

    /// One `NIOCTXSYNC` when frames were put into the ring, otherwise nothing.
    #[inline]
    pub(crate) fn flush(&mut self) -> Result<(), SyncFailure> {
        match self.is_unflushed {
            true => self.synchronise(),
            false => Ok(()),
        }
    }

    fn synchronise(&mut self) -> Result<(), SyncFailure> {
        let head = self.window.head();
        self.memory.publish(head, head);
        self.control.transmit_sync()?;
        self.is_unflushed = false;
        let published = self.memory.head();
        if published != head {
            // `netmap_ring_reinit` in netmap.c: the kernel did not accept it.
            return Err(self.corrupt("head", published).into());
        }
        self.window.learn(self.memory.tail())?;
        Ok(())
    }

    /// The slot `count` after the first, if it makes sense.
    pub(crate) fn slot_of(&self, count: u32) -> Result<Slot, Corrupt> {
        let slot = self.memory.slot(self.window.index(count));
        match self.memory.has_buffer(slot.buffer) {
            true => Ok(slot),
            false => Err(self.no_buffer(slot.buffer)),
        }
    }

    /// Whether a frame may take this many slots.
    pub(crate) fn can_hold(&self, slots: u32) -> bool {
        slots <= self.fragments
    }

    fn no_buffer(&self, buffer: u32) -> Corrupt {
        self.corrupt("buffer number", buffer)
    }

    fn corrupt(&self, word: &'static str, value: u32) -> Corrupt {
        Corrupt {
            word,
            value,
            slots: self.memory.slots(),
        }
    }
}
