use super::*;

/// Bytes of a page, and of a small buffer.
const PAGE: usize = 4096;
const BUFFER: usize = 256;
const BUFFER_SIZE: u32 = 256;

/// A region with a ring at byte 128 of four slots, and twelve buffers from the second page on.
fn region() -> Arc<Region> {
    let region = Region::anonymous(PAGE + 12 * BUFFER).unwrap();
    let at = |offset| 128 + offset;
    assert!(region.store_u32(at(ring::SLOTS), 4));
    assert!(region.store_u32(at(ring::BUFFER_SIZE), BUFFER_SIZE));
    assert!(region.store_u64(at(ring::BUFFERS_OFFSET), (PAGE - 128) as u64));
    region
}

fn memory(region: &Arc<Region>) -> RingMemory {
    RingMemory::new(region, 128).unwrap()
}

/// Between the lengths that are tried: Miri takes a thousand times as long.
const STRIDE: usize = if cfg!(miri) { 51 } else { 1 };

#[test]
fn a_ring_is_found_only_where_one_is() {
    let region = region();
    assert_eq!(memory(&region).slots(), 4);
    for offset in [129, 132, PAGE + 12 * BUFFER - 64, usize::MAX] {
        assert!(RingMemory::new(&region, offset).is_none(), "at {offset}");
    }
    let with = |offset: usize, value: u64| {
        let region = self::region();
        match offset {
            ring::BUFFERS_OFFSET => assert!(region.store_u64(128 + offset, value)),
            _ => assert!(region.store_u32(128 + offset, u32::try_from(value).unwrap())),
        }
        RingMemory::new(&region, 128).is_some()
    };
    for (slots, found) in [
        (0, false),
        (1, false),
        (2, true),
        (1 << 20, false),
        (u32::MAX.into(), false),
    ] {
        assert_eq!(with(ring::SLOTS, slots), found, "{slots} slots");
    }
    for (size, found) in [(0, false), (1, true), (65_536, true), (65_537, false)] {
        assert_eq!(
            with(ring::BUFFER_SIZE, size),
            found,
            "buffers of {size} bytes"
        );
    }
    let end = (PAGE + 12 * BUFFER - 128) as u64;
    for (offset, found) in [
        (end, true),
        (end + 1, false),
        (0_u64.wrapping_sub(128), true),
        (0_u64.wrapping_sub(129), false),
    ] {
        assert_eq!(
            with(ring::BUFFERS_OFFSET, offset),
            found,
            "buffers at {offset:#x}"
        );
    }
}

#[test]
fn what_stands_there_later_changes_nothing() {
    let region = region();
    let memory = memory(&region);
    assert!(region.store_u32(128 + ring::SLOTS, u32::MAX));
    assert!(region.store_u32(128 + ring::BUFFER_SIZE, u32::MAX));
    assert!(region.store_u64(128 + ring::BUFFERS_OFFSET, u64::MAX / 2));
    assert_eq!((memory.slots(), memory.buffer_size()), (4, BUFFER_SIZE));
    assert!(!memory.has_buffer(12) && memory.has_buffer(11));
}

#[test]
fn frames_go_into_buffers_and_come_out() {
    let region = region();
    let memory = memory(&region);
    let frame: Vec<u8> = (0..=255).collect();
    let pieces = [&frame[..1], &[], &frame[1..100], &frame[100..]].map(TxSlice::new);
    for from in [0, 1, 50, 100, 255] {
        assert!(memory.fill(11, &pieces, from, 256 - from));
        let (mut a, mut b) = ([0; 7], [0; 300]);
        let mut into = [RxSlice::new(&mut a), RxSlice::new(&mut b)];
        assert_eq!(memory.drain(11, 256 - from, &mut into, 3), Some(256 - from));
        let got = [&a[3..], &b[..]].concat();
        assert_eq!(got[..256 - from], frame[from..], "from {from}");
    }
    let mut short = [0; 10];
    assert_eq!(
        memory.drain(11, 1, &mut [RxSlice::new(&mut short)], 10),
        Some(0)
    );
    assert_eq!(memory.drain(11, 256, &mut [], 0), Some(0));
    let piece = memory.piece(11, 1).unwrap();
    assert_eq!(piece.first_chunk(), Some([255]));
}

