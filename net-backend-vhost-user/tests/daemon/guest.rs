//! A virtual machine: its frontend, its memory, and a driver.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use net_backend::Features;
use net_backend_vhost_user::testing::{Descriptor, Driver};
use rustix::fs::{MemfdFlags, memfd_create};
use vhost::vhost_user::message::{VhostUserConfigFlags, VhostUserHeaderFlag};
use vhost::vhost_user::{Frontend, VhostUserFrontend, VhostUserProtocolFeatures};
use vhost::{VhostBackend, VhostUserDirtyLogRegion, VhostUserMemoryRegionInfo, VringConfigData};
use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::program::until;

type Memory = GuestMemoryMmap<()>;

/// Bytes of memory.
pub(crate) const SIZE: u64 = 0x20_0000;
/// Entries of a queue: its used ring is in another page than its table.
const ENTRIES: u16 = 256;
/// From one queue to the next, and where frames are.
pub(crate) const STEP: u64 = 0x4000;
const SENT: u64 = 0x10_0000;
pub(crate) const RECEIVED: u64 = 0x18_0000;
/// Where the frontend has the guest's memory, as it says.
const MAPPED: u64 = 0x7000_0000_0000;
/// Bytes of a virtio-net header.
const HEADER: usize = 12;
/// That the frontend may ask for protocol features (vhost-user, bit 30).
const PROTOCOL: u64 = 1 << 30;

/// What a guest is like.
#[derive(Clone, Copy)]
pub(crate) struct Looks {
    pub(crate) pairs: usize,
    pub(crate) features: Features,
}

impl Default for Looks {
    fn default() -> Self {
        let features = Features::VERSION_1 | Features::MRG_RXBUF;
        Self { pairs: 1, features }
    }
}

/// A guest that runs.
pub(crate) struct Guest {
    pub(crate) frontend: Frontend,
    /// Bits that were offered.
    pub(crate) offered: u64,
    pub(crate) protocol: VhostUserProtocolFeatures,
    pub(crate) rings: Vec<Ring>,
    memory: Arc<Memory>,
}

/// A virtqueue of it.
pub(crate) struct Ring {
    pub(crate) driver: Driver<Arc<Memory>>,
    pub(crate) kick: EventFd,
    pub(crate) call: EventFd,
}

impl Guest {
    /// Boots with the device at this socket, which is there a little before somebody listens on it.
    pub(crate) fn boot(path: &Path, looks: Looks) -> Self {
        Self::on(until(|| UnixStream::connect(path).ok()), looks)
    }

    /// Boots with the device at the other end.
    pub(crate) fn on(stream: UnixStream, looks: Looks) -> Self {
        let file = memory_file(SIZE);
        let offset = FileOffset::new(file.try_clone().unwrap(), 0);
        let whole = (GuestAddress(0), SIZE.try_into().unwrap(), Some(offset));
        let memory = Arc::new(Memory::from_ranges_with_files([whole]).unwrap());
        let queues = 2 * looks.pairs;
        let mut frontend = Frontend::from_stream(stream, queues as u64 + 1);
        frontend.set_owner().unwrap();
        let offered = frontend.get_features().unwrap();
        let protocol = frontend.get_protocol_features().unwrap();
        frontend.set_protocol_features(protocol).unwrap();
        frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
        frontend
            .set_features(looks.features.bits() | PROTOCOL)
            .unwrap();
        let region = VhostUserMemoryRegionInfo {
            guest_phys_addr: 0,
            memory_size: SIZE,
            userspace_addr: MAPPED,
            mmap_offset: 0,
            mmap_handle: file.as_raw_fd(),
        };
        frontend.set_mem_table(&[region]).unwrap();
        let rings = (0..queues).map(|index| Ring::new(&memory, index as u64));
        let mut guest = Self {
            rings: rings.collect(),
            frontend,
            offered,
            protocol,
            memory,
        };
        for index in 0..queues {
            guest.set_up(index);
        }
        guest
    }

