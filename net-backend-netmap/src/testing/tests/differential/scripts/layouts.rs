use super::super::super::frame;
use super::super::program::Program;
use super::{EMPTY, TX, body, of};
use crate::testing::body::Register;

pub(super) fn face(p: &mut Program<'_>, name: &'static str, rings: usize) {
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

pub(in super::super) fn layout(p: &mut Program<'_>) {
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

pub(in super::super) fn private_layout(p: &mut Program<'_>) {
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

pub(in super::super) fn rings(p: &mut Program<'_>) {
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

pub(in super::super) fn extra_buffers(p: &mut Program<'_>) {
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
