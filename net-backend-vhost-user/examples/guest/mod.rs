//! A guest whose only program is ping: a virtio-net driver over two queues, in place of a guest's kernel.

use std::collections::BTreeMap;
use std::error::Error;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use net_backend::offload::checksum::Sum;
use net_backend_vhost_user::testing::{Descriptor, Driver};
use virtio_queue::Queue;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// The guest's memory.
pub(crate) type Memory = GuestMemoryMmap<()>;
/// What goes wrong.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The device's side of the machine: what a VMM's transport (PCI, MMIO) gives to a device model.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The guest's memory.
    pub(crate) memory: Arc<Memory>,
    /// The queues, as the driver set them up.
    pub(crate) receive: Queue,
    /// The queues, as the driver set them up.
    pub(crate) transmit: Queue,
    /// Written by the driver when it offered buffers.
    pub(crate) receive_kick: EventFd,
    /// Written by the driver when it offered frames.
    pub(crate) transmit_kick: EventFd,
    /// Written by the device to interrupt the guest.
    pub(crate) interrupt: EventFd,
}

/// The guest.
#[derive(Debug)]
pub(crate) struct Guest {
    memory: Arc<Memory>,
    receive: Driver<Arc<Memory>>,
    transmit: Driver<Arc<Memory>>,
    receive_kick: EventFd,
    transmit_kick: EventFd,
    interrupt: EventFd,
    /// Waits for that.
    epoll: Epoll,
    /// Where the buffer of each chain is, by its head.
    buffers: BTreeMap<u16, u64>,
    /// Chains that the device gave back.
    taken: u16,
    interrupts: u64,
}

const SIZE: u16 = 128;
const PINGS: u8 = 64;
/// Where things are in the guest's memory.
const RECEIVE: u64 = 0x1_0000;
const FRAMES: u64 = 0x10_0000;
const BUFFERS: u64 = 0x20_0000;
const MEMORY: usize = 0x40_0000;
const BUFFER: u16 = 2048;
/// Bytes of the virtio-net header.
const HEADER: usize = 12;
/// Milliseconds that nothing may happen.
const PATIENCE: i32 = 5000;

const MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
const ADDRESS: [u8; 4] = [10, 0, 2, 15];
const ROUTER: [u8; 4] = [10, 0, 2, 2];

/// A machine with an empty slot, and what is to be put there.
pub(crate) fn boot() -> Result<(Guest, Slot), Failure> {
    let memory = Arc::new(Memory::from_ranges(&[(GuestAddress(0), MEMORY)])?);
    let receive = Driver::new(Arc::clone(&memory), RECEIVE, SIZE);
    let transmit = Driver::new(Arc::clone(&memory), 0, SIZE);
    // With VIRTIO_F_EVENT_IDX.
    let queues = [receive.queue(true), transmit.queue(true)];
    let events = || EventFd::new(EFD_NONBLOCK);
    let (receive_kick, transmit_kick, interrupt) = (events()?, events()?, events()?);
    let [receive_queue, transmit_queue] = queues;
    let slot = Slot {
        memory: Arc::clone(&memory),
        receive: receive_queue,
        transmit: transmit_queue,
        receive_kick: receive_kick.try_clone()?,
        transmit_kick: transmit_kick.try_clone()?,
        interrupt: interrupt.try_clone()?,
    };
    let epoll = Epoll::new()?;
    let readable = EpollEvent::new(EventSet::IN, 0);
    epoll.ctl(ControlOperation::Add, interrupt.as_raw_fd(), readable)?;
    let guest = Guest {
        memory,
        receive,
        transmit,
        receive_kick,
        transmit_kick,
        interrupt,
        epoll,
        buffers: BTreeMap::new(),
        taken: 0,
        interrupts: 0,
    };
    Ok((guest, slot))
}

