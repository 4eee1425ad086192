use super::super::frame;
use super::program::Program;
use crate::abi::BODY_BYTES;
use crate::testing::body::Register;
use crate::testing::bytes::put;

/// Rings of a port with one pair and no host.
const TX: usize = 0;
const RX: usize = 2;
const HEAD: usize = 20;
const CUR: usize = 24;
const TAIL: usize = 28;

fn body(register: Register) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    register.write(&mut body);
    body
}

fn of(mode: u32, ring: u16, flags: u64) -> Register {
    Register {
        mode,
        ring,
        flags,
        ..Register::default()
    }
}

fn header(length: u32) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    put(&mut body, 0, length.to_ne_bytes());
    body
}

const EMPTY: [u8; BODY_BYTES] = [0; BODY_BYTES];

pub(super) fn refusals(p: &mut Program<'_>) {
    for name in [
        "",
        "nothere0",
        "vale",
        "vale0",
        "vale0:",
        "vale:a",
        "val",
        "valx",
        "vale-0:a",
        "vale0:a{",
        "{1",
        "vale0:abcdefghijklmno",
        "vale0:abcdefghijklmnop",
        "vale0123456789ab:x",
        "vale012345678901234:x",
        "vale0:x{1}2",
        "vale0:a b",
        "a-much-too-long-name-of-an-interface{1",
    ] {
        p.request(1, name, body(of(1, 0, 0x8000)));
    }
    for mode in 0..10 {
        for ring in 0..3 {
            p.request(1, "vale0:a", body(of(mode, ring, 0)));
            p.request(1, "vale0:a{1", body(of(mode, ring, 0)));
        }
    }
    for flags in [
        0x2000, 0x4000, 0x6000, 0x800, 0x100, 0x200, 0x400, 0x1000, 0x4_0000,
    ] {
        p.request(1, "vale0:a", body(of(1, 0, flags)));
    }
    for kind in 0..16 {
        if matches!(kind, 9 | 13 | 14 | 15) {
            continue;
        }
        p.request(kind, "vale0:a", EMPTY);
        p.request(kind, "nothere0", EMPTY);
    }
    p.request(9, "nothere0", EMPTY);
    p.request(9, "vale0:a", EMPTY);
    for memory in [1, 999] {
        let wishes = Register {
            memory,
            ..of(1, 0, 0)
        };
        p.request(1, "vale0:a", body(wishes));
        p.request(1, "x", body(Register { mode: 7, ..wishes }));
    }
}

fn face(p: &mut Program<'_>, name: &'static str, rings: usize) {
    for word in 4..14 {
        let word = p.word(name, 4 * word);
        p.say(word);
    }
    let first = p.ring(name, 0).map(|ring| ring.place);
    for index in 0..rings {
        let Some(ring) = p.ring(name, index) else {
            p.say("none");
            continue;
        };
        let words: Vec<_> = (0..9).map(|word| ring.word(4 * word)).collect();
        p.say((ring.place, first, words));
        p.slots(name, index, 0..3);
    }
}

pub(super) fn layout(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0);
    face(p, "a", 4);
    p.bind("b", "vale0:a", 4, 0);
    face(p, "b", 4);
    p.bind("t", "vale0:a", 1, 0x4000);
    face(p, "t", 4);
    p.request(1, "vale0:a", body(of(1, 0, 0x800)));
    p.close("a");
    p.close("b");
    p.close("t");
    p.bind("c", "vale0:a", 1, 0x800);
    face(p, "c", 4);
}

pub(super) fn private_layout(p: &mut Program<'_>) {
    for (transmit_rings, receive_rings, transmit_slots, receive_slots) in [
        (1, 1, 0, 0),
        (2, 3, 64, 100),
        (4, 4, 4096, 4096),
        (16, 16, 300, 7),
        (99, 99, 9999, 9999),
        (1, 1, 1, 2),
    ] {
        let wishes = Register {
            transmit_rings,
            receive_rings,
            transmit_slots,
            receive_slots,
            ..of(1, 0, 0)
        };
        p.register("a", "vale0:a", wishes);
        p.request(12, "vale0:a", EMPTY);
        p.close("a");
        p.request(2, "vale0:a", EMPTY);
    }
}

