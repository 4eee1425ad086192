//! A guest whose dirty pages are looked at. What it sends comes back.

use std::collections::BTreeSet;
use std::ops::{Deref, Range};

use net_backend::memory::{Loopback, PairConfig};
use net_backend::{Activation, Features, NetBackend};
use net_backend_vhost_user::queue::{Receive, Transmit};
use net_backend_vhost_user::testing::{Descriptor, Driver};
use virtio_queue::Queue;
use vm_memory::bitmap::{AtomicBitmap, Bitmap};
use vm_memory::{
    Address, Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion,
};

pub(crate) type Memory = GuestMemoryMmap<AtomicBitmap>;

/// Where rings, frames to send and buffers are.
const RINGS: u64 = 0;
pub(crate) const FRAME: u64 = 0x2_0000;
pub(crate) const BUFFER: u64 = 0x4_0000;
/// Where the second region begins, and where it ends.
pub(crate) const BORDER: u64 = 0x6_0000;
const END: u64 = 0x10_0000;

/// Bytes of a virtio-net header.
pub(crate) const HEADER: usize = 12;
const PAGE: u64 = 0x1000;
/// Entries of a queue: its used ring has three pages.
const ENTRIES: u16 = 1024;

pub(crate) struct Guest {
    pub(crate) memory: Memory,
    pub(crate) transmit: Transmit,
    pub(crate) receive: Receive,
    _backend: Loopback,
}

impl Guest {
    /// One with room for so many frames between what it sends and what it receives.
    pub(crate) fn new(capacity: usize, features: Features) -> Self {
        let border = usize::try_from(BORDER).unwrap();
        let rest = usize::try_from(END - BORDER).unwrap();
        let regions = [(GuestAddress(0), border), (GuestAddress(BORDER), rest)];
        let mut backend = Loopback::new(&PairConfig {
            capacity,
            ..PairConfig::default()
        });
        let backend_here = backend.as_mut().unwrap();
        let with = Activation::negotiated(features | Features::VERSION_1, 1);
        let queues = backend_here.activate(&with).unwrap().pop().unwrap();
        let merges = features.contains(Features::MRG_RXBUF);
        Self {
            memory: Memory::from_ranges(&regions).unwrap(),
            transmit: Transmit::new(queues.tx),
            receive: Receive::new(queues.rx, merges, 65_562),
            _backend: backend.unwrap(),
        }
    }

    /// Puts a frame of so many bytes where frames are.
    pub(crate) fn put(&self, length: usize) -> Descriptor {
        let mut frame = vec![0; HEADER];
        frame.resize(HEADER + length, 0x5a);
        let written = self.memory.write_slice(&frame, GuestAddress(FRAME));
        written.unwrap();
        Descriptor::readable(FRAME, u32::try_from(frame.len()).unwrap())
    }

    /// Sends a frame of so many bytes, which then comes back.
    pub(crate) fn send(&mut self, length: usize) {
        let mut ring = Ring::new(self, false);
        ring.driver.offer(&[self.put(length)]).unwrap();
        let turn = self.transmit.turn(&mut ring.queue, &self.memory);
        assert_eq!(turn.unwrap().frames, 1);
    }

    /// No page is dirty any more.
    pub(crate) fn clean(&self) {
        self.memory
            .iter()
            .for_each(|region| region.deref().bitmap().reset());
    }

    /// Which pages are.
    pub(crate) fn dirty(&self) -> BTreeSet<u64> {
        let regions = self.memory.iter().flat_map(|region| {
            let pages = (0..region.len()).step_by(usize::try_from(PAGE).unwrap());
            let dirty = pages.filter(|at| {
                let at = usize::try_from(*at).unwrap();
                region.bitmap().dirty_at(at)
            });
            dirty.map(|at| region.start_addr().raw_value() + at)
        });
        regions.collect()
    }
}

/// A queue with an honest driver.
pub(crate) struct Ring {
    pub(crate) driver: Driver<Box<Memory>>,
    pub(crate) queue: Queue,
    event_index: bool,
}

impl Ring {
    /// An empty one. Nothing is dirty.
    pub(crate) fn new(guest: &Guest, event_index: bool) -> Self {
        let driver = Driver::new(Box::new(guest.memory.clone()), RINGS, ENTRIES);
        guest.clean();
        Self {
            queue: driver.queue(event_index),
            driver,
            event_index,
        }
    }

    /// Where these elements of the used ring are, and how many bytes they have.
    pub(crate) fn elements(&self, places: Range<usize>) -> (u64, u64) {
        let (start, end) = (places.start as u64, places.end as u64);
        (self.used() + 4 + 8 * start, 8 * (end - start))
    }

    /// Where its index is.
    pub(crate) fn index(&self) -> (u64, u64) {
        (self.used() + 2, 2)
    }

    /// Where it says whether kicks are wanted.
    pub(crate) fn kicks(&self) -> (u64, u64) {
        match self.event_index {
            true => (self.driver.end() - 2, 2),
            false => (self.used(), 2),
        }
    }

    /// Where it says that they are not; with an index for events, nowhere.
    pub(crate) fn no_kicks(&self) -> (u64, u64) {
        (self.used(), if self.event_index { 0 } else { 2 })
    }

    fn used(&self) -> u64 {
        self.driver.end() - 6 - 8 * u64::from(ENTRIES)
    }
}

/// The pages that these bytes are in: where they begin, and how many there are.
pub(crate) fn pages(written: &[(u64, u64)]) -> BTreeSet<u64> {
    let pages = written.iter().flat_map(|(at, length)| {
        let first = at / PAGE;
        let behind = (at + length).div_ceil(PAGE);
        (first..behind).filter(move |_| *length > 0)
    });
    pages.map(|page| page * PAGE).collect()
}
