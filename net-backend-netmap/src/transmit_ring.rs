use std::sync::Arc;

use net_backend_core::{DropReason, Features, HeaderLength, RxSlice, TxSlice};

use crate::gate::Control;
use crate::request::{PREFIX, Request};
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

/// Why a frame that was copied into the ring is not sent.
#[derive(Debug)]
pub(crate) enum Refusal {
    Dropped(DropReason),
    Corrupt(Corrupt),
}

impl From<DropReason> for Refusal {
    fn from(reason: DropReason) -> Self {
        Self::Dropped(reason)
    }
}

impl From<Corrupt> for Refusal {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
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

    /// Copies `length` bytes of a frame, from its byte `skip` on, into the first slot; tells its buffer. Nobody sees that before the slot is
    /// [taken](Self::take). `None` when it does not fit, or no slot is known to be free.
    #[inline]
    pub(crate) fn fill_one(
        &mut self,
        frame: &[TxSlice<'_>],
        skip: usize,
        length: usize,
    ) -> Option<u32> {
        if length > self.first || !self.has_room(1) {
            return None;
        }
        let index = self.window.head();
        let slot = self.memory.slot(index);
        if !self.memory.fill(slot.buffer, frame, skip, length) {
            return None;
        }
        self.memory.set_slot(index, slot.filled(length, true));
        Some(slot.buffer)
    }

    /// Copies a frame, from its byte `skip` on, into the first slots, which are free. Nobody sees that before they are [taken](Self::take).
    pub(crate) fn fill(
        &mut self,
        frame: &[TxSlice<'_>],
        skip: usize,
        shape: Shape,
    ) -> Result<(), Corrupt> {
        put_frame(
            &self.memory,
            &self.window,
            shape,
            |buffer, from, count| match self.memory.fill(buffer, frame, skip + from, count) {
                true => Ok(()),
                false => Err(self.memory.no_buffer(buffer)),
            },
        )
    }

    /// Clears flags and segmentation in the virtio-net header at the beginning of a buffer.
    #[inline]
    pub(crate) fn ask_for_nothing(&self, buffer: u32) {
        // The buffer is there: it was filled just now.
        let _ = self.memory.put_chunk(buffer, 0, [0; 2]);
    }

    /// Checks what the header of the frame in the first slots asks for, and leaves there what may be asked.
    pub(crate) fn check(
        &mut self,
        length: usize,
        header: HeaderLength,
        features: Features,
    ) -> Result<(), Refusal> {
        let buffer = self.memory.slot(self.window.head()).buffer;
        let first = length.min(self.first);
        let mut prefix = [0; PREFIX];
        let count = first.min(PREFIX);
        let into = &mut [RxSlice::new(&mut prefix)];
        let copied = self.memory.drain(buffer, count, into, 0);
        copied.ok_or_else(|| self.memory.no_buffer(buffer))?;
        let request = Request {
            prefix: prefix.get(..count).unwrap_or_default(),
            header,
            length,
            first,
        };
        let Some(checked) = request.check(features)? else {
            return Ok(());
        };
        // The whole header, also of what the kernel does not look at now.
        let bytes = checked.encode();
        let written = match header {
            HeaderLength::None => true,
            HeaderLength::Ten => {
                let [bytes @ .., _, _] = bytes;
                self.memory.put_chunk::<10>(buffer, 0, bytes)
            }
            HeaderLength::Twelve => self.memory.put_chunk(buffer, 0, bytes),
        };
        match written {
            true => Ok(()),
            false => Err(self.memory.no_buffer(buffer).into()),
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
        self.memory.check_head(&self.window)?;
        self.window.learn(self.memory.tail())?;
        Ok(())
    }

    /// The slot `count` after the first, if it makes sense.
    pub(crate) fn slot_of(&self, count: u32) -> Result<Slot, Corrupt> {
        self.memory.checked_slot(self.window.index(count))
    }

    /// Whether a frame may take this many slots.
    pub(crate) fn can_hold(&self, slots: u32) -> bool {
        slots <= self.fragments
    }
}