pub(super) fn rings(p: &mut Program<'_>) {
    let wishes = Register {
        transmit_rings: 2,
        receive_rings: 3,
        transmit_slots: 16,
        receive_slots: 20,
        ..of(1, 0, 0)
    };
    p.register("a", "vale0:a", wishes);
    face(p, "a", 7);
    p.register("b", "vale0:a", of(4, 2, 0));
    face(p, "b", 7);
    p.register(
        "c",
        "vale0:c",
        Register {
            transmit_rings: 3,
            receive_rings: 2,
            ..wishes
        },
    );
    for ring in 0..3 {
        let ring_of_c = p.ring("c", ring).unwrap();
        ring_of_c.put(&frame(255, 3, 60), 2048);
        let mut all = frame(255, 3, 70);
        all[..6].fill(255);
        ring_of_c.put(&all, 2048);
    }
    p.transmit_sync("c");
    p.receive_sync("a");
    for ring in 3..6 {
        p.pointers("a", ring);
        p.slots("a", ring, 0..8);
    }
    p.ring("a", 0).unwrap().put(&frame(3, 1, 60), 2048);
    p.ring("a", 1).unwrap().put(&frame(3, 1, 61), 2048);
    p.transmit_sync("a");
    p.receive_sync("c");
    p.pointers("c", 4);
    p.pointers("c", 5);
}

pub(super) fn memory_numbers(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0);
    p.bind("b", "vale0:b", 1, 0);
    p.bind("c", "vale1:c", 1, 0);
    p.close("b");
    p.bind("d", "vale0:d", 1, 0);
    p.bind("e", "vale0:e", 1, 0);
    p.request(2, "vale0:f", EMPTY);
    p.request(2, "vale0:g", EMPTY);
    let shared = Register {
        memory: 1,
        ..of(1, 0, 0)
    };
    p.register("s", "vale0:s", shared);
    face(p, "s", 4);
    p.request(12, "vale0:s", EMPTY);
}

pub(super) fn information(p: &mut Program<'_>) {
    p.request(2, "", EMPTY);
    p.request(2, "vale0:a", EMPTY);
    p.request(12, "vale0:a", EMPTY);
    p.request(5, "", EMPTY);
    p.bind("a", "vale0:a", 1, 0);
    p.request(2, "vale0:a", EMPTY);
    p.request(12, "vale0:a", EMPTY);
    p.request(7, "vale0:a", EMPTY);
    p.request(2, "vale0:a{1", EMPTY);
    p.request(7, "vale0:a{1", EMPTY);
    p.request(12, "vale0:a{1", EMPTY);
}

pub(super) fn lists(p: &mut Program<'_>) {
    p.request(5, "", EMPTY);
    for (name, port) in [
        ("a", "vale0:a"),
        ("b", "vale1:b"),
        ("c", "vale0:c"),
        ("d", "vale0:d"),
    ] {
        p.bind(name, port, 1, 0);
    }
    let mut at = EMPTY;
    for _ in 0..6 {
        at = p.request(5, "", at);
        let index = u32::from_ne_bytes(at[4..8].try_into().unwrap());
        put(&mut at, 4, index.wrapping_add(1).to_ne_bytes());
    }
    for name in ["vale0:c", "vale0:", "vale0:zz", "vale7:a", "vale", "x"] {
        p.request(5, name, EMPTY);
    }
    p.close("c");
    p.bind("e", "vale0:e", 1, 0);
    p.request(5, "vale0:e", EMPTY);
    p.request(5, "vale0:d", EMPTY);
    p.close("a");
    p.close("d");
    p.close("e");
    p.request(5, "", EMPTY);
    p.bind("f", "vale2:f", 1, 0);
    p.request(5, "vale2:f", EMPTY);
    for (kind, name) in [
        (3, "vale0:a"),
        (4, "vale2:f"),
        (4, "vale2:g"),
        (4, "vale2"),
        (3, "vale2:f"),
    ] {
        p.request(kind, name, EMPTY);
    }
    p.poll("f");
    p.request(5, "vale2:f", EMPTY);
}

