use super::super::super::frame;
use super::super::program::Program;
use super::{EMPTY, RX, TAIL, TX, body, header, of};

fn with_header(length: usize, frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    bytes.extend(frame);
    bytes
}

pub(in super::super) fn headers(p: &mut Program<'_>) {
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

pub(in super::super) fn super_frames(p: &mut Program<'_>) {
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