impl Guest {
    /// Asks who has the router's address, and pings it; what came of it. On a backend that gives frames back, these are
    /// the answers.
    ///
    /// # Errors
    ///
    /// If there is no answer for some seconds.
    pub(crate) fn ping(mut self) -> Result<String, Failure> {
        // This driver does not care when its frames are gone, as Linux's does not.
        self.transmit.want_interrupt(u16::MAX, true);
        for index in 0..u64::from(SIZE) {
            self.offer(BUFFERS + index * u64::from(BUFFER))?;
        }
        self.receive_kick.write(1)?;
        let question = arp();
        self.send(std::slice::from_ref(&question))?;
        let mut router = [0; 6];
        self.receive_until(1, |frame| {
            let is_answer =
                frame.get(12..14) == Some(&[8, 6]) && frame.get(28..32) == Some(&ROUTER);
            if let (true, Some(mac)) = (is_answer, frame.get(22..28)) {
                router.copy_from_slice(mac);
            }
            is_answer || frame == question
        })?;
        let pings: Vec<_> = (0..PINGS).map(|number| ping(router, number)).collect();
        self.send(&pings)?;
        self.receive_until(PINGS.into(), |frame| {
            let is_reply = frame.get(23) == Some(&1) && frame.get(34) == Some(&0);
            is_reply || pings.iter().any(|it| it == frame)
        })?;
        let interrupts = self.interrupts + self.interrupt.read().unwrap_or(0);
        Ok(format!(
            "{PINGS} pings in a burst, all answered, with {interrupts} interrupts in all"
        ))
    }

    /// Offers the device a buffer.
    fn offer(&mut self, at: u64) -> Result<(), Failure> {
        let buffer = Descriptor::writable(at, BUFFER.into());
        let head = self.receive.offer(&[buffer]).ok_or("the ring is full")?;
        self.buffers.insert(head, at);
        Ok(())
    }

    fn send(&mut self, frames: &[Vec<u8>]) -> Result<(), Failure> {
        while self.transmit.take().is_some() {}
        for (index, frame) in (0..).zip(frames) {
            let at = FRAMES + index * u64::from(BUFFER);
            let bytes = [&[0; HEADER][..], frame].concat();
            self.memory.write_slice(&bytes, GuestAddress(at))?;
            let length = u32::try_from(bytes.len())?;
            let chain = [Descriptor::readable(at, length)];
            self.transmit.offer(&chain).ok_or("the ring is full")?;
        }
        Ok(self.transmit_kick.write(1)?)
    }

    /// Receives until there were `count` frames that are expected.
    fn receive_until(
        &mut self,
        mut count: usize,
        mut is_expected: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Failure> {
        while count > 0 {
            let Some((head, length)) = self.take()? else {
                continue;
            };
            self.taken = self.taken.wrapping_add(1);
            let at = self.buffers.remove(&head).ok_or("no such buffer")?;
            let mut bytes = vec![0; usize::try_from(length)?];
            self.memory.read_slice(&mut bytes, GuestAddress(at))?;
            count -= usize::from(is_expected(bytes.get(HEADER..).unwrap_or_default()));
            self.offer(at)?;
            self.receive_kick.write(1)?;
        }
        Ok(())
    }

    /// The next buffer that the device filled. If there is none, waits for an interrupt, which the device makes for the
    /// next one.
    fn take(&mut self) -> Result<Option<(u16, u32)>, Failure> {
        if let Some(next) = self.receive.take() {
            return Ok(Some(next));
        }
        self.receive.want_interrupt(self.taken, true);
        // The device gives a buffer back and then looks at what is wanted; here it is the other way round.
        fence(Ordering::SeqCst);
        if let Some(next) = self.receive.take() {
            return Ok(Some(next));
        }
        if self.epoll.wait(PATIENCE, &mut [EpollEvent::default()])? == 0 {
            return Err("no interrupt came".into());
        }
        self.interrupts += self.interrupt.read()?;
        Ok(None)
    }
}

/// A question for the router's Ethernet address (RFC 826).
fn arp() -> Vec<u8> {
    let ethernet = [&[0xff; 6][..], &MAC, &[8, 6]].concat();
    let request = [0, 1, 8, 0, 6, 4, 0, 1];
    [&ethernet[..], &request, &MAC, &ADDRESS, &[0; 6], &ROUTER].concat()
}

/// An echo request (RFC 792).
fn ping(router: [u8; 6], number: u8) -> Vec<u8> {
    let ethernet = [&router[..], &MAC, &[8, 0]].concat();
    let ip = with_checksum(
        [
            &[0x45, 0, 0, 60, 0, 0, 0, 0, 64, 1, 0, 0],
            &ADDRESS[..],
            &ROUTER,
        ]
        .concat(),
        10,
    );
    let icmp = with_checksum(
        [&[8, 0, 0, 0, 0x12, 0x34, 0, number][..], &[number; 32]].concat(),
        2,
    );
    [ethernet, ip, icmp].concat()
}

fn with_checksum(mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    let checksum = Sum::of(&bytes).checksum().to_be_bytes();
    let field = bytes.iter_mut().skip(place);
    field.zip(checksum).for_each(|(to, from)| *to = from);
    bytes
}
