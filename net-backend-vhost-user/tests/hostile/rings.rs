//! Rings that are not where they should be, and indexes that say what is not so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use net_backend::Features;
use net_backend_vhost_user::queue::{BURST, End, Failure, RingError, Turn};
use net_backend_vhost_user::testing::{Descriptor, Driver};
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestAddress};

use super::guests::{BORDER, BUFFER, END, Guest, Memory, RINGS, ends_after, frame};

#[test]
fn a_kick_says_that_there_are_more_buffers_than_did_not_suffice() {
    let mut guest = Guest::new(Features::MRG_RXBUF);
    let (_transmit, mut receive) = guest.halves();
    guest.is_sent(3000);
    let mut driver = Driver::new(guest.memory(), RINGS, 16);
    let mut queue = driver.queue(true);
    for index in 0..2 {
        let part = Descriptor::writable(BUFFER + 0x1000 * index, 1000);
        driver.offer(&[part]).unwrap();
    }
    let turn = receive.turn(&mut queue, guest.memory()).unwrap();
    assert_eq!((turn.frames, turn.end), (0, End::NoBuffers));
    // The driver kicks when its index goes past the event (virtio 1.2, 2.7.10): past the two that are there.
    let event = GuestAddress(driver.end() - 2);
    assert_eq!(guest.memory().read_obj::<u16>(event).unwrap(), 2);
}

#[test]
fn an_index_that_never_stands_still_does_not_hold_a_turn() {
    let mut guest = Guest::new(Features::MRG_RXBUF);
    let (mut transmit, mut receive) = guest.halves();
    guest.is_sent(3000);
    let memory = guest.memory().clone();
    let driver = Driver::new(&memory, RINGS, 16);
    driver.write(0, Descriptor::writable(BUFFER, 100));
    let ends = Arc::new(AtomicBool::new(false));
    let (racing, is_over) = (memory.clone(), Arc::clone(&ends));
    let racer = thread::spawn(move || {
        let index = GuestAddress(RINGS + 16 * 16 + 2);
        while !is_over.load(Ordering::Relaxed) {
            for value in [0_u16, 1, 0, 2] {
                racing.store(value, index, Ordering::Relaxed).unwrap();
            }
        }
    });
    let check = |result: Result<Turn, Failure>| match result {
        Ok(turn) => assert!(turn.frames + turn.refused <= BURST, "{turn:?}"),
        Err(failure) => assert!(matches!(failure, Failure::Ring(_)), "{failure}"),
    };
    for _ in 0..2000 {
        let (mut tx, mut rx) = (driver.queue(true), driver.queue(false));
        check(transmit.turn(&mut tx, &memory));
        check(receive.turn(&mut rx, &memory));
    }
    ends.store(true, Ordering::Relaxed);
    racer.join().unwrap();
}

#[test]
fn a_queue_that_was_reset_begins_anew() {
    let mut guest = Guest::new(Features::MRG_RXBUF);
    let (mut transmit, mut receive) = guest.halves();
    for _ in 0..3 {
        let mut sender = Driver::new(guest.memory(), RINGS, 8);
        let mut tx = sender.queue(true);
        let head = sender.offer(&[guest.put(&frame(60))]).unwrap();
        let turn = transmit.turn(&mut tx, guest.memory()).unwrap();
        assert_eq!((turn.frames, turn.interrupt), (1, true));
        assert_eq!(sender.take(), Some((head, 0)));

        guest.is_sent(60);
        let mut receiver = Driver::new(guest.memory(), RINGS, 8);
        let mut rx = receiver.queue(true);
        let head = receiver.offer(&[Descriptor::writable(BUFFER, 100)]);
        let turn = receive.turn(&mut rx, guest.memory()).unwrap();
        assert_eq!((turn.frames, turn.interrupt), (1, true));
        assert_eq!(receiver.take(), head.map(|head| (head, 72)));
    }
}

#[test]
fn the_interrupt_for_what_was_sent_comes_though_the_backend_is_gone() {
    let guest = Guest::new(Features::empty());
    let mut transmit = ends_after(2);
    let mut driver = Driver::new(guest.memory(), RINGS, 8);
    let mut queue = driver.queue(true);
    for _ in 0..3 {
        driver.offer(&[guest.put(&frame(60))]).unwrap();
    }
    let turn = transmit.turn(&mut queue, guest.memory()).unwrap();
    assert_eq!((turn.frames, turn.interrupt), (2, true));
    assert_eq!(turn.end, End::More);
    let failure = transmit.turn(&mut queue, guest.memory()).unwrap_err();
    assert!(matches!(failure, Failure::Backend(_)), "{failure}");
}

/// Sets the descriptor table, the available ring and the used ring, if there is something to set.
fn place(queue: &mut Queue, places: [Option<u64>; 3]) {
    let [table, available, used] = places.map(|it| it.map(GuestAddress));
    if let Some(at) = table {
        queue.try_set_desc_table_address(at).unwrap();
    }
    if let Some(at) = available {
        queue.try_set_avail_ring_address(at).unwrap();
    }
    if let Some(at) = used {
        queue.try_set_used_ring_address(at).unwrap();
    }
}

fn ring_error(queue: &mut Queue, memory: &Memory) -> RingError {
    match ends_after(0).turn(queue, memory) {
        Err(Failure::Ring(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rings_that_are_not_there_end_the_queue() {
    let guest = Guest::new(Features::empty());
    let queue = || Driver::new(guest.memory(), RINGS, 16).queue(false);
    let names = ["descriptor table", "available ring", "used ring"];
    // Over the border of two regions, over the end of memory, where there is none, over the end of what there can be.
    for at in [BORDER - 16, END - 16, 1 << 40, u64::MAX - 15] {
        for (index, name) in names.into_iter().enumerate() {
            let (mut queue, mut places) = (queue(), [None; 3]);
            places[index] = Some(at);
            place(&mut queue, places);
            let error = ring_error(&mut queue, guest.memory());
            assert_eq!(error, RingError::NotInMemory(name), "{at:#x}");
        }
    }
    // The frontend took the memory away.
    let error = ring_error(&mut queue(), &Memory::new());
    assert_eq!(error, RingError::NotInMemory(names[0]));

    let mut stopped = queue();
    stopped.set_ready(false);
    let error = ring_error(&mut stopped, guest.memory());
    assert_eq!(error, RingError::NotReady);

    let mut ahead = queue();
    ahead.set_next_avail(1);
    let error = ring_error(&mut ahead, guest.memory());
    assert_eq!(error, RingError::TooManyChains(u16::MAX, 16));
}

#[test]
fn regions_that_begin_at_odd_addresses_hold_no_rings() {
    let regions = [(GuestAddress(0), 0x1001), (GuestAddress(0x1001), 0x4000)];
    let memory = Memory::from_ranges(&regions).unwrap();
    let driver = Driver::new(&memory, RINGS, 16);
    for (places, name) in [
        ([None, Some(0x2000), None], "available ring"),
        ([None, None, Some(0x2000)], "used ring"),
    ] {
        let mut queue = driver.queue(false);
        place(&mut queue, places);
        let error = ring_error(&mut queue, &memory);
        assert_eq!(error, RingError::NotInMemory(name));
    }
}

#[test]
fn sizes_that_no_queue_has_are_not_taken() {
    let guest = Guest::new(Features::empty());
    let mut queue = Driver::new(guest.memory(), RINGS, 16).queue(false);
    for size in [0, 3, 12, 32, 0x8000, u16::MAX] {
        queue.set_size(size);
        assert_eq!(queue.size(), 16);
    }
}
