// UNSAFETY: what is measured against is a loop over a netmap ring as it is written in C, by address.
#![expect(
    unsafe_code,
    reason = "the rings of netmap(4) are used without the library"
)]

use std::io;
use std::ptr::{self, NonNull};
use std::rc::Rc;

use net_backend::{RxSlice, TxSlice};
use net_backend_netmap::testing::Bare;

/// A transmit ring, used by hand.
pub(in crate::bench) struct BareTransmit {
    port: Rc<Bare>,
    ring: Ring,
}

impl BareTransmit {
    /// The first of a port.
    pub(in crate::bench) fn new(port: &Rc<Bare>) -> Self {
        Self {
            ring: Ring::new(port.transmit_ring()),
            port: Rc::clone(port),
        }
    }

    /// What a backend does for each frame: copies it into the next slot, without its first `skip` bytes. `false` when
    /// there is no room, or it is longer than a buffer.
    #[inline(never)]
    pub(in crate::bench) fn put(&mut self, frame: &[TxSlice<'_>], skip: usize) -> bool {
        self.ring.put(frame, skip)
    }

    /// The same for many frames, as far as there is room; returns how many.
    #[inline(never)]
    pub(in crate::bench) fn put_all(&mut self, frames: &[&[TxSlice<'_>]], skip: usize) -> usize {
        let mut ring = self.ring;
        let count = frames
            .iter()
            .take_while(|frame| ring.put(frame, skip))
            .count();
        self.ring = ring;
        count
    }

    /// Learns where somebody else left the ring.
    pub(in crate::bench) fn look(&mut self) {
        self.ring = Ring::new(self.port.transmit_ring());
    }

    /// Publishes what was put; `NIOCTXSYNC`.
    pub(in crate::bench) fn synchronise(&mut self) -> io::Result<()> {
        self.ring.publish();
        self.port.transmit_sync()?;
        self.ring.learn();
        Ok(())
    }
}

/// A receive ring, used by hand.
pub(in crate::bench) struct BareReceive {
    port: Rc<Bare>,
    ring: Ring,
}

impl BareReceive {
    /// The first of a port.
    pub(in crate::bench) fn new(port: &Rc<Bare>) -> Self {
        Self {
            ring: Ring::new(port.receive_ring()),
            port: Rc::clone(port),
        }
    }

    /// What a backend does for each frame: copies it out of the next slot, behind `header`; returns its length with the
    /// header. `None` when there is none.
    #[inline(never)]
    pub(in crate::bench) fn take(
        &mut self,
        into: &mut [RxSlice<'_>],
        header: &[u8],
    ) -> Option<usize> {
        self.ring.take(into, header)
    }

    /// The same for many frames, as far as there are any; returns how many.
    #[inline(never)]
    pub(in crate::bench) fn take_all(
        &mut self,
        buffers: &mut [&mut [RxSlice<'_>]],
        header: &[u8],
        lengths: &mut [usize],
    ) -> usize {
        let mut ring = self.ring;
        let mut count = 0;
        for (buffer, length) in buffers.iter_mut().zip(lengths) {
            let Some(taken) = ring.take(buffer, header) else {
                break;
            };
            *length = taken;
            count += 1;
        }
        self.ring = ring;
        count
    }

    /// Learns where somebody else left the ring.
    pub(in crate::bench) fn look(&mut self) {
        self.ring = Ring::new(self.port.receive_ring());
    }

    /// Gives back what was taken; `NIOCRXSYNC`.
    pub(in crate::bench) fn synchronise(&mut self) -> io::Result<()> {
        self.ring.publish();
        self.port.receive_sync()?;
        self.ring.learn();
        Ok(())
    }
}

/// The beginning of `struct netmap_ring`.
#[repr(C)]
struct Head {
    buffers: i64,
    slots: u32,
    buffer_size: u32,
    id: u16,
    direction: u16,
    head: u32,
    cur: u32,
    tail: u32,
}

/// `struct netmap_slot`.
#[repr(C)]
struct Slot {
    buffer: u32,
    length: u16,
    flags: u16,
    pointer: u64,
}

/// Where the slots begin.
const SLOTS: usize = 256;

/// A ring, and what a careful program remembers of it. (`NETMAP_BUF` and `nm_ring_next` read it anew each time.)
#[derive(Clone, Copy)]
struct Ring {
    fields: *mut Head,
    first: *mut Slot,
    buffers: *mut u8,
    slots: u32,
    buffer_size: u32,
    head: u32,
    tail: u32,
}

impl Ring {
    /// The ring at an address, where it is mapped as long as its port lives.
    fn new(ring: NonNull<u8>) -> Self {
        let fields = ring.as_ptr().cast::<Head>();
        // SAFETY: a ring is mapped there (`Bare`), and only its kernel writes to it, not now.
        let head = unsafe { fields.read() };
        let offset = isize::try_from(head.buffers).unwrap_or_default();
        Self {
            fields,
            first: ring.as_ptr().wrapping_add(SLOTS).cast(),
            buffers: ring.as_ptr().wrapping_offset(offset),
            slots: head.slots,
            buffer_size: head.buffer_size,
            head: head.head,
            tail: head.tail,
        }
    }

    #[inline]
    fn put(&mut self, frame: &[TxSlice<'_>], skip: usize) -> bool {
        if self.head == self.tail {
            return false;
        }
        let slot = self.slot();
        let Some(length) = self.gather(self.buffer(slot), frame, skip) else {
            return false;
        };
        // SAFETY: a slot of this ring.
        let place = unsafe { &raw mut (*slot).length };
        // SAFETY: length and flags lie one behind the other, in four aligned bytes.
        unsafe { place.cast::<[u16; 2]>().write([length, 0]) };
        self.step();
        true
    }

    #[inline]
    fn take(&mut self, into: &mut [RxSlice<'_>], header: &[u8]) -> Option<usize> {
        if self.head == self.tail {
            return None;
        }
        let slot = self.slot();
        let length = self.scatter(slot, into, header);
        self.step();
        Some(header.len() + length)
    }

    fn publish(&self) {
        // SAFETY: a place inside of the ring's head.
        let place = unsafe { &raw mut (*self.fields).cur };
        // SAFETY: mapped and aligned.
        unsafe { place.write(self.head) };
        // SAFETY: a place inside of the ring's head.
        let place = unsafe { &raw mut (*self.fields).head };
        // SAFETY: mapped and aligned.
        unsafe { place.write(self.head) };
    }

    fn learn(&mut self) {
        // SAFETY: a place inside of the ring's head.
        let place = unsafe { &raw const (*self.fields).tail };
        // SAFETY: mapped and aligned.
        self.tail = unsafe { place.read() };
    }

    #[inline]
    fn slot(&self) -> *mut Slot {
        self.first.wrapping_add(self.head as usize)
    }

    #[inline]
    fn step(&mut self) {
        self.head += 1;
        if self.head == self.slots {
            self.head = 0;
        }
    }

    #[inline]
    fn buffer(&self, slot: *mut Slot) -> *mut u8 {
        // SAFETY: a slot of this ring.
        let index = unsafe { (*slot).buffer };
        self.buffers
            .wrapping_add(index as usize * self.buffer_size as usize)
    }

    /// Copies the pieces one behind the other; `None` when they are longer than a buffer.
    #[inline]
    fn gather(&self, mut to: *mut u8, frame: &[TxSlice<'_>], mut skip: usize) -> Option<u16> {
        let mut left = self.buffer_size as usize;
        for piece in frame {
            let rest = piece.skip(skip);
            skip -= piece.len() - rest.len();
            left = left.checked_sub(rest.len())?;
            // SAFETY: the piece is readable, and the buffer has room by the check above.
            unsafe { ptr::copy_nonoverlapping(rest.as_ptr(), to, rest.len()) };
            to = to.wrapping_add(rest.len());
        }
        u16::try_from(self.buffer_size as usize - left).ok()
    }

    /// Copies `header` and a slot's frame into the pieces; returns the frame's length.
    #[inline]
    fn scatter(&self, slot: *mut Slot, into: &mut [RxSlice<'_>], header: &[u8]) -> usize {
        let mut from = self.buffer(slot);
        // SAFETY: a slot of this ring.
        let length = usize::from(unsafe { (*slot).length });
        let (mut left, mut skip) = (length, 0);
        if let Some(first) = into.first_mut().filter(|_| !header.is_empty()) {
            skip = first.copy_from(header);
        }
        for piece in into {
            let rest = piece.skip(skip);
            skip = 0;
            let count = rest.len().min(left);
            // SAFETY: `from` has `left` bytes of the buffer before it, and the piece is writable.
            unsafe { ptr::copy_nonoverlapping(from, rest.as_ptr(), count) };
            from = from.wrapping_add(count);
            left -= count;
            if left == 0 {
                break;
            }
        }
        length
    }
}
