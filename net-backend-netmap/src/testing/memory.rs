//! Memory regions, laid out as the real allocator does (`netmap_mem2.c`): interfaces, rings, buffers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking::Lock;
use rustix::io::Errno;

use super::parking;
use crate::sys::Region;

const PAGE: usize = 4096;
const CLUSTER: usize = 1 << 22;
const LINE: usize = 64;
/// `sizeof(struct netmap_ring)`.
pub(super) const RING_BYTES: usize = 256;
/// `sizeof(struct netmap_slot)`.
pub(super) const SLOT_BYTES: usize = 16;
/// `sizeof(struct netmap_if)`, without the offsets of rings.
pub(super) const INTERFACE_BYTES: usize = 56;

/// How many objects of which size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objects {
    pub(super) count: usize,
    pub(super) size: usize,
}

/// What a port with its own region needs (`netmap_mem_private_new`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    pub(super) transmit_rings: usize,
    pub(super) transmit_slots: usize,
    pub(super) receive_rings: usize,
    pub(super) receive_slots: usize,
    pub(super) extra_buffers: usize,
    pub(super) pipes: usize,
    pub(super) buffer_size: usize,
}

/// A memory region.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) id: u16,
    pub(super) is_private: bool,
    pub(super) region: Arc<Region>,
    pub(super) interfaces: Pool,
    pub(super) rings: Pool,
    pub(super) buffers: Pool,
    /// Descriptors that are bound to a port with this memory.
    users: AtomicU32,
}

impl Memory {
    /// The region that all NICs share (`nm_mem`).
    pub(super) fn global(buffers: Objects) -> io::Result<Arc<Self>> {
        let interfaces = Objects {
            count: 100,
            size: 1024,
        };
        let rings = Objects {
            count: 200,
            size: 9 * PAGE,
        };
        Self::new(1, false, interfaces, rings, buffers)
    }

    /// A region of a port's own (`netmap_mem_private_new`).
    pub(super) fn private(id: u16, needs: &Needs) -> io::Result<Arc<Self>> {
        // The host's rings are always counted.
        let (transmit, receive) = (needs.transmit_rings + 1, needs.receive_rings + 1);
        let interfaces = Objects {
            count: (2 + 4 * needs.pipes).max(2),
            size: (INTERFACE_BYTES + 8 * (transmit + receive)).max(1024),
        };
        let slots = needs.transmit_slots.max(needs.receive_slots);
        let rings = Objects {
            count: (transmit + receive + 8 * needs.pipes).max(4),
            size: (RING_BYTES + SLOT_BYTES * slots).max(5 * PAGE),
        };
        let buffers = (4 * needs.pipes + receive) * needs.receive_slots
            + (4 * needs.pipes + transmit) * needs.transmit_slots
            + 2
            + needs.extra_buffers;
        let buffers = Objects {
            count: buffers.max(4098),
            size: needs.buffer_size,
        };
        Self::new(id, true, interfaces, rings, buffers)
    }

    fn new(
        id: u16,
        is_private: bool,
        interfaces: Objects,
        rings: Objects,
        buffers: Objects,
    ) -> io::Result<Arc<Self>> {
        let (interface_limit, ring_limit) = if is_private {
            (100, 1024)
        } else {
            (10000, 1024)
        };
        let interfaces = Pool::new(0, interfaces, interface_limit, PAGE, 0)?;
        let rings = Pool::new(interfaces.end, rings, ring_limit, 32 * PAGE, 0)?;
        // Buffers 0 and 1 are nobody's.
        let buffers = Pool::new(rings.end, buffers, 1_000_000, 65536, 2)?;
        Ok(Arc::new(Self {
            id,
            is_private,
            region: Region::anonymous(buffers.end)?,
            interfaces,
            rings,
            buffers,
            users: AtomicU32::new(0),
        }))
    }

    /// Where buffer `index` is; an index that is too large names buffer 0 (`NMB`).
    pub(super) fn buffer(&self, index: u32) -> usize {
        let index = if index < self.buffers.total { index } else { 0 };
        self.buffers.place(index)
    }

