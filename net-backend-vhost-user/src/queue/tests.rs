//! Frames between a driver and a backend that has them come back.

use net_backend::memory::{Loopback, PairConfig};
use net_backend::{Activation, Features, NetBackend, QueuePair};
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use crate::queue::{End, Receive, Transmit};
use crate::testing::{Descriptor, Driver, flags};

type Memory = GuestMemoryMmap<()>;

/// Where a queue's rings are, and where frames are.
const RINGS: u64 = 0x1_0000;
const FRAMES: u64 = 0x4_0000;
/// Bytes of a virtio-net header.
const HEADER: usize = 12;

fn memory() -> Memory {
    Memory::from_ranges(&[
        (GuestAddress(0), 0x2_0000),
        (GuestAddress(0x2_0000), 0x10_0000),
    ])
    .unwrap()
}

fn loopback(features: Features) -> (Loopback, QueuePair) {
    let mut backend = Loopback::new(&PairConfig::default()).unwrap();
    let acknowledged = features | Features::VERSION_1 | Features::MRG_RXBUF;
    let with = Activation::negotiated(acknowledged, 1);
    let queues = backend.activate(&with).unwrap().pop().unwrap();
    (backend, queues)
}

/// A frame of `length` bytes behind an empty header.
fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    frame.extend((0..length).map(|at: usize| at.to_le_bytes()[0]));
    frame
}

fn put(memory: &Memory, bytes: &[u8]) -> Descriptor {
    memory.write_slice(bytes, GuestAddress(FRAMES)).unwrap();
    Descriptor::readable(FRAMES, u32::try_from(bytes.len()).unwrap())
}

fn get(memory: &Memory, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    memory
        .read_slice(&mut bytes, GuestAddress(address))
        .unwrap();
    bytes
}

#[test]
fn a_frame_goes_and_comes_back() {
    let memory = memory();
    let (_backend, queues) = loopback(Features::empty());
    let (mut transmit, mut receive) = (
        Transmit::new(queues.tx),
        Receive::new(queues.rx, true, 1530),
    );
    let mut sender = Driver::new(&memory, 0, 8);
    let mut receiver = Driver::new(&memory, RINGS, 8);
    let (mut tx, mut rx) = (sender.queue(false), receiver.queue(false));

    let sent = frame(100);
    // The header is cut in two, and the frame is too.
    put(&memory, &sent);
    let parts = [(0, 5), (5, 20), (25, 87)];
    let parts = parts.map(|(at, length)| Descriptor::readable(FRAMES + at, length));
    let head = sender.offer(&parts).unwrap();
    let turn = transmit.turn(&mut tx, &memory).unwrap();
    assert_eq!(
        (turn.frames, turn.end, turn.interrupt),
        (1, End::Idle, true)
    );
    assert_eq!(sender.take(), Some((head, 0)));

    let buffer = FRAMES + 0x1000;
    let head = receiver
        .offer(&[Descriptor::writable(buffer, 2000)])
        .unwrap();
    let turn = receive.turn(&mut rx, &memory).unwrap();
    assert_eq!((turn.frames, turn.end), (1, End::NoBuffers));
    assert_eq!(receiver.take(), Some((head, 112)));
    let mut expected = sent;
    expected[10] = 1;
    assert_eq!(get(&memory, buffer, 112), expected);
}

#[test]
fn a_long_frame_fills_several_buffers_and_says_how_many() {
    let memory = memory();
    let (_backend, queues) = loopback(Features::empty());
    let (mut transmit, mut receive) = (
        Transmit::new(queues.tx),
        Receive::new(queues.rx, true, 65_562),
    );
    let mut sender = Driver::new(&memory, 0, 8);
    let mut receiver = Driver::new(&memory, RINGS, 16);
    let (mut tx, mut rx) = (sender.queue(true), receiver.queue(true));

    let sent = frame(3000);
    sender.offer(&[put(&memory, &sent)]).unwrap();
    assert_eq!(transmit.turn(&mut tx, &memory).unwrap().frames, 1);

    // Too few: the frame stays, and so do the buffers.
    let buffer = |index: u64| FRAMES + 0x1000 + 0x800 * index;
    for index in 0..2 {
        // The header is cut where it says how many there are.
        let parts = [(0, 11), (11, 989)];
        let parts = parts.map(|(at, length)| Descriptor::writable(buffer(index) + at, length));
        receiver.offer(&parts).unwrap();
    }
    let turn = receive.turn(&mut rx, &memory).unwrap();
    assert_eq!(
        (turn.frames, turn.end, turn.interrupt),
        (0, End::NoBuffers, false)
    );
    assert_eq!(receiver.take(), None);

    for index in 2..5 {
        receiver
            .offer(&[Descriptor::writable(buffer(index), 1000)])
            .unwrap();
    }
    let turn = receive.turn(&mut rx, &memory).unwrap();
    assert_eq!((turn.frames, turn.end), (1, End::Idle));
    let used: Vec<u32> = std::iter::from_fn(|| receiver.take())
        .map(|it| it.1)
        .collect();
    assert_eq!(used, [1000, 1000, 1000, 12]);
    let arrived: Vec<u8> = (0..4)
        .flat_map(|index| get(&memory, buffer(index), 1000))
        .collect();
    let mut expected = sent;
    expected[10] = 4;
    assert_eq!(&arrived[..3012], expected);
}

