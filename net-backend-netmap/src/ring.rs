//! Ring arithmetic: whose the slots are, and where a frame ends. Pure, over whatever holds the words of a ring.

use std::{fmt, io};

use crate::abi::{MAX_FRAGMENTS, slot_flag};

/// Slots that one frame may take (`NETMAP_MAX_FRAGS`).
pub(crate) const MOST_FRAGMENTS: u32 = MAX_FRAGMENTS as u32;

/// The words of one ring, which a kernel and other processes write to as well. Nothing that is read here is to be
/// trusted.
pub(crate) trait RingWords {
    /// Number of slots, at least 2; as it was when the ring was found, whatever stands there since.
    fn slots(&self) -> u32;
    /// First slot that is the kernel's.
    fn tail(&self) -> u32;
    /// Hands the slots before `head` to the kernel, which wakes us when there are more before `tail` than up to `cur`.
    fn publish(&self, head: u32, cur: u32);
    /// The slot at `index`; an empty one when there is no such.
    fn slot(&self, index: u32) -> Slot;
    /// Fills the slot at `index`; nothing happens when there is no such.
    fn set_slot(&self, index: u32, slot: Slot);
}

/// What a slot says about its buffer (`struct netmap_slot` without its pointer, which only indirect buffers use).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Number of the buffer.
    pub(crate) buffer: u32,
    /// Bytes in it.
    pub(crate) length: u16,
    /// [`slot_flag`]s.
    pub(crate) flags: u16,
}

impl Slot {
    /// Reads the first word of a `struct netmap_slot`.
    #[inline]
    pub(crate) fn from_word(word: u64) -> Self {
        let [b0, b1, b2, b3, l0, l1, f0, f1] = word.to_ne_bytes();
        Self {
            buffer: u32::from_ne_bytes([b0, b1, b2, b3]),
            length: u16::from_ne_bytes([l0, l1]),
            flags: u16::from_ne_bytes([f0, f1]),
        }
    }

    /// The slot after `length` bytes were put into its buffer; whether these are the last ones of a frame.
    #[inline]
    pub(crate) fn filled(self, length: usize, is_last: bool) -> Self {
        Self {
            // Not more than a buffer, whose size is a 16-bit word in every slot.
            length: u16::try_from(length).unwrap_or(u16::MAX),
            // A buffer that was moved in by a swap stays news until the kernel has seen it.
            flags: self.flags & slot_flag::BUF_CHANGED
                | if is_last { 0 } else { slot_flag::MOREFRAG },
            ..self
        }
    }

    /// The first word of a `struct netmap_slot`.
    #[inline]
    pub(crate) fn word(self) -> u64 {
        let [b0, b1, b2, b3] = self.buffer.to_ne_bytes();
        let [l0, l1] = self.length.to_ne_bytes();
        let [f0, f1] = self.flags.to_ne_bytes();
        u64::from_ne_bytes([b0, b1, b2, b3, l0, l1, f0, f1])
    }
}

/// A ring that no longer makes sense: the kernel or another process wrote into it what cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Corrupt {
    pub(crate) word: &'static str,
    pub(crate) value: u32,
    pub(crate) slots: u32,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, value, slots } = self;
        write!(
            f,
            "the ring of {slots} slots is corrupt: its {word} became {value}"
        )
    }
}

impl std::error::Error for Corrupt {}

/// Why a ring was not synchronised.
#[derive(Debug)]
pub(crate) enum SyncFailure {
    /// The kernel refused.
    Refused(io::Error),
    /// What it left behind makes no sense.
    Corrupt(Corrupt),
}

impl From<io::Error> for SyncFailure {
    fn from(cause: io::Error) -> Self {
        Self::Refused(cause)
    }
}

impl From<Corrupt> for SyncFailure {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt)
    }
}

/// The slots of a ring that are ours: from `head` up to, and without, `tail`, around the end of the ring.
///
/// `head` is kept here and never read back, so that nobody else can move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    slots: u32,
    head: u32,
    ours: u32,
}

impl Window {
    /// The window of a ring that somebody else may have used before.
    pub(crate) fn new(slots: u32, head: u32, tail: u32) -> Result<Self, Corrupt> {
        let check = |word, value| match value < slots {
            true => Ok(value),
            false => Err(Corrupt { word, value, slots }),
        };
        let (head, tail) = (check("head", head)?, check("tail", tail)?);
        Ok(Self {
            slots,
            head,
            ours: distance(head, tail, slots),
        })
    }

    /// First slot that is ours, if any is.
    #[inline]
    pub(crate) fn head(&self) -> u32 {
        self.head
    }

    /// How many slots are ours.
    #[inline]
    pub(crate) fn ours(&self) -> u32 {
        self.ours
    }

    /// First slot that is not ours.
    #[inline]
    pub(crate) fn tail(&self) -> u32 {
        self.index(self.ours)
    }

    /// The slot `count` after the first, `count` up to the number of slots.
    #[inline]
    pub(crate) fn index(&self, count: u32) -> u32 {
        let sum = self.head + count;
        if sum < self.slots {
            sum
        } else {
            sum - self.slots
        }
    }

