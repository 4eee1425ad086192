//! The driver's side of a virtqueue, for tests and benchmarks: it can do what drivers do, and what none should.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "a test whose rings are nowhere is to end; the type says so"
)]

mod guest;
pub mod hostile;
mod script;

use std::ops::Deref;
use std::sync::atomic::{Ordering, fence};

use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress, GuestMemory};

/// Flags of a descriptor (virtio 1.2, 2.7.5).
pub mod flags {
    /// Another one follows.
    pub const NEXT: u16 = 1;
    /// The device writes it.
    pub const WRITE: u16 = 2;
    /// It is a table of descriptors.
    pub const INDIRECT: u16 = 4;
}

/// A descriptor (virtio 1.2, 2.7.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Where, in the guest's memory.
    pub address: u64,
    /// Bytes.
    pub length: u32,
    /// Of [`flags`].
    pub flags: u16,
    /// Which one follows.
    pub next: u16,
}

impl Descriptor {
    /// Bytes of one.
    pub const SIZE: u64 = 16;

    /// One that the device reads.
    #[must_use]
    pub const fn readable(address: u64, length: u32) -> Self {
        Self {
            address,
            length,
            flags: 0,
            next: 0,
        }
    }

    /// One that the device writes.
    #[must_use]
    pub const fn writable(address: u64, length: u32) -> Self {
        Self {
            flags: flags::WRITE,
            ..Self::readable(address, length)
        }
    }

    fn encode(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let fields = self.address.to_le_bytes().into_iter();
        let fields = fields
            .chain(self.length.to_le_bytes())
            .chain(self.flags.to_le_bytes())
            .chain(self.next.to_le_bytes());
        bytes
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}

/// A split virtqueue from its driver's side, somewhere in the guest's memory, which it borrows or shares.
///
/// # Panics
///
/// Its methods, where the rings are not in that memory.
#[derive(Debug)]
pub struct Driver<M> {
    memory: M,
    table: u64,
    available: u64,
    used: u64,
    size: u16,
    shown: u16,
    taken: u16,
    free: Vec<u16>,
    /// Descriptors of each chain, by its head.
    chains: Vec<u16>,
}

impl<M> Driver<M>
where
    M: Deref,
    M::Target: GuestMemory + Sized,
{
    /// An empty queue of `size` entries, a power of 2, with its rings behind `base`, a multiple of 16.
    #[must_use]
    pub fn new(memory: M, base: u64, size: u16) -> Self {
        let available = base + Descriptor::SIZE * u64::from(size);
        let used = (available + 6 + 2 * u64::from(size)).next_multiple_of(4);
        let driver = Self {
            memory,
            table: base,
            available,
            used,
            size,
            shown: 0,
            taken: 0,
            free: (0..size).rev().collect(),
            chains: vec![0; size.into()],
        };
        let zeros = vec![0; usize::try_from(driver.end() - base).unwrap_or(0)];
        let cleared = driver.memory.write_slice(&zeros, GuestAddress(base));
        cleared.expect("the rings are in memory");
        driver
    }

    /// Where the rings end.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.used + 6 + 8 * u64::from(self.size)
    }

    /// The device's side of it.
    #[must_use]
    pub fn queue(&self, event_index: bool) -> Queue {
        let mut queue = Queue::new(self.size).expect("the size is a power of 2");
        let tell = [self.table, self.available, self.used].map(GuestAddress);
        let set = queue
            .try_set_desc_table_address(tell[0])
            .and_then(|()| queue.try_set_avail_ring_address(tell[1]))
            .and_then(|()| queue.try_set_used_ring_address(tell[2]));
        set.expect("the rings are aligned");
        queue.set_event_idx(event_index);
        queue.set_ready(true);
        queue
    }

    /// Offers a chain of these descriptors, if there is room; its head.
    pub fn offer(&mut self, parts: &[Descriptor]) -> Option<u16> {
        if parts.is_empty() || parts.len() > self.free.len() {
            return None;
        }
        let places = self.free.split_off(self.free.len() - parts.len());
        let nexts = places.iter().skip(1).map(Some).chain([None]);
        for ((part, place), next) in parts.iter().zip(&places).zip(nexts) {
            let mut part = *part;
            if let Some(next) = next {
                part.flags |= flags::NEXT;
                part.next = *next;
            }
            self.write(*place, part);
        }
        let head = *places.first()?;
        if let Some(count) = self.chains.get_mut(usize::from(head)) {
            *count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        }
        self.show(head);
        Some(head)
    }

    /// Writes a descriptor, whatever it says.
    pub fn write(&self, place: u16, descriptor: Descriptor) {
        let at = self.table + Descriptor::SIZE * u64::from(place);
        self.write_at(at, descriptor);
    }

    /// Writes a descriptor of an indirect table.
    pub fn write_at(&self, address: u64, descriptor: Descriptor) {
        let written = self
            .memory
            .write_slice(&descriptor.encode(), GuestAddress(address));
        written.expect("descriptors are in memory");
    }

    /// Shows the device a head, whatever it is.
    pub fn show(&mut self, head: u16) {
        let place = self.available + 4 + 2 * u64::from(self.shown % self.size);
        self.store(place, head);
        self.shown = self.shown.wrapping_add(1);
        fence(Ordering::Release);
        self.store(self.available + 2, self.shown);
    }

    /// Takes back the next chain that the device used: its head, and bytes written.
    ///
    /// # Panics
    ///
    /// If the device used what it was not shown.
    pub fn take(&mut self) -> Option<(u16, u32)> {
        let index = self.load(self.used + 2);
        if index == self.taken {
            return None;
        }
        fence(Ordering::Acquire);
        let place = self.used + 4 + 8 * u64::from(self.taken % self.size);
        let element: [u8; 8] = self
            .memory
            .read_obj(GuestAddress(place))
            .expect("in memory");
        let [a, b, _, _, e, f, g, h] = element;
        self.taken = self.taken.wrapping_add(1);
        let head = u16::from_le_bytes([a, b]);
        self.release(head);
        Some((head, u32::from_le_bytes([e, f, g, h])))
    }

    /// Says at which used element an interrupt is wanted, or with `EVENT_IDX` off, that none is.
    pub fn want_interrupt(&self, at: u16, any: bool) {
        self.store(self.available + 4 + 2 * u64::from(self.size), at);
        self.store(self.available, u16::from(!any));
    }

    /// How many descriptors are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.len()
    }

    fn release(&mut self, head: u16) {
        let Some(count) = self.chains.get_mut(usize::from(head)) else {
            panic!("the device used head {head}, which there is not");
        };
        let mut place = head;
        for _ in 0..std::mem::take(count) {
            self.free.push(place);
            let next = self.table + Descriptor::SIZE * u64::from(place) + 14;
            place = self.load(next);
        }
    }

    fn store(&self, address: u64, value: u16) {
        let stored = self
            .memory
            .store(value.to_le(), GuestAddress(address), Ordering::Relaxed);
        stored.expect("rings are in memory");
    }

    fn load(&self, address: u64) -> u16 {
        let loaded = self.memory.load(GuestAddress(address), Ordering::Relaxed);
        u16::from_le(loaded.expect("rings are in memory"))
    }
}