    /// Bytes of each buffer.
    pub(super) fn buffer_size(&self) -> usize {
        self.buffers.size
    }

    pub(super) fn attach(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }

    /// When nobody uses it any more, everything is free again, whatever its users left (`netmap_mem_deref`).
    pub(super) fn detach(&self) {
        if self.users.fetch_sub(1, Ordering::Relaxed) == 1 {
            for pool in [&self.interfaces, &self.rings, &self.buffers] {
                pool.reset();
            }
        }
    }

    /// A list of buffers, linked by the first word of each (`netmap_extra_alloc`): the first, and how many there are.
    pub(super) fn extra(&self, count: u32) -> (u32, u32) {
        let mut head = 0;
        for got in 0..count {
            let Some(index) = self.buffers.take() else {
                return (head, got);
            };
            self.region.store_u32(self.buffer(index), head);
            head = index;
        }
        (head, count)
    }
}

/// Objects of one size, one after the other.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) base: usize,
    pub(super) size: usize,
    pub(super) total: u32,
    end: usize,
    reserved: u32,
    free: Lock<Free>,
}

impl Pool {
    /// Rounds sizes and counts up, so that clusters of objects fill whole pages (`netmap_config_obj_allocator`).
    fn new(
        base: usize,
        objects: Objects,
        most: usize,
        largest: usize,
        reserved: u32,
    ) -> io::Result<Self> {
        let size = objects.size.next_multiple_of(LINE);
        if size > largest || objects.count > most {
            return Err(Errno::INVAL.into());
        }
        let cluster = (1..=CLUSTER / size).find(|count| (count * size) % PAGE == 0);
        let cluster = cluster.ok_or(Errno::INVAL)?;
        let total = objects.count.next_multiple_of(cluster);
        let pool = Self {
            base,
            size,
            total: u32::try_from(total).map_err(|_| Errno::INVAL)?,
            end: base + total * size,
            reserved,
            free: Lock::default(),
        };
        pool.reset();
        Ok(pool)
    }

    pub(super) fn place(&self, index: u32) -> usize {
        self.base + index as usize * self.size
    }

    /// The free object with the lowest number (`netmap_obj_malloc`).
    pub(super) fn take(&self) -> Option<u32> {
        self.free.lock().take()
    }

    /// The place of a free object that has `bytes`.
    pub(super) fn take_place(&self, bytes: usize) -> Option<usize> {
        if bytes > self.size {
            return None;
        }
        self.take().map(|index| self.place(index))
    }

    pub(super) fn give(&self, index: u32) {
        if (self.reserved..self.total).contains(&index) {
            self.free.lock().give(index);
        }
    }

    pub(super) fn give_place(&self, place: usize) {
        let index = place.saturating_sub(self.base) / self.size;
        if let Ok(index) = u32::try_from(index) {
            self.give(index);
        }
    }

    fn reset(&self) {
        *self.free.lock() = Free::new(self.reserved, self.total);
    }
}

/// Numbers that are free, one bit each.
#[derive(Debug, Default)]
struct Free {
    words: Vec<u64>,
    /// All words before this one are 0.
    first: usize,
}

impl Free {
    fn new(from: u32, to: u32) -> Self {
        let count = to.div_ceil(64) as usize;
        let mut words = vec![u64::MAX; count];
        if let Some(word) = words.first_mut() {
            *word <<= from;
        }
        if let (Some(word), 1..) = (words.last_mut(), to % 64) {
            *word &= (1 << (to % 64)) - 1;
        }
        Self { words, first: 0 }
    }

    fn take(&mut self) -> Option<u32> {
        let rest = self.words.get_mut(self.first..)?;
        let (skipped, word) = rest.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let bit = word.trailing_zeros();
        *word &= *word - 1;
        self.first += skipped;
        Some(u32::try_from(self.first).ok()? * 64 + bit)
    }

    fn give(&mut self, number: u32) {
        let index = (number / 64) as usize;
        if let Some(word) = self.words.get_mut(index) {
            *word |= 1 << (number % 64);
            self.first = self.first.min(index);
        }
    }
}
