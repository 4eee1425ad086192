//! A virtual machine: the frontend of a vhost-user connection, and the driver.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use net_backend_vhost_user::testing::{Descriptor, Driver};
use vhost::vhost_user::message::VhostUserProtocolFeatures;
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use virtio_queue::QueueT;
use vm_memory::{Bytes, FileOffset, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::eventfd::EventFd;

/// `VIRTIO_NET_F_MRG_RXBUF`, `VHOST_USER_F_PROTOCOL_FEATURES`, `VIRTIO_F_VERSION_1`.
const FEATURES: u64 = 1 << 15 | 1 << 30 | 1 << 32;
const HEADER: usize = 12;
const SIZE: u16 = 32;
/// Memory, and what of it each queue has: rings at its beginning, then buffers.
const MEMORY: u64 = 1 << 20;
const QUEUE: u64 = 1 << 17;
const BUFFERS: u64 = 1 << 12;
const BUFFER: u32 = 2048;
/// Where the frontend says that it has the memory.
const HERE: u64 = 0x7000_0000_0000;

type Memory = Arc<GuestMemoryMmap>;

pub(crate) struct Guest {
    memory: Memory,
    /// A receive queue and a transmit queue for each pair.
    queues: Vec<Queue>,
    _frontend: Frontend,
}

struct Queue {
    driver: Driver<Memory>,
    base: u64,
    kick: EventFd,
    _call: EventFd,
    sent: u64,
}

impl Guest {
    /// Connects, and starts a driver that uses so many queue pairs. The socket is there a little before somebody listens on it.
    pub(crate) fn connect(path: &Path, pairs: usize) -> Result<Self, Failed> {
        let file = tempfile::tempfile()?;
        file.set_len(MEMORY)?;
        let handle = file.as_raw_fd();
        let file = FileOffset::new(file, 0);
        let length = usize::try_from(MEMORY)?;
        let ranges = [(GuestAddress(0), length, Some(file))];
        let memory = Arc::new(GuestMemoryMmap::from_ranges_with_files(ranges)?);
        let begin = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Err(error)
                    if error.kind() == ErrorKind::ConnectionRefused
                        && begin.elapsed() < super::SOON =>
                {
                    sleep(Duration::from_millis(1));
                }
                connected => break connected?,
            }
        };
        let mut frontend = Frontend::from_stream(stream, 5);
        frontend.set_owner()?;
        let offered = frontend.get_features()?;
        assert_eq!(offered & FEATURES, FEATURES);
        frontend.set_features(FEATURES)?;
        frontend.get_protocol_features()?;
        frontend.set_protocol_features(VhostUserProtocolFeatures::MQ)?;
        frontend.set_mem_table(&[VhostUserMemoryRegionInfo {
            guest_phys_addr: 0,
            memory_size: MEMORY,
            userspace_addr: HERE,
            mmap_offset: 0,
            mmap_handle: handle,
        }])?;
        let queues = (0..2 * pairs).map(|index| Queue::start(&mut frontend, &memory, index));
        let mut guest = Self {
            queues: queues.collect::<Result<_, _>>()?,
            memory,
            _frontend: frontend,
        };
        for queue in guest.queues.iter_mut().step_by(2) {
            for place in 0..u64::from(SIZE) {
                queue.offer_buffer(place)?;
            }
        }
        Ok(guest)
    }

    /// Sends a frame by the transmit queue of a pair.
    pub(crate) fn send(&mut self, pair: usize, frame: &[u8]) -> Result<(), Failed> {
        let queue = &mut self.queues[2 * pair + 1];
        while queue.driver.take().is_some() {}
        let at = queue.base + BUFFERS + queue.sent % u64::from(SIZE) * u64::from(BUFFER);
        queue.sent += 1;
        let bytes = [&[0; HEADER][..], frame].concat();
        self.memory.write_slice(&bytes, GuestAddress(at))?;
        let part = Descriptor::readable(at, u32::try_from(bytes.len())?);
        queue.driver.offer(&[part]).ok_or("the queue is full")?;
        Ok(queue.kick.write(1)?)
    }

    /// The next frame of any receive queue.
    pub(crate) fn receive(&mut self, within: Duration) -> Option<Vec<u8>> {
        let begin = Instant::now();
        while begin.elapsed() < within {
            for queue in self.queues.iter_mut().step_by(2) {
                if let Some((head, length)) = queue.driver.take() {
                    return queue.frame(&self.memory, head, length);
                }
            }
            sleep(Duration::from_millis(1));
        }
        None
    }

    /// The next frame that is meant; others are lost.
    pub(crate) fn receive_where(
        &mut self,
        within: Duration,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<u8>, Failed> {
        let begin = Instant::now();
        while let Some(left) = within.checked_sub(begin.elapsed()) {
            if let Some(frame) = self.receive(left).filter(|frame| is_it(frame)) {
                return Ok(frame);
            }
        }
        Err("the frame did not arrive".into())
    }
}

impl Queue {
    fn start(frontend: &mut Frontend, memory: &Memory, index: usize) -> Result<Self, Failed> {
        let base = QUEUE * u64::try_from(index)?;
        let driver = Driver::new(Arc::clone(memory), base, SIZE);
        let rings = driver.queue(false);
        let (kick, call) = (EventFd::new(0)?, EventFd::new(0)?);
        frontend.set_vring_num(index, SIZE)?;
        frontend.set_vring_addr(
            index,
            &VringConfigData {
                queue_max_size: SIZE,
                queue_size: SIZE,
                flags: 0,
                desc_table_addr: HERE + rings.desc_table(),
                used_ring_addr: HERE + rings.used_ring(),
                avail_ring_addr: HERE + rings.avail_ring(),
                log_addr: None,
            },
        )?;
        frontend.set_vring_base(index, 0)?;
        frontend.set_vring_call(index, &call)?;
        frontend.set_vring_kick(index, &kick)?;
        frontend.set_vring_enable(index, true)?;
        Ok(Self {
            driver,
            base,
            kick,
            _call: call,
            sent: 0,
        })
    }

    fn offer_buffer(&mut self, place: u64) -> Result<(), Failed> {
        let at = self.base + BUFFERS + place * u64::from(BUFFER);
        let offered = self.driver.offer(&[Descriptor::writable(at, BUFFER)]);
        // So that the buffer of a head is where its number says.
        assert_eq!(offered.map(u64::from), Some(place));
        Ok(self.kick.write(1)?)
    }

    fn frame(&mut self, memory: &Memory, head: u16, length: u32) -> Option<Vec<u8>> {
        let at = self.base + BUFFERS + u64::from(head) * u64::from(BUFFER);
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        memory.read_slice(&mut bytes, GuestAddress(at)).ok()?;
        self.offer_buffer(head.into()).ok()?;
        Some(bytes.split_off(HEADER))
    }
}
