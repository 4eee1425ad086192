//! Frames that are received.

use net_backend::Features;
use net_backend_vhost_user::queue::{End, Turn};
use net_backend_vhost_user::testing::{Descriptor, flags};
use proptest::prelude::*;

use super::guest::{BORDER, BUFFER, Guest, HEADER, Ring, pages};

fn receive(guest: &mut Guest, ring: &mut Ring) -> Turn {
    guest.clean();
    guest.receive.turn(&mut ring.queue, &guest.memory).unwrap()
}

#[test]
fn without_a_frame_or_without_buffers_only_the_ring_is_dirty() {
    for event_index in [false, true] {
        let mut guest = Guest::new(16, Features::MRG_RXBUF);
        let mut ring = Ring::new(&guest, event_index);
        let buffer = Descriptor::writable(BUFFER, 0x1_0000);
        ring.driver.offer(&[buffer]).unwrap();
        assert_eq!(receive(&mut guest, &mut ring).end, End::Idle);
        assert_eq!(guest.dirty(), pages(&[ring.no_kicks()]));

        guest.send(3000);
        let mut ring = Ring::new(&guest, event_index);
        let short = Descriptor::writable(BUFFER, 1000);
        ring.driver.offer(&[short]).unwrap();
        assert_eq!(receive(&mut guest, &mut ring).end, End::NoBuffers);
        assert_eq!(guest.dirty(), pages(&[ring.no_kicks(), ring.kicks()]));
    }
}

#[test]
fn a_frame_that_is_cut_was_written_as_far_as_there_was_room() {
    let mut guest = Guest::new(16, Features::empty());
    guest.send(9000);
    let mut ring = Ring::new(&guest, true);
    let at = BUFFER + 0xff0;
    ring.driver
        .offer(&[Descriptor::writable(at, 0x1020)])
        .unwrap();
    let turn = receive(&mut guest, &mut ring);
    assert_eq!((turn.frames, turn.refused, turn.end), (0, 1, End::Idle));
    assert_eq!(guest.dirty(), pages(&[(at, 0x1020)]));
}

#[test]
fn an_indirect_table_stays_clean() {
    let mut guest = Guest::new(16, Features::MRG_RXBUF);
    guest.send(100);
    let mut ring = Ring::new(&guest, true);
    let (table, buffer) = (BUFFER, BUFFER + 0x5ffc);
    let first = Descriptor {
        flags: flags::NEXT | flags::WRITE,
        next: 1,
        ..Descriptor::writable(buffer, 8)
    };
    ring.driver.write_at(table, first);
    let second = Descriptor::writable(buffer + 0x3000, 0x4000);
    ring.driver.write_at(table + 16, second);
    let indirect = Descriptor {
        flags: flags::INDIRECT,
        ..Descriptor::readable(table, 32)
    };
    ring.driver.offer(&[indirect]).unwrap();
    assert_eq!(receive(&mut guest, &mut ring).frames, 1);
    let frame = [(buffer, 8), (second.address, 104)];
    let ring = [ring.elements(0..1), ring.index()];
    assert_eq!(guest.dirty(), pages(&[&frame[..], &ring].concat()));
}

/// Bytes between descriptors, and bytes in each.
fn chain() -> impl Strategy<Value = Vec<(u64, u32)>> {
    prop::collection::vec((0..0x800_u64, 1..4000_u32), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Chains of some descriptors each, with gaps between them, on both sides of the border of two regions: the frame is in as
    /// many as it takes, and how many there are is in its header.
    #[test]
    fn a_frame_in_any_buffers_makes_what_it_is_in_dirty(
        chains in prop::collection::vec(chain(), 1..16),
        length in 14..40_000_usize,
        at in 0..0x1_0000_u64,
        event_index: bool,
    ) {
        let mut guest = Guest::new(16, Features::MRG_RXBUF);
        guest.send(length);
        let mut ring = Ring::new(&guest, event_index);
        let (mut at, mut left) = (BORDER - at, length + HEADER);
        let (mut written, mut count) = (Vec::new(), 0);
        for chain in &chains {
            let mut parts = Vec::new();
            count += usize::from(left > 0);
            for (gap, room) in chain {
                let part = Descriptor::writable(at + gap, *room);
                let here = left.min(usize::try_from(*room).unwrap());
                written.push((part.address, here as u64));
                left -= here;
                at = part.address + u64::from(*room);
                parts.push(part);
            }
            ring.driver.offer(&parts).unwrap();
        }
        let turn = receive(&mut guest, &mut ring);
        if left > 0 {
            prop_assert_eq!((turn.frames, turn.end), (0, End::NoBuffers));
            prop_assert_eq!(guest.dirty(), pages(&[ring.no_kicks(), ring.kicks()]));
            return Ok(());
        }
        prop_assert_eq!(turn.frames, 1);
        written.extend([ring.elements(0..count), ring.index(), ring.no_kicks()]);
        if turn.end == End::NoBuffers {
            written.push(ring.kicks());
        }
        prop_assert_eq!(guest.dirty(), pages(&written));
        let used = std::iter::from_fn(|| ring.driver.take()).count();
        prop_assert_eq!(used, count);
    }
}