#[test]
fn nothing_outside_of_a_buffer_is_touched() {
    let region = region();
    let memory = memory(&region);
    let frame = [TxSlice::new(&[7; 300])];
    let mut bytes = [0; 300];
    for (buffer, length) in [
        (0, 1),
        (1, 1),
        (12, 1),
        (u32::MAX, 1),
        (2, 257),
        (11, usize::MAX),
    ] {
        let told = format!("{length} bytes of buffer {buffer}");
        assert!(!memory.fill(buffer, &frame, 0, length), "{told}");
        let into = &mut [RxSlice::new(&mut bytes)];
        assert_eq!(memory.drain(buffer, length, into, 0), None, "{told}");
        assert!(memory.piece(buffer, length).is_none(), "{told}");
    }
    assert!(!memory.put_chunk(2, 255, [1, 2]) && memory.put_chunk(2, 254, [1, 2]));
    assert_eq!(memory.chunk(2, 255), None::<[u8; 2]>);
    assert_eq!(memory.chunk(2, 254), Some([1, 2]));
    assert!(memory.fill(2, &frame, 0, 256) && memory.fill(11, &frame, 0, 256));
    let mut others = [0; 9 * BUFFER - 2 * BUFFER];
    assert!(region.read(PAGE + 3 * BUFFER, &mut others));
    assert!(others.iter().all(|byte| *byte == 0));
}

#[test]
fn a_frame_may_lie_in_the_buffer_that_it_goes_to() {
    let region = region();
    let memory = memory(&region);
    assert!(memory.fill(5, &[TxSlice::new(&[1, 2, 3, 4])], 0, 4));
    let lent = memory.piece(5, 4).unwrap();
    assert!(memory.fill(5, &[lent.skip(1), lent], 0, 3));
    assert_eq!(memory.chunk(5, 0), Some([2, 3, 4]));
}

#[test]
fn slots_and_words_are_where_the_kernel_has_them() {
    let region = region();
    let memory = memory(&region);
    memory.publish(3, 2);
    assert_eq!(region.load_u32(128 + ring::HEAD), Some(3));
    assert_eq!(region.load_u32(128 + ring::CUR), Some(2));
    assert_eq!(memory.head(), 3);
    assert!(region.store_u32(128 + ring::TAIL, 1));
    assert_eq!(memory.tail(), 1);
    let slot = Slot {
        buffer: 9,
        length: 60,
        flags: 1,
    };
    memory.set_slot(3, slot);
    assert_eq!(memory.slot(3), slot);
    let at = 128 + ring::SLOT_ARRAY + 3 * SLOT_BYTES;
    assert_eq!(region.load_u32(at), Some(9));
    assert_eq!(region.load_u16(at + 4), Some(60));
    memory.set_slot(4, slot);
    assert_eq!(memory.slot(4), Slot::default(), "there is no fifth one");
    assert!(!memory.has_offsets());
    assert!(region.store_u64(128 + ring::OFFSET_MASK, 1));
    assert!(memory.has_offsets());
}

#[test]
fn frames_of_every_length_are_copied_whole_and_no_further() {
    let region = region();
    let memory = memory(&region);
    let frame: Vec<u8> = (1..=250).cycle().take(2 * BUFFER).collect();
    for length in (0..=BUFFER).step_by(STRIDE) {
        for lead in [0, 5, 12] {
            let whole = &frame[..lead + length];
            let (first, second) = whole.split_at(lead);
            let clear = [TxSlice::new(&[0xee; BUFFER])];
            for pieces in [&[whole][..], &[first, second], &[first, &[], second]] {
                assert!(memory.fill(5, &clear, 0, BUFFER));
                let pieces: Vec<_> = pieces.iter().map(|piece| TxSlice::new(piece)).collect();
                assert!(memory.fill(5, &pieces, lead, length));
                let mut bytes = [0; BUFFER];
                assert!(region.read(PAGE + 5 * BUFFER, &mut bytes));
                assert_eq!(bytes[..length], frame[lead..lead + length]);
                assert!(bytes[length..].iter().all(|byte| *byte == 0xee));
            }
            for cut in [0, lead, lead + 1] {
                let mut bytes = vec![0xdd; lead + BUFFER + 1];
                let (first, second) = bytes.split_at_mut(cut);
                let mut both = [RxSlice::new(first), RxSlice::new(second)];
                let into = if cut == 0 {
                    &mut both[1..]
                } else {
                    &mut both[..]
                };
                assert_eq!(memory.drain(5, length, into, lead), Some(length));
                assert_eq!(bytes[lead..lead + length], frame[lead..lead + length]);
                let others = [&bytes[..lead], &bytes[lead + length..]].concat();
                assert!(
                    others.iter().all(|byte| *byte == 0xdd),
                    "{length} {lead} {cut}"
                );
            }
        }
    }
}

#[test]
fn a_frame_of_any_length_may_overlap_its_buffer() {
    let region = region();
    let memory = memory(&region);
    let frame: Vec<u8> = (0..=255).collect();
    for length in (1..BUFFER).step_by(STRIDE) {
        assert!(memory.fill(5, &[TxSlice::new(&frame)], 0, BUFFER));
        let lent = memory.piece(5, BUFFER).unwrap();
        assert!(memory.fill(5, &[lent], 1, length));
        let mut bytes = [0; BUFFER];
        assert!(region.read(PAGE + 5 * BUFFER, &mut bytes));
        assert_eq!(bytes[..length], frame[1..=length], "{length}");
    }
}