pub(super) fn interfaces(p: &mut Program<'_>) {
    p.request(8, "nbvp0", EMPTY);
    p.request(8, "nbvp0", EMPTY);
    p.request(8, "vale0:x", EMPTY);
    p.request(8, "a-name-that-is-too-long", EMPTY);
    p.request(2, "nbvp0", EMPTY);
    p.request(6, "nbvp0", header(12));
    p.request(3, "vale0:nbvp0", EMPTY);
    p.request(3, "vale0:nbvp0", EMPTY);
    p.request(5, "vale0:nbvp0", EMPTY);
    p.request(6, "vale0:nbvp0", header(12));
    p.request(7, "nbvp0", EMPTY);
    p.request(6, "vale0:nbvp0", header(0));
    p.request(9, "nbvp0", EMPTY);
    p.request(4, "vale0:nbvp0", EMPTY);
    p.request(4, "vale0:nbvp0", EMPTY);
    p.bind("v", "nbvp0", 1, 0);
    p.poll("v");
    p.request(9, "nbvp0", EMPTY);
    p.close("v");
    p.request(9, "nbvp0", EMPTY);
    p.request(9, "nbvp0", EMPTY);
    p.request(5, "", EMPTY);
}

/// An interface that is bound loses its name in the switch, and stays there for ever: the last script.
pub(super) fn zombie_interfaces(p: &mut Program<'_>) {
    p.request(8, "nbvp1", EMPTY);
    p.request(3, "vale6:nbvp1", EMPTY);
    p.bind("a", "vale6:a", 1, 0);
    p.bind("v", "nbvp1", 1, 0);
    p.request(5, "vale6:nbvp1", EMPTY);
    p.ring("a", TX).unwrap().put(&frame(2, 1, 60), 2048);
    p.transmit_sync("a");
    p.receive_sync("v");
    p.pointers("v", RX);
    p.request(9, "nbvp1", EMPTY);
    p.request(4, "vale6:nbvp1", EMPTY);
    p.close("v");
    p.request(4, "vale6:nbvp1", EMPTY);
    p.request(9, "nbvp1", EMPTY);
    p.request(5, "", EMPTY);
}

pub(super) fn extra_buffers(p: &mut Program<'_>) {
    let wishes = Register {
        extra_buffers: 4,
        ..of(1, 0, 0)
    };
    p.register("a", "vale0:a", wishes);
    let mut buffer = p.word("a", 32);
    while buffer != 0 {
        let ring = p.ring("a", TX).unwrap();
        p.say(buffer);
        let bytes = p.bytes("a", buffer, &ring, 4);
        buffer = u32::from_ne_bytes(bytes.try_into().unwrap());
    }
}

