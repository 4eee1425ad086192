//! The memory of a guest that does anything, and who looks what becomes of it.

use std::ops::Deref;

use virtio_queue::{Queue, QueueT};
use vm_memory::bitmap::{AtomicBitmap, Bitmap};
use vm_memory::{
    Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap,
    MemoryRegionAddress,
};

use super::script::Script;
use net_backend_vhost_user::testing::{Descriptor, flags};

/// Where the rings of an honest driver are, and a buffer of 16 KiB. So far from each other are the rings of queues.
pub(super) const RINGS: u64 = 0;
pub(super) const BUFFER: u64 = 0x8000;
const APART: u64 = 0x800;

/// Two regions side by side, one behind a hole, one almost at the end of what there can be.
const REGIONS: [(u64, usize); 4] = [
    (0, 0x3000),
    (0x3000, 0x2000),
    (0x8000, 0x4000),
    (u64::MAX - 0x1fff, 0x1000),
];

const PAGE: usize = 0x1000;
const CANARY: u8 = 0xca;

type Memory = GuestMemoryMmap<AtomicBitmap>;
type Region = GuestRegionMmap<AtomicBitmap>;

/// Memory, and what lies between its regions.
pub(super) struct Guest {
    memory: Memory,
    canaries: Vec<Region>,
}

impl Guest {
    pub(super) fn new() -> Self {
        let region = |start, length| {
            let region = Region::from_range(GuestAddress(start), length, None);
            region.expect("memory for a guest")
        };
        // The system puts what is mapped one after the other side by side.
        let mut canaries = vec![region(0, PAGE)];
        let regions = REGIONS.map(|(start, length)| {
            let region_here = region(start, length);
            canaries.push(region(0, PAGE));
            region_here
        });
        for canary in &canaries {
            let filled = canary.write_slice(&[CANARY; PAGE], MemoryRegionAddress(0));
            filled.expect("a canary has a page");
        }
        let memory = Memory::from_regions(regions.into());
        Self {
            memory: memory.expect("regions are apart"),
            canaries,
        }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(super) fn write(&self, at: u64, bytes: &[u8]) {
        let written = self.memory.write_slice(bytes, GuestAddress(at));
        written.expect("that is in memory");
    }

    pub(super) fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let read = self.memory.read_slice(&mut bytes, GuestAddress(at));
        read.expect("that is in memory");
        bytes
    }

    /// A queue whose rings are where they should be, or anywhere.
    pub(super) fn queue(&self, index: u64, script: &mut Script<'_>) -> Queue {
        let what = script.byte();
        let size = 1 << (what % 6);
        let mut queue = Queue::new(32).expect("a power of 2");
        queue.set_size(size);
        let table = RINGS + APART * index;
        let available = table + Descriptor::SIZE * u64::from(size);
        let mut places = [table, available, available + 6 + 2 * u64::from(size) + 2];
        if what >= 0xf0 {
            let place = places.get_mut(usize::from(what % 3));
            place.into_iter().for_each(|it| *it = script.address());
        }
        let [table, available, used] = places;
        let _unaligned = queue.try_set_desc_table_address(GuestAddress(table & !15));
        let _unaligned = queue.try_set_avail_ring_address(GuestAddress(available & !1));
        let _unaligned = queue.try_set_used_ring_address(GuestAddress(used & !3));
        queue.set_event_idx(script.byte() & 1 == 0);
        queue.set_ready(true);
        queue
    }

    /// Does one thing that guests can do.
    pub(super) fn act(&self, what: u8, queues: &[Queue], script: &mut Script<'_>) {
        let Some(queue) = queues.get(usize::from(what) % queues.len()) else {
            return;
        };
        match what {
            111..=150 => {
                let place = u64::from(script.byte() % 40);
                let at = queue.desc_table().wrapping_add(Descriptor::SIZE * place);
                self.describe(at, script);
            }
            151..=190 => self.describe(script.address(), script),
            191..=225 => self.show(queue, (script.byte() % 40).into()),
            226..=230 => self.show(queue, script.word()),
            231..=235 => self.put(queue.avail_ring().wrapping_add(2), script.word()),
            236..=245 => {
                let event = 4 + 2 * u64::from(queue.size());
                self.put(queue.avail_ring().wrapping_add(event), script.word());
                self.put(queue.avail_ring(), script.word() & 1);
            }
            _ => self.put(script.address(), script.word()),
        }
    }

    /// What memory is, before the device does something; no page is dirty.
    pub(super) fn watch(&self) -> Vec<Vec<u8>> {
        let regions = self.memory.iter().map(|region| {
            region.deref().bitmap().reset();
            contents(region)
        });
        regions.collect()
    }

    /// Looks whether what changed is dirty, and nothing changed elsewhere.
    ///
    /// # Panics
    ///
    /// If not.
    pub(super) fn check(&self, before: &[Vec<u8>]) {
        for (region, before) in self.memory.iter().zip(before) {
            let now = contents(region);
            let pages = now.chunks(PAGE).zip(before.chunks(PAGE));
            for (page, (now, before)) in pages.enumerate() {
                let is_dirty = region.bitmap().dirty_at(page * PAGE);
                let at = region.start_addr().0;
                assert!(now == before || is_dirty, "page {page} behind {at:#x}");
            }
        }
        for canary in &self.canaries {
            assert!(contents(canary) == [CANARY; PAGE], "outside of memory");
        }
    }

    fn describe(&self, at: u64, script: &mut Script<'_>) {
        let descriptor = Descriptor {
            address: script.address(),
            length: script.length(),
            flags: script.flags(),
            next: u16::from(script.byte() % 40),
        };
        self.try_write(at, &descriptor.encode());
    }

    fn show(&self, queue: &Queue, head: u16) {
        let index = queue.avail_ring().wrapping_add(2);
        let mut shown = [0; 2];
        let read = self.memory.read_slice(&mut shown, GuestAddress(index));
        if read.is_ok() {
            let shown = u16::from_le_bytes(shown);
            let place = 2 * u64::from(shown % queue.size());
            self.put(index.wrapping_add(2 + place), head);
            self.put(index, shown.wrapping_add(1));
        }
    }

    fn put(&self, at: u64, value: u16) {
        self.try_write(at, &value.to_le_bytes());
    }

    /// The guest has no memory elsewhere.
    fn try_write(&self, at: u64, bytes: &[u8]) {
        let _nowhere = self.memory.write_slice(bytes, GuestAddress(at));
    }
}

impl Script<'_> {
    /// Flags of a descriptor: most are some that there are.
    fn flags(&mut self) -> u16 {
        match self.byte() {
            0..=59 => 0,
            60..=119 => flags::WRITE,
            120..=169 => flags::NEXT,
            170..=219 => flags::NEXT | flags::WRITE,
            220..=244 => flags::INDIRECT,
            _ => self.word(),
        }
    }
}

fn contents(region: &Region) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(region.len()).unwrap_or(0)];
    let read = region.read_slice(&mut bytes, MemoryRegionAddress(0));
    read.expect("a region has its length");
    bytes
}
