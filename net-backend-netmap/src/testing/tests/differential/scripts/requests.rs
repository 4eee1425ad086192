use super::super::super::frame;
use super::super::program::Program;
use super::layouts::face;
use super::{EMPTY, RX, TX, body, header, of};
use crate::testing::body::Register;
use crate::testing::bytes::put;

pub(in super::super) fn refusals(p: &mut Program<'_>) {
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

pub(in super::super) fn information(p: &mut Program<'_>) {
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

pub(in super::super) fn lists(p: &mut Program<'_>) {
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

pub(in super::super) fn interfaces(p: &mut Program<'_>) {
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
pub(in super::super) fn zombie_interfaces(p: &mut Program<'_>) {
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

pub(in super::super) fn memory_numbers(p: &mut Program<'_>) {
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