#[test]
fn chains_that_are_no_frames_are_given_back_and_counted() {
    let memory = memory();
    let (_backend, queues) = loopback(Features::empty());
    let mut transmit = Transmit::new(queues.tx);
    let mut sender = Driver::new(&memory, 0, 16);
    let mut tx = sender.queue(false);
    let good = put(&memory, &frame(60));

    // Written by the device; out of memory, at its end and altogether; shorter than a header; nothing.
    let far = Descriptor::readable(0x11_0000 + 0x1_0000 - 8, 100);
    for parts in [
        &[Descriptor::writable(FRAMES, 72)][..],
        &[good, Descriptor::writable(FRAMES, 72)],
        &[far],
        &[Descriptor::readable(u64::MAX - 4, 72)],
        &[Descriptor::readable(FRAMES, 3)],
        &[Descriptor::readable(FRAMES, 0)],
    ] {
        sender.offer(parts).unwrap();
        let turn = transmit.turn(&mut tx, &memory).unwrap();
        assert_eq!(
            (turn.frames, turn.refused, turn.end),
            (0, 1, End::Idle),
            "{parts:?}"
        );
        assert_eq!(sender.take().map(|it| it.1), Some(0), "{parts:?}");
    }
    assert_eq!(sender.free(), 16);

    // A loop, a number out of the table, an indirect table of a strange length.
    let next = |flags, next| Descriptor {
        flags,
        next,
        ..good
    };
    for (first, second) in [
        (next(flags::NEXT, 1), next(flags::NEXT, 0)),
        (next(flags::NEXT, 77), good),
        (next(flags::INDIRECT, 0), good),
    ] {
        sender.write(0, first);
        sender.write(1, second);
        sender.show(0);
        let turn = transmit.turn(&mut tx, &memory).unwrap();
        assert_eq!((turn.frames, turn.refused), (0, 1), "{first:?}");
    }
}

#[test]
fn a_busy_frame_waits_and_is_sent_once() {
    let memory = memory();
    let mut backend = Loopback::new(&PairConfig::default()).unwrap();
    let with = Activation::negotiated(Features::VERSION_1, 1);
    let mut queues = backend.activate(&with).unwrap().pop().unwrap();
    let mut transmit = Transmit::new(queues.tx);
    let mut sender = Driver::new(&memory, 0, 512);
    let mut tx = sender.queue(false);
    let (mut sent, mut busy) = (0, false);
    while !busy {
        sender.offer(&[put(&memory, &frame(60))]).unwrap();
        let turn = transmit.turn(&mut tx, &memory).unwrap();
        sent += turn.frames;
        busy = matches!(turn.end, End::Busy(_));
        while sender.take().is_some() {}
    }
    let mut buffer = vec![0; 2000];
    let one = |buffer: &mut [u8], queues: &mut dyn net_backend::RxQueue| {
        let into = &mut [net_backend::RxSlice::new(buffer)];
        queues.recv(into).unwrap().is_some()
    };
    assert!(one(&mut buffer, &mut *queues.rx));
    let turn = transmit.turn(&mut tx, &memory).unwrap();
    assert_eq!((turn.frames, turn.end), (1, End::Idle));
    let mut received = 1;
    while one(&mut buffer, &mut *queues.rx) {
        received += 1;
    }
    assert_eq!(received, sent + 1);
}

#[test]
fn interrupts_come_where_the_driver_wants_them() {
    let memory = memory();
    let (_backend, queues) = loopback(Features::empty());
    let mut transmit = Transmit::new(queues.tx);
    let mut sender = Driver::new(&memory, 0, 64);
    let mut tx = sender.queue(true);
    let mut interrupts = Vec::new();
    // After the third one, and not before.
    sender.want_interrupt(2, true);
    for _ in 0..5 {
        sender.offer(&[put(&memory, &frame(60))]).unwrap();
        interrupts.push(transmit.turn(&mut tx, &memory).unwrap().interrupt);
    }
    assert_eq!(interrupts, [false, false, true, false, false]);

    let mut tx = Driver::new(&memory, RINGS, 64);
    tx.want_interrupt(0, false);
    let mut queue = tx.queue(false);
    tx.offer(&[put(&memory, &frame(60))]).unwrap();
    assert!(!transmit.turn(&mut queue, &memory).unwrap().interrupt);
}