    /// Takes note of where the tail is; tells whether slots became ours. A kernel only ever moves it on.
    #[inline]
    pub(crate) fn learn(&mut self, tail: u32) -> Result<bool, Corrupt> {
        let corrupt = Corrupt {
            word: "tail",
            value: tail,
            slots: self.slots,
        };
        if tail >= self.slots {
            return Err(corrupt);
        }
        let ours = distance(self.head, tail, self.slots);
        if ours < self.ours {
            return Err(corrupt);
        }
        let grown = ours > self.ours;
        self.ours = ours;
        Ok(grown)
    }

    /// Moves on by one slot that is ours, which stays counted until it is [given](Self::give) away.
    #[inline]
    pub(crate) fn step(&mut self) {
        self.head = self.index(1);
    }

    /// Counts slots out that were stepped over.
    pub(crate) fn give(&mut self, count: u32) {
        self.ours -= count.min(self.ours);
    }

    /// Gives the first `count` slots away, no more than are ours.
    #[inline]
    pub(crate) fn advance(&mut self, count: u32) {
        let count = count.min(self.ours);
        self.head = self.index(count);
        self.ours -= count;
    }
}

/// What stands at the beginning of a receive window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, or the beginning of a frame whose last slot has not arrived.
    Nothing,
    /// A frame in this many slots, of this many bytes.
    Frame { slots: u32, length: usize },
    /// This many slots without a frame in them: the kernel marks leftovers like this (`nm_vale_flush` in netmap's
    /// netmap_vale.c).
    Empty { slots: u32 },
    /// This many slots that cannot be a frame: longer than their buffers, or more than a frame has.
    Malformed { slots: u32 },
}

/// Looks at the beginning of a receive window, in a ring of buffers of `buffer` bytes.
#[inline]
pub(crate) fn next_frame(ring: &impl RingWords, window: &Window, buffer: u32) -> Next {
    if window.ours() == 0 {
        return Next::Nothing;
    }
    let first = ring.slot(window.head());
    if first.flags & slot_flag::MOREFRAG == 0 {
        return whole(
            1,
            u32::from(first.length),
            u32::from(first.length) <= buffer,
        );
    }
    next_long_frame(ring, window, buffer)
}

/// Fills the slots of a transmit window with a frame of `length` bytes: `first` bytes at most in the first buffer,
/// `buffer` in the others. Calls `fill` with each buffer, the byte of the frame that it begins with, and how many go
/// there.
#[inline]
pub(crate) fn put_frame<E>(
    ring: &impl RingWords,
    window: &Window,
    shape: Shape,
    mut fill: impl FnMut(u32, usize, usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = 0;
    let mut room = shape.first;
    for count in 0..shape.slots {
        let index = window.index(count);
        let slot = ring.slot(index);
        let here = room.min(shape.length - from);
        fill(slot.buffer, from, here)?;
        from += here;
        room = shape.buffer;
        let last = from == shape.length;
        ring.set_slot(index, slot.filled(here, last));
    }
    Ok(())
}

/// How a frame lies in slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Bytes of the frame, at least 1.
    pub(crate) length: usize,
    /// Bytes that go into the first buffer, at most.
    pub(crate) first: usize,
    /// Bytes that go into each other one, at most.
    pub(crate) buffer: usize,
    /// How many slots it takes.
    pub(crate) slots: u32,
}

impl Shape {
    /// How a frame of `length` bytes lies in buffers of `buffer` bytes, of which the first is filled up to `first`.
    /// `None` when it takes more than `most` slots.
    #[inline]
    pub(crate) fn new(length: usize, first: usize, buffer: usize, most: u32) -> Option<Self> {
        let slots = match length <= first {
            true => 1,
            false => 1 + u32::try_from((length - first).div_ceil(buffer.max(1))).ok()?,
        };
        (slots <= most).then_some(Self {
            length,
            first,
            buffer,
            slots,
        })
    }
}

/// How far it is from one index to another, forwards.
#[inline]
fn distance(from: u32, to: u32, slots: u32) -> u32 {
    if to >= from {
        to - from
    } else {
        to + slots - from
    }
}

#[inline]
fn whole(slots: u32, length: u32, fits: bool) -> Next {
    match (fits, length) {
        (false, _) => Next::Malformed { slots },
        (true, 0) => Next::Empty { slots },
        (true, length) => Next::Frame {
            slots,
            length: length as usize,
        },
    }
}

#[cold]
#[inline(never)]
fn next_long_frame(ring: &impl RingWords, window: &Window, buffer: u32) -> Next {
    let mut length = 0;
    let mut fits = true;
    for count in 0..window.ours().min(MOST_FRAGMENTS) {
        let slot = ring.slot(window.index(count));
        length += u32::from(slot.length);
        fits &= u32::from(slot.length) <= buffer;
        if slot.flags & slot_flag::MOREFRAG == 0 {
            return whole(count + 1, length, fits);
        }
    }
    // More can only come while the kernel has slots to put it into.
    let is_hopeless = window.ours() >= MOST_FRAGMENTS || window.ours() + 1 >= window.slots;
    match is_hopeless {
        true => Next::Malformed {
            slots: window.ours().min(MOST_FRAGMENTS),
        },
        false => Next::Nothing,
    }
}

#[cfg(test)]
mod tests;