pub(super) fn vale(p: &mut Program<'_>) {
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

pub(super) fn wrong_pointers(p: &mut Program<'_>) {
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

pub(super) fn wrong_slots(p: &mut Program<'_>) {
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

pub(super) fn several_slots(p: &mut Program<'_>) {
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

fn with_header(length: usize, frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes.extend(frame);
    bytes
}

pub(super) fn headers(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0x2_8000);
    p.bind("b", "vale0:b", 1, 0x2_8000);
    for (ours, theirs) in [
        (0, 10),
        (0, 12),
        (10, 12),
        (12, 10),
        (12, 12),
        (10, 0),
        (12, 0),
        (0, 0),
    ] {
        p.request(6, "vale0:a", header(u32::try_from(ours).unwrap()));
        p.request(6, "vale0:b", header(u32::try_from(theirs).unwrap()));
        p.request(7, "vale0:b", EMPTY);
        p.request(1, "vale0:b", body(of(1, 0, 0)));
        let first = p.ring("b", RX).unwrap().word(TAIL);
        for (length, size) in [(60, 2048), (3000, 2048), (60, 12), (60, 10), (0, 2048)] {
            let mut frame = if length == 0 {
                Vec::new()
            } else {
                frame(2, 1, length)
            };
            if ours > 0 && !frame.is_empty() {
                frame = with_header(ours, &frame);
                frame[4] = 99;
            }
            p.ring("a", TX).unwrap().put(&frame, size);
        }
        p.transmit_sync("a");
        p.receive_sync("b");
        p.pointers("b", RX);
        let last = p.ring("b", RX).unwrap().word(TAIL);
        p.slots("b", RX, first..last);
        for slot in first..last {
            p.contents("b", RX, slot);
        }
    }
}

/// A TCP super-frame, with the virtio-net header that asks for `kind`.
fn super_frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
    let mut frame = frame(2, 1, 14 + 20 + 20 + payload);
    frame[12..14].copy_from_slice(&[8, 0]);
    let total = u16::try_from(20 + 20 + payload).unwrap().to_be_bytes();
    frame[14..34].copy_from_slice(&[
        0x45, 0, total[0], total[1], 0x12, 0x34, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]);
    frame[34..54].copy_from_slice(&[
        0, 80, 1, 2, 0, 0, 0, 9, 0, 0, 0, 7, 0x50, 0x19, 1, 0, 0, 0, 0, 0,
    ]);
    let mut bytes = vec![flags, kind, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0];
    bytes.extend(frame);
    bytes
}

pub(super) fn super_frames(p: &mut Program<'_>) {
    p.bind("a", "vale0:a", 1, 0x2_8000);
    p.bind("b", "vale0:b", 1, 0x2_8000);
    p.request(6, "vale0:a", header(12));
    let mut first = 0;
    for (kind, flags, payload) in [
        (1, 1, 4000),
        (1, 1, 1460),
        (1, 1, 1461),
        (1, 1, 100),
        (0, 1, 100),
        (0, 1, 3000),
        (5, 1, 4000),
        (1, 3, 30000),
        (2, 1, 100),
        (0, 4, 100),
        (0x81, 1, 4000),
    ] {
        p.ring("a", TX)
            .unwrap()
            .put(&super_frame(kind, flags, payload), 2048);
        p.transmit_sync("a");
        p.receive_sync("b");
        p.pointers("b", RX);
        let last = p.ring("b", RX).unwrap().word(TAIL);
        p.slots("b", RX, first..last);
        for slot in first..last {
            p.contents("b", RX, slot);
        }
        first = last;
    }
    // A receiver that had a header once takes longer frames.
    p.request(6, "vale0:b", header(10));
    p.request(6, "vale0:b", header(0));
    p.ring("a", TX).unwrap().put(&super_frame(1, 1, 9000), 2048);
    p.transmit_sync("a");
    p.receive_sync("b");
    let last = p.ring("b", RX).unwrap().word(TAIL);
    p.slots("b", RX, first..last);
}

pub(super) fn pipes(p: &mut Program<'_>) {
    p.bind("m", "vale0:p{1", 1, 0x2_0000);
    face(p, "m", 4);
    p.bind("s", "vale0:p}1", 1, 0x2_0000);
    face(p, "s", 4);
    p.request(5, "", EMPTY);
    p.poll("m");
    p.poll("s");
    for (length, size) in [(60, 2048), (5000, 2048), (0, 2048)] {
        p.ring("m", TX).unwrap().put(&vec![5; length], size);
        p.transmit_sync("m");
        p.pointers("m", TX);
        p.poll("s");
        p.receive_sync("s");
        p.pointers("s", RX);
    }
    p.slots("s", RX, 0..6);
    // A buffer goes back in exchange.
    let ring = p.ring("s", RX).unwrap();
    let other = p.ring("s", TX).unwrap();
    let (received, sent) = (ring.slot(0), other.slot(0));
    ring.set_slot(0, (sent.0, 0, 1));
    other.set_slot(0, (received.0, received.1, 1));
    ring.release();
    other.set(CUR, 1);
    other.set(HEAD, 1);
    p.receive_sync("s");
    p.slots("s", RX, 0..2);
    p.transmit_sync("s");
    p.slots("s", TX, 0..2);
    p.receive_sync("m");
    p.pointers("m", RX);
    p.slots("m", RX, 0..2);
    p.transmit_sync("m");
    p.pointers("m", TX);
    p.slots("m", TX, 0..6);
    // Until nothing fits.
    p.ring("m", TX).unwrap().release();
    p.transmit_sync("m");
    p.pointers("m", TX);
    p.poll("m");
    p.receive_sync("s");
    p.pointers("s", RX);
    let theirs = p.ring("s", RX).unwrap();
    theirs.set(CUR, 9);
    theirs.set(HEAD, 9);
    drop((ring, other, theirs)); // a mapping keeps its descriptor open
    p.receive_sync("s");
    p.poll("m");
    p.transmit_sync("m");
    p.pointers("m", TX);
    p.close("s");
    p.bind("s", "vale0:p}1", 1, 0x2_0000);
    p.pointers("s", RX);
    p.receive_sync("s");
    p.pointers("s", RX);
    p.request(12, "vale0:p", EMPTY);
    p.close("m");
    p.close("s");
    p.request(2, "vale0:p}1", EMPTY);
    let wishes = Register {
        transmit_rings: 2,
        receive_rings: 3,
        transmit_slots: 33,
        receive_slots: 44,
        ..of(1, 0, 0)
    };
    p.register("m", "vale0:q{7", wishes);
    face(p, "m", 7);
    p.bind("s", "vale0:q}7", 1, 0);
    face(p, "s", 7);
}

pub(super) fn broken_pipes(p: &mut Program<'_>) {
    p.bind("s", "vale0:p}1", 1, 0x2_0000);
    p.ring("s", TX).unwrap().put(&[1; 60], 2048);
    p.transmit_sync("s");
    p.pointers("s", TX);
    p.bind("m", "vale0:p{1", 1, 0x2_0000);
    p.receive_sync("m");
    p.pointers("m", RX);
    let ring = p.ring("s", TX).unwrap();
    ring.put(&[1; 60], 2048);
    let (_, length, _) = ring.slot(1);
    ring.set_slot(1, (u32::MAX, length, 0x21));
    drop(ring);
    p.transmit_sync("s");
    p.pointers("s", TX);
    p.receive_sync("m");
    p.pointers("m", RX);
    p.slots("m", RX, 0..3);
    p.ring("s", TX).unwrap().put(&[1; 60], 2048);
    p.transmit_sync("s");
    p.receive_sync("m");
    p.pointers("m", RX);
    p.close("s");
    p.ring("m", RX).unwrap().release();
    p.receive_sync("m");
    p.ring("m", TX).unwrap().put(&[1; 60], 2048);
    p.transmit_sync("m");
    p.pointers("m", TX);
    p.request(1, "vale0:p", body(of(1, 0, 0x800)));
}

pub(super) fn monitors(p: &mut Program<'_>) {
    p.request(1, "vale0:a", body(of(1, 0, 0x300)));
    p.bind("a", "vale0:a", 1, 0x2_0000);
    p.bind("b", "vale0:b", 1, 0x2_0000);
    for (flags, both) in [
        (0x100, "transmitted"),
        (0x200, "received"),
        (0x300, "both"),
        (0x400, "swapped"),
    ] {
        p.bind("m", "vale0:a", 1, flags);
        face(p, "m", 4);
        for _ in 0..2 {
            p.ring("a", TX).unwrap().put(&frame(2, 1, 60), 2048);
            p.transmit_sync("a");
            p.ring("b", TX).unwrap().put(&frame(1, 2, 70), 2048);
            p.transmit_sync("b");
            p.receive_sync("m");
            p.say(both);
            p.pointers("m", RX);
            p.receive_sync("a");
            p.receive_sync("m");
            p.pointers("m", RX);
            p.ring("a", RX).unwrap().release();
            p.receive_sync("a");
            p.receive_sync("m");
            p.pointers("m", RX);
            p.slots("m", RX, 0..4);
        }
        p.slots("a", RX, 0..4);
        p.slots("a", TX, 0..4);
        p.ring("m", TX).unwrap().put(&frame(2, 1, 60), 2048);
        p.transmit_sync("m");
        p.pointers("m", TX);
        p.poll("m");
        p.close("m");
    }
    p.bind("m", "vale0:a", 1, 0x300);
    p.close("a");
    p.receive_sync("m");
    p.pointers("m", RX);
    p.request(5, "", EMPTY);
}
