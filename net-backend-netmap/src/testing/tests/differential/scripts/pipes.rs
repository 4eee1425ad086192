use super::super::super::frame;
use super::super::program::Program;
use super::layouts::face;
use super::{CUR, EMPTY, HEAD, RX, TX, body, of};
use crate::testing::body::Register;

pub(in super::super) fn pipes(p: &mut Program<'_>) {
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

pub(in super::super) fn exchanged_buffers(p: &mut Program<'_>) {
    p.bind("m", "vale0:p{1", 1, 0x2_0000);
    p.bind("s", "vale0:p}1", 1, 0x2_0000);
    p.ring("m", TX).unwrap().put(&[5; 60], 2048);
    p.transmit_sync("m");
    p.receive_sync("s");
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
}

pub(in super::super) fn full_pipes(p: &mut Program<'_>) {
    p.bind("m", "vale0:p{1", 1, 0x2_0000);
    p.bind("s", "vale0:p}1", 1, 0x2_0000);
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
    drop(theirs); // a mapping keeps its descriptor open
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
}

pub(in super::super) fn broken_pipes(p: &mut Program<'_>) {
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

pub(in super::super) fn monitors(p: &mut Program<'_>) {
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
