use super::super::super::frame;
use super::super::program::Program;
use super::{CUR, HEAD, RX, TAIL, TX};

pub(in super::super) fn vale(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0x2_0000);
    p.bind("b", "vale0:b", 1, 0x2_0000);
    p.poll("b");
    for length in [0, 1, 13, 14, 60, 1514, 2048] {
        p.ring("a", TX).unwrap().put(&vec![7; length], 2048);
        p.transmit_sync("a");
        p.pointers("a", TX);
        p.receive_sync("b");
        p.pointers("b", RX);
    }
    for to in [2, 9, 1, 2] {
        p.ring("a", TX).unwrap().put(&frame(to, 1, 100), 2048);
        p.transmit_sync("a");
        p.poll("b");
        p.receive_sync("b");
        p.pointers("b", RX);
        p.ring("b", TX).unwrap().put(&frame(1, 2, 200), 2048);
        p.transmit_sync("b");
        p.receive_sync("a");
        p.pointers("a", RX);
    }
    p.slots("b", RX, 0..8);
    p.contents("b", RX, 4);
    p.ring("b", RX).unwrap().release();
    p.receive_sync("b");
    p.poll("b");
    // More than fits.
    for _ in 0..3 {
        for _ in 0..600 {
            p.ring("b", TX).unwrap().put(&frame(1, 2, 60), 2048);
        }
        p.transmit_sync("b");
        p.receive_sync("a");
        p.pointers("a", RX);
        p.pointers("b", TX);
    }
    p.poll("a");
    p.ring("a", RX).unwrap().release();
    p.receive_sync("a");
    p.poll("a");
    p.pointers("a", RX);
}

pub(in super::super) fn wrong_pointers(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0x2_0000);
    p.bind("b", "vale0:b", 1, 0x2_0000);
    for _ in 0..5 {
        p.ring("a", TX).unwrap().put(&frame(2, 1, 60), 2048);
    }
    p.transmit_sync("a");
    p.receive_sync("b");
    let wrong = [
        (7, 6, 1023),
        (1, 1, 5),
        (9, 9, 77),
        (2000, 2000, 5),
        (6, 2000, 5),
        (8, 8, 4000),
        (1023, 3, 5),
        (u32::MAX, u32::MAX, u32::MAX),
        (3, 3, 3),
        (5, 5, 5),
        (6, 6, 4),
    ];
    for (head, cur, tail) in wrong {
        for (name, index) in [("a", TX), ("b", RX)] {
            let ring = p.ring(name, index).unwrap();
            ring.set(HEAD, head);
            ring.set(CUR, cur);
            ring.set(TAIL, tail);
        }
        p.transmit_sync("a");
        p.pointers("a", TX);
        p.receive_sync("b");
        p.pointers("b", RX);
        p.transmit_sync("a");
        p.pointers("a", TX);
        p.receive_sync("b");
        p.pointers("b", RX);
    }
}

pub(in super::super) fn wrong_slots(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0x2_0000);
    p.bind("b", "vale0:b", 1, 0x2_0000);
    let ring = p.ring("a", TX).unwrap();
    let (buffer, ..) = ring.slot(0);
    for (number, length, flags) in [
        (0, 60, 0),
        (1, 60, 0),
        (u32::MAX, 60, 0),
        (30000, 60, 1),
        (buffer, 2049, 0),
        (buffer, 65535, 0),
        (buffer, 60, 0xffdf & !0x10),
        (buffer, 60, 0x20),
        (buffer, 60, 1),
    ] {
        let ring = p.ring("a", TX).unwrap();
        ring.put(&frame(2, 1, 60), 2048);
        let head = ring.word(HEAD);
        ring.set_slot(head - 1, (number, length, flags));
        p.transmit_sync("a");
        p.pointers("a", TX);
        p.slots("a", TX, head - 1..head);
        p.receive_sync("b");
        p.pointers("b", RX);
    }
    p.slots("b", RX, 0..8);
    let ring = p.ring("b", RX).unwrap();
    ring.set_slot(0, (0, 9, 0xffff));
    ring.set_slot(1, (u32::MAX, 9, 1));
    ring.release();
    p.receive_sync("b");
    p.slots("b", RX, 0..3);
    p.pointers("b", RX);
    // A wrong pointer lets the kernel look at all slots.
    p.ring("b", RX).unwrap().set(HEAD, 9999);
    p.receive_sync("b");
    p.slots("b", RX, 0..3);
    p.pointers("b", RX);
}

pub(in super::super) fn several_slots(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0x2_0000);
    p.bind("b", "vale0:b", 1, 0x2_0000);
    for (length, size) in [(5000, 2048), (100, 14), (64, 1), (100, 13), (65000, 2048)] {
        p.ring("a", TX).unwrap().put(&frame(2, 1, length), size);
        p.transmit_sync("a");
        p.pointers("a", TX);
        p.receive_sync("b");
        p.pointers("b", RX);
    }
    p.slots("b", RX, 0..20);
    p.ring("b", RX).unwrap().release();
    p.receive_sync("b");
    // The last slot of a frame is missing.
    let ring = p.ring("a", TX).unwrap();
    ring.put(&frame(2, 1, 60), 2048);
    ring.put(&frame(2, 1, 4000), 2048);
    let head = ring.word(HEAD);
    let (buffer, length, _) = ring.slot(head - 1);
    ring.set_slot(head - 1, (buffer, length, 0x20));
    p.transmit_sync("a");
    p.receive_sync("b");
    let at = p.ring("b", RX).unwrap().word(HEAD);
    p.pointers("b", RX);
    p.slots("b", RX, at..at + 3);
    // Only whole frames find room.
    for _ in 0..600 {
        p.ring("a", TX).unwrap().put(&frame(2, 1, 4000), 2048);
        p.transmit_sync("a");
    }
    p.receive_sync("b");
    p.pointers("b", RX);
}
