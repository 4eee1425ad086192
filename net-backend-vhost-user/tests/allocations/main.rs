//! Turns ask for no memory once they are warm.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may fail so"
)]

mod sys;

use net_backend::memory::{Loopback, PairConfig};
use net_backend::{Activation, Features, NetBackend};
use net_backend_vhost_user::queue::{Answer, Receive, Request, Transmit};
use net_backend_vhost_user::testing::{Descriptor, Driver, flags};
use sys::allocations;
use virtio_queue::Queue;
use vm_memory::bitmap::AtomicBitmap;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

type Memory = GuestMemoryMmap<AtomicBitmap>;

/// Where the rings are, tables, frames, and buffers.
const RINGS: [u64; 2] = [0, 0x1_0000];
const TABLES: u64 = 0x2_0000;
const FRAME: u64 = 0x4_0000;
const BUFFER: u64 = 0x6_0000;

/// Frames in a burst.
const FRAMES: u16 = 20;

/// Offers the same chain some times: of some descriptors, or one with a table of them.
fn offer(driver: &mut Driver<&Memory>, parts: &[Descriptor], is_indirect: bool) {
    for _ in 0..FRAMES {
        if !is_indirect {
            driver.offer(parts).unwrap();
            continue;
        }
        let table = TABLES + parts[0].address / 16;
        for (at, (part, next)) in (table..).step_by(16).zip(parts.iter().zip(1..)) {
            let mut part = *part;
            if usize::from(next) < parts.len() {
                part.flags |= flags::NEXT;
                part.next = next;
            }
            driver.write_at(at, part);
        }
        let length = u32::try_from(16 * parts.len()).unwrap();
        let table = Descriptor {
            flags: flags::INDIRECT,
            ..Descriptor::readable(table, length)
        };
        driver.offer(&[table]).unwrap();
    }
}

struct Nic {
    transmit: Transmit,
    receive: Receive,
    _backend: Loopback,
}

impl Nic {
    fn new(merges: bool, longest: usize) -> Self {
        let mut backend = Loopback::new(&PairConfig::default()).unwrap();
        let mut features = Features::VERSION_1;
        features.set(Features::MRG_RXBUF, merges);
        let with = Activation::negotiated(features, 1);
        let queues = backend.activate(&with).unwrap().pop().unwrap();
        Self {
            transmit: Transmit::new(queues.tx),
            receive: Receive::new(queues.rx, merges, longest),
            _backend: backend,
        }
    }

    /// Sends and receives; the allocations.
    fn turns(&mut self, memory: &Memory, queues: [&mut Queue; 2]) -> u64 {
        let [tx, rx] = queues;
        let before = allocations();
        let sent = self.transmit.turn(tx, memory).unwrap();
        let received = self.receive.turn(rx, memory).unwrap();
        let asked = allocations() - before;
        assert_eq!([sent.frames, received.frames], [usize::from(FRAMES); 2]);
        asked
    }
}

#[test]
fn bursts_ask_for_no_memory() {
    let memory = Memory::from_ranges(&[(GuestAddress(0), 0x10_0000)]).unwrap();
    // Whether buffers are merged, the longest frame, and the room in each of them.
    for (merges, longest, room) in [(false, 1530, 1600), (true, 1530, 520), (true, 65_562, 520)] {
        for is_indirect in [false, true] {
            let mut nic = Nic::new(merges, longest);
            let [mut sender, mut receiver] = RINGS.map(|at| Driver::new(&memory, at, 256));
            let [mut tx, mut rx] = [sender.queue(true), receiver.queue(true)];
            memory.write_slice(&[0; 12], GuestAddress(FRAME)).unwrap();
            let parts = [(0, 12), (12, 60), (72, 1300)];
            let frame = parts.map(|(at, length)| Descriptor::readable(FRAME + at, length));
            let parts = [(0, 12), (12, 100), (112, room - 112)];
            let buffer = parts.map(|(at, length)| Descriptor::writable(BUFFER + at, length));
            for warm in [false, true] {
                offer(&mut sender, &frame, is_indirect);
                offer(&mut receiver, &buffer, is_indirect);
                if merges {
                    offer(&mut receiver, &buffer, is_indirect);
                    offer(&mut receiver, &buffer, is_indirect);
                }
                let asked = nic.turns(&memory, [&mut tx, &mut rx]);
                assert_eq!(asked > 0, !warm, "{asked} {merges} {longest}");
                while sender.take().is_some() {}
                while receiver.take().is_some() {}
            }
        }
    }
}

#[test]
fn what_is_refused_asks_for_no_memory() {
    let memory = Memory::from_ranges(&[(GuestAddress(0), 0x10_0000)]).unwrap();
    let mut nic = Nic::new(true, 65_562);
    let [mut sender, mut receiver] = RINGS.map(|at| Driver::new(&memory, at, 256));
    let [mut tx, mut rx] = [sender.queue(true), receiver.queue(true)];
    let bad = Descriptor::readable(u64::MAX - 10, 100);
    for warm in [false, true] {
        offer(&mut sender, &[Descriptor::readable(FRAME, 12), bad], false);
        offer(&mut receiver, &[bad], false);
        let before = allocations();
        let turn = nic.transmit.turn(&mut tx, &memory).unwrap();
        assert_eq!(turn.refused, usize::from(FRAMES));
        let turn = nic.receive.turn(&mut rx, &memory).unwrap();
        assert_eq!(turn.frames, 0);
        let asked = allocations() - before;
        assert!(!warm || asked == 0, "{asked}");
        while sender.take().is_some() {}
    }
}

#[test]
fn commands_ask_for_no_memory() {
    let memory = Memory::from_ranges(&[(GuestAddress(0), 0x10_0000)]).unwrap();
    let mut driver = Driver::new(&memory, 0, 8);
    let mut queue = driver.queue(true);
    memory
        .write_slice(&[4, 0, 1, 0], GuestAddress(FRAME))
        .unwrap();
    let command = Descriptor::readable(FRAME, 4);
    driver.offer(&[command, Descriptor::writable(BUFFER, 1)]);
    let before = allocations();
    let request = Request::next(&queue, &memory).unwrap().unwrap();
    let answered = request.answer(Answer::Done, &mut queue, &memory);
    assert_eq!(allocations() - before, 0);
    assert!(answered.is_ok());
}
