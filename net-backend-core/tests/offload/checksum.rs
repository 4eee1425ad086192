use net_backend_core::offload::checksum::{self, Sum};
use net_backend_core::offload::{Headers, Malformed};
use net_backend_core::{HeaderFlags, VirtioNetHeader};
use proptest::prelude::*;

use super::frames::{any_packet, be16, is_sound, naive_sum, pattern};

/// Whether two sums are the same: 0 is 0xffff.
fn same(left: u16, right: u16) -> bool {
    left % 0xffff == right % 0xffff
}

proptest! {
    #[test]
    fn the_sum_is_that_of_adding_word_by_word(length in 0_usize..70000, offset in 0_usize..16, seed: u32) {
        let bytes = pattern(length + offset, seed);
        let bytes = &bytes[offset..];
        prop_assert!(same(Sum::of(bytes).value(), naive_sum(bytes)));
    }

    #[test]
    fn the_sum_does_not_overflow(length in 65000_usize..70000) {
        let bytes = vec![0xff; length];
        prop_assert!(same(Sum::of(&bytes).value(), naive_sum(&bytes)));
    }

    #[test]
    fn parts_combine_wherever_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cut: prop::sample::Index,
    ) {
        let cut = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
        let (first, second) = bytes.split_at(cut);
        let combined = Sum::of(first).followed_by(first.len(), Sum::of(second));
        prop_assert_eq!(combined, Sum::of(&bytes));
        let odd = if cut % 2 == 0 { Sum::of(second) } else { Sum::of(second).at_odd() };
        prop_assert_eq!(combined - odd, Sum::of(first));
    }

    #[test]
    fn an_update_is_a_new_computation(
        mut bytes in prop::collection::vec(any::<u8>(), 8..100),
        new: [u8; 4],
        at in 0_usize..2,
    ) {
        let checksum = Sum::of(&bytes).checksum();
        let at = at * 2;
        let old = Sum::of(&bytes[at..at + 4]);
        bytes[at..at + 4].copy_from_slice(&new);
        let updated = checksum::update(checksum, old, Sum::of(&new));
        prop_assert!(same(updated, Sum::of(&bytes).checksum()));
    }

    #[test]
    fn what_smoltcp_made_is_valid_and_nothing_else(
        mut packet in any_packet(false),
        is_udp: bool,
        payload in 0_usize..3000,
        seed: u32,
        flipped: prop::sample::Index,
    ) {
        packet.is_udp = is_udp;
        packet.payload = pattern(payload, seed);
        let mut frame = packet.frame();
        let headers = Headers::parse(&frame).unwrap();
        prop_assert!(checksum::is_valid(&frame, &headers));
        // Behind the transport header, so that the headers stay what they are.
        if payload > 0 {
            let at = packet.payload_offset() + flipped.index(payload);
            frame[at] ^= 0x10;
            prop_assert!(!checksum::is_valid(&frame, &headers));
        }
    }

    #[test]
    fn partial_and_complete_are_the_two_ways_of_one_frame(
        mut packet in any_packet(false),
        is_udp: bool,
        payload in 0_usize..3000,
        seed: u32,
    ) {
        packet.is_udp = is_udp;
        packet.payload = pattern(payload, seed);
        let original = packet.frame();
        let (prepared, request) = packet.partial_frame();
        let mut frame = original.clone();
        let headers = Headers::parse(&frame).unwrap();
        let mut header = checksum::make_partial(&mut frame, &headers).unwrap();
        prop_assert_eq!(header, request);
        let at = headers.transport + headers.checksum_offset().unwrap();
        prop_assert!(same(be16(&frame, at), be16(&prepared, at)));
        checksum::complete(&mut frame, &mut header).unwrap();
        prop_assert_eq!(header, VirtioNetHeader::default());
        prop_assert!(is_sound(&frame));
        prop_assert_eq!(Headers::parse(&frame), Headers::parse(&original));
    }

    #[test]
    fn a_field_outside_of_the_frame_is_refused(length in 0_usize..200, start: u16, offset: u16) {
        let mut header = VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM,
            checksum_start: start % 256,
            checksum_offset: offset % 256,
            ..VirtioNetHeader::default()
        };
        let untouched = (pattern(length, 1), header);
        let mut frame = untouched.0.clone();
        let fits = usize::from(start % 256) + usize::from(offset % 256) + 2 <= length;
        let result = checksum::complete(&mut frame, &mut header);
        if fits {
            prop_assert_eq!(result, Ok(()));
        } else {
            prop_assert_eq!(result, Err(Malformed));
            prop_assert_eq!((frame, header), untouched);
        }
    }
}