    /// Begins to use a ring.
    fn set_up(&mut self, index: usize) {
        let ring = &self.rings[index];
        let base = STEP * index as u64;
        let available = base + 16 * u64::from(ENTRIES);
        let used = ring.driver.end() - 6 - 8 * u64::from(ENTRIES);
        let [table, available, used] = [base, available, used].map(|at| MAPPED + at);
        let config = VringConfigData {
            queue_max_size: ENTRIES,
            queue_size: ENTRIES,
            flags: 0,
            desc_table_addr: table,
            used_ring_addr: used,
            avail_ring_addr: available,
            log_addr: None,
        };
        let frontend = &mut self.frontend;
        frontend.set_vring_num(index, ENTRIES).unwrap();
        frontend.set_vring_base(index, 0).unwrap();
        frontend.set_vring_addr(index, &config).unwrap();
        frontend.set_vring_call(index, &ring.call).unwrap();
        frontend.set_vring_kick(index, &ring.kick).unwrap();
        frontend.set_vring_enable(index, true).unwrap();
    }

    /// Offers a buffer to a pair's receive queue.
    pub(crate) fn offer(&mut self, pair: usize, address: u64, length: u32) {
        let ring = &mut self.rings[2 * pair];
        let parts = [Descriptor::writable(address, length)];
        ring.driver.offer(&parts).unwrap();
        ring.kick.write(1).unwrap();
    }

    /// Puts a frame into a pair's transmit queue.
    pub(crate) fn put(&mut self, pair: usize, frame: &[u8]) {
        let bytes = [&[0; HEADER], frame].concat();
        let address = SENT + 0x1_0000 * pair as u64;
        self.memory
            .write_slice(&bytes, GuestAddress(address))
            .unwrap();
        let ring = &mut self.rings[2 * pair + 1];
        let parts = [Descriptor::readable(
            address,
            bytes.len().try_into().unwrap(),
        )];
        ring.driver.offer(&parts).unwrap();
        ring.kick.write(1).unwrap();
    }

    /// Sends a frame on a pair, and waits for one on the same: what comes, without its header.
    pub(crate) fn exchange(&mut self, pair: usize, frame: &[u8]) -> Vec<u8> {
        let buffer = RECEIVED + 0x1_0000 * pair as u64;
        self.offer(pair, buffer, 0x8000);
        self.put(pair, frame);
        self.rings[2 * pair + 1].used();
        let length = self.rings[2 * pair].used();
        let mut bytes = vec![0; length.try_into().unwrap()];
        self.memory
            .read_slice(&mut bytes, GuestAddress(buffer))
            .unwrap();
        bytes.split_off(HEADER)
    }

    /// What is at the beginning of the configuration space.
    pub(crate) fn config(&mut self, length: u32) -> Vec<u8> {
        let empty = vec![0; length.try_into().unwrap()];
        let flags = VhostUserConfigFlags::empty();
        let read = self.frontend.get_config(0, length, flags, &empty);
        read.unwrap().1
    }

    /// Has the device log what it writes; the log, a bit for each page.
    pub(crate) fn log(&self) -> File {
        let log = memory_file(0x1000);
        let region = VhostUserDirtyLogRegion {
            mmap_size: 0x1000,
            mmap_offset: 0,
            mmap_handle: log.as_raw_fd(),
        };
        self.frontend.set_log_base(0, Some(region)).unwrap();
        log
    }
}

impl Ring {
    fn new(memory: &Arc<Memory>, index: u64) -> Self {
        Self {
            driver: Driver::new(Arc::clone(memory), STEP * index, ENTRIES),
            kick: EventFd::new(EFD_NONBLOCK).unwrap(),
            call: EventFd::new(EFD_NONBLOCK).unwrap(),
        }
    }

    /// Waits until the device has used a chain, and for its interrupt; how many bytes it has written.
    pub(crate) fn used(&mut self) -> u32 {
        let (_, length) = until(|| self.driver.take());
        until(|| self.call.read().ok());
        length
    }
}

/// Memory that can be shared.
pub(crate) fn memory_file(size: u64) -> File {
    let file = File::from(memfd_create("guest", MemfdFlags::CLOEXEC).unwrap());
    file.set_len(size).unwrap();
    file
}
