use net_backend_core::offload::{Headers, fragment};
use proptest::prelude::*;
use smoltcp::wire::Ipv4Packet;

use super::frames::{any_packet, be16, extend, pattern};

fn cut(frame: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut scratch = Vec::new();
    fragment(frame, mtu, 0xabcd_1234, &mut scratch, &mut |it| {
        out.push(it.to_vec())
    })
    .unwrap();
    assert!(out.iter().all(|it| it.len() <= 14 + mtu));
    out
}

/// What is behind the IPv4 headers.
fn joined_ipv4(fragments: &[Vec<u8>]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (index, frame) in fragments.iter().enumerate() {
        let packet = Ipv4Packet::new_checked(&frame[14..]).unwrap();
        assert!(packet.verify_checksum());
        assert_eq!(packet.frag_offset(), u16::try_from(joined.len()).unwrap());
        assert_eq!(packet.more_frags(), index + 1 < fragments.len());
        assert_eq!(usize::from(packet.total_len()), frame.len() - 14);
        joined.extend(packet.payload());
    }
    joined
}

/// What is behind the fragment headers, which are `unfragmentable` bytes behind the IPv6 header.
fn joined_ipv6(fragments: &[Vec<u8>], unfragmentable: usize, next: usize) -> (Vec<u8>, u8) {
    let mut joined = Vec::new();
    let mut kind = None;
    for (index, frame) in fragments.iter().enumerate() {
        assert_eq!(usize::from(be16(frame, 18)), frame.len() - 54);
        assert_eq!(frame[next], 44);
        let at = 54 + unfragmentable;
        assert_eq!(*kind.get_or_insert(frame[at]), frame[at]);
        let offset = be16(frame, at + 2);
        assert_eq!(usize::from(offset & !7), joined.len());
        assert_eq!(offset & 7, u16::from(index + 1 < fragments.len()));
        assert_eq!(frame[at + 4..at + 8], [0xab, 0xcd, 0x12, 0x34]);
        joined.extend(&frame[at + 8..]);
    }
    (joined, kind.unwrap())
}

proptest! {
    #[test]
    fn ipv4_fragments_join_to_the_packet(
        mut packet in any_packet(true),
        options in 0_usize..=10,
        payload in 0_usize..10000,
        mtu in 68_usize..9000,
        again in 68_usize..9000,
        seed: u32,
    ) {
        packet.is_ipv6 = false;
        packet.ip_options = options * 4;
        packet.payload = pattern(payload, seed);
        let frame = packet.frame();
        let fragments = cut(&frame, mtu);
        prop_assert_eq!(&joined_ipv4(&fragments), &frame[34 + options * 4..]);
        let smaller: Vec<_> = fragments.iter().flat_map(|it| cut(it, again)).collect();
        prop_assert_eq!(&joined_ipv4(&smaller), &frame[34 + options * 4..]);
        prop_assert_eq!(Headers::parse(&fragments[0]).unwrap().is_fragment, fragments.len() > 1);
    }

    #[test]
    fn ipv6_fragments_join_to_the_packet(
        mut packet in any_packet(true),
        payload in 0_usize..10000,
        mtu in 100_usize..9000,
        extensions in 0_usize..4,
        seed: u32,
    ) {
        packet.is_ipv6 = true;
        packet.payload = pattern(payload, seed);
        let mut frame = packet.frame();
        // Fragments have the first two.
        extend(&mut frame, extensions);
        let fragments = cut(&frame, mtu);
        if fragments.len() == 1 {
            prop_assert_eq!(&fragments[0], &frame);
        } else {
            let kept = extensions.min(2);
            let next = if kept == 0 { 20 } else { 54 + 8 * (kept - 1) };
            let (joined, kind) = joined_ipv6(&fragments, 8 * kept, next);
            prop_assert_eq!(&joined, &frame[54 + 8 * kept..]);
            prop_assert_eq!(kind, frame[next]);
        }
    }
}
