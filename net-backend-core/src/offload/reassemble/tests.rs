use super::super::samples::udp;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What comes out for a frame.
fn push(reassembler: &mut Reassembler, frame: &[u8], now: Instant) -> Option<Vec<u8>> {
    let headers = Headers::parse(frame).unwrap();
    let whole = reassembler.push(frame, &headers, now);
    whole.map(|it| it.to_vec())
}

/// What comes out for frames that come at the same time.
fn push_all(reassembler: &mut Reassembler, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let now = Instant::now();
    let each = frames.iter();
    each.filter_map(|it| push(reassembler, it, now)).collect()
}

/// A fragment of IPv4 with that identification, offset in bytes and payload.
fn ipv4(identification: u16, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = udp(&[]);
    frame.truncate(34);
    frame.extend(payload);
    let field = u16::try_from(offset / 8).unwrap() | if more { 0x2000 } else { 0 };
    put(&mut frame, 16, be_bytes(20 + payload.len()).unwrap());
    put(&mut frame, 18, identification.to_be_bytes());
    put(&mut frame, 20, field.to_be_bytes());
    // Neither TCP nor UDP, so that any payload is right.
    put(&mut frame, 23, [0xfd]);
    put_ipv4_checksum(&mut frame[14..34]).unwrap();
    frame
}

/// The same of IPv6, with extension headers before that of the fragment, the first of which is hop-by-hop.
fn ipv6(extensions: &[u8], offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
    let first = if extensions.is_empty() { 44 } else { 0 };
    let [l0, l1] = be_bytes(extensions.len() + 8 + payload.len()).unwrap();
    frame.extend([0x60, 0, 0, 0, l0, l1, first, 64]);
    frame.extend([1; 32]);
    frame.extend(extensions);
    let [o0, o1] = (u16::try_from(offset).unwrap() | u16::from(more)).to_be_bytes();
    frame.extend([0xfd, 0, o0, o1, 0, 0, 0, 9]);
    frame.extend(payload);
    frame
}

/// The whole packet that these fragments of `ipv4` are of.
fn whole(identification: u16, payload: &[u8]) -> Vec<u8> {
    ipv4(identification, 0, false, payload)
}

#[test]
fn every_order_makes_the_packet() {
    let frames = [
        ipv4(1, 0, true, &[1; 16]),
        ipv4(1, 16, true, &[2; 8]),
        ipv4(1, 24, false, &[3; 5]),
    ];
    let payload = [&[1; 16][..], &[2; 8], &[3; 5]].concat();
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let mut reassembler = Reassembler::new();
        let [first, second, third] = order.map(|index| frames[index].clone());
        assert_eq!(push_all(&mut reassembler, &[first, second]), [[0; 0]; 0]);
        assert_eq!(reassembler.pending(), 1);
        assert_eq!(push_all(&mut reassembler, &[third]), [whole(1, &payload)]);
        assert_eq!(reassembler.pending(), 0);
    }
}

#[test]
fn fragments_of_different_packets_are_kept_apart() {
    let four = [ipv4(0, 0, true, &[1; 8]), ipv4(0, 8, false, &[2])];
    let six = [ipv6(&[], 0, true, &[1; 8]), ipv6(&[], 8, false, &[2])];
    // A byte each of identification, protocol, source and destination.
    let differences = [
        (&four, 18, 1),
        (&four, 19, 1),
        (&four, 23, 0xfc),
        (&four, 29, 16),
        (&four, 33, 3),
        (&six, 58, 1),
        (&six, 61, 1),
        (&six, 22, 2),
        (&six, 53, 2),
    ];
    let changed = |index: usize| {
        differences.map(|(pair, at, byte)| {
            let mut frame = pair[index].clone();
            frame[at] = byte;
            if frame[12] == 8 {
                put_ipv4_checksum(&mut frame[14..34]).unwrap();
            }
            frame
        })
    };
    let mut reassembler = Reassembler::new();
    assert!(push_all(&mut reassembler, &changed(0)).is_empty());
    assert_eq!(reassembler.pending(), differences.len());
    let out = push_all(&mut reassembler, &changed(1));
    assert_eq!(out.len(), differences.len());
}

#[test]
fn padding_is_no_payload() {
    let mut frames = [ipv4(1, 0, true, &[1; 8]), ipv4(1, 8, false, &[2])];
    frames.iter_mut().for_each(|it| it.resize(60, 0xee));
    let out = push_all(&mut Reassembler::new(), &frames);
    assert_eq!(out, [whole(1, &[1, 1, 1, 1, 1, 1, 1, 1, 2])]);
}

#[test]
fn the_first_fragment_supplies_the_headers() {
    let mut frames = [ipv4(1, 8, false, &[2]), ipv4(1, 0, true, &[1; 8])];
    // Another address, another hop limit and an option; and the flags that stay.
    frames[1].splice(34..34, [1, 1, 1, 0]);
    for (at, byte) in [(5, 7), (14, 0x46), (17, 32), (20, 0xe0), (22, 9)] {
        frames[1][at] = byte;
    }
    put_ipv4_checksum(&mut frames[1][14..38]).unwrap();
    let mut expected = frames[1].clone();
    expected.push(2);
    expected[17] = 33;
    expected[20] = 0xc0;
    put_ipv4_checksum(&mut expected[14..38]).unwrap();
    assert_eq!(push_all(&mut Reassembler::new(), &frames), [expected]);
}

#[test]
fn the_packet_has_the_extension_headers_of_its_first_fragment() {
    let hop_by_hop = |next, value| [next, 0, 1, 4, value, 0, 0, 0];
    let both = [hop_by_hop(43, 1), hop_by_hop(44, 2)].concat();
    let mut frames = [
        ipv6(&hop_by_hop(44, 3), 8, false, &[2]),
        ipv6(&both, 0, true, &[1; 8]),
    ];
    // What later fragments say that follows does not count.
    frames[0][62] = 6;
    let [frame] = <[_; 1]>::try_from(push_all(&mut Reassembler::new(), &frames)).unwrap();
    let mut expected = frames[1][..54].to_vec();
    expected[19] = 25;
    expected.extend([hop_by_hop(43, 1), hop_by_hop(0xfd, 2)].concat());
    expected.extend([1, 1, 1, 1, 1, 1, 1, 1, 2]);
    assert_eq!(frame, expected);
}

#[test]
fn an_atomic_fragment_passes_by_itself() {
    let mut reassembler = Reassembler::new();
    let halves = [ipv6(&[], 0, true, &[1; 8]), ipv6(&[], 8, false, &[2; 8])];
    assert!(push_all(&mut reassembler, &halves[..1]).is_empty());
    for payload in [&[3; 3][..], &[]] {
        let atomic = ipv6(&[], 0, false, payload);
        let mut expected = atomic[..54].to_vec();
        expected[19] = u8::try_from(payload.len()).unwrap();
        expected[20] = 0xfd;
        expected.extend(payload);
        assert_eq!(push_all(&mut reassembler, &[atomic]), [expected]);
        assert_eq!(reassembler.pending(), 1);
    }
    let out = push_all(&mut reassembler, &halves[1..]);
    assert_eq!(out[0][54..], [[1; 8], [2; 8]].concat());
}

#[test]
fn a_packet_that_is_a_fragment_again_is_none() {
    let mut nested = ipv6(&[], 0, false, &[17, 0, 0, 1, 0, 0, 0, 1]);
    nested[54] = 44;
    assert!(push_all(&mut Reassembler::new(), &[nested]).is_empty());
    // A datagram that is longer than its packet.
    let mut liar = ipv6(&[], 0, false, &[0, 1, 0, 2, 0, 9, 0, 0]);
    liar[54] = 17;
    assert!(push_all(&mut Reassembler::new(), &[liar.clone()]).is_empty());
    liar[67] = 8;
    assert_eq!(push_all(&mut Reassembler::new(), &[liar]).len(), 1);
}

#[test]
fn what_is_no_fragment_is_none() {
    let frame = udp(b"abc");
    assert!(push_all(&mut Reassembler::new(), &[frame]).is_empty());
}

#[test]
fn duplicates_are_ignored() {
    let (first, last) = (ipv4(1, 0, true, &[1; 8]), ipv4(1, 8, false, &[2; 8]));
    let frames = [last.clone(), last, first.clone()];
    let out = push_all(&mut Reassembler::new(), &frames);
    assert_eq!(out, [whole(1, &[[1; 8], [2; 8]].concat())]);
    let other = ipv4(1, 0, true, &[7; 8]);
    let mut reassembler = Reassembler::new();
    assert!(push_all(&mut reassembler, &[first, other]).is_empty());
    assert_eq!(reassembler.pending(), 0);
}

#[test]
fn overlaps_and_other_ends_refuse_the_packet() {
    let attacks = [
        // Teardrop: the second is inside of the first.
        [(0, true, 32), (16, false, 8)],
        [(0, true, 32), (16, true, 8)],
        [(0, true, 16), (8, true, 16)],
        [(0, true, 16), (8, false, 20)],
        [(8, true, 8), (0, true, 24)],
        // Same place, other length.
        [(0, true, 16), (0, true, 8)],
        // The end is elsewhere.
        [(24, false, 8), (16, false, 8)],
        [(24, false, 8), (24, false, 5)],
        [(24, false, 8), (32, true, 8)],
        [(24, false, 8), (24, true, 8)],
        [(24, true, 8), (24, false, 8)],
        [(24, true, 8), (16, false, 8)],
        // Ping of death, with the header that is counted too.
        [(0, true, 8), (65512, false, 23)],
    ];
    let all: Vec<_> = (0..8).map(|it| ipv4(1, it * 8, it < 7, &[1; 8])).collect();
    for attack in attacks {
        for order in [[0, 1], [1, 0]] {
            let frames = order.map(|index| {
                let (offset, more, length) = attack[index];
                ipv4(1, offset, more, &vec![1; length])
            });
            let mut reassembler = Reassembler::new();
            assert!(push_all(&mut reassembler, &frames).is_empty());
            assert_eq!(reassembler.pending(), 0, "{attack:?}");
            // Nothing is made of the rest, but another packet is.
            assert!(push_all(&mut reassembler, &all).is_empty(), "{attack:?}");
            let other = [ipv4(2, 0, true, &[1; 8]), ipv4(2, 8, false, &[1])];
            assert_eq!(push_all(&mut reassembler, &other).len(), 1);
        }
    }
}

#[test]
fn what_is_wrong_by_itself_is_ignored() {
    let wrong = [
        ipv4(1, 8, true, &[1; 7]),
        ipv4(1, 8, true, &[]),
        ipv4(1, 8, false, &[]),
        ipv4(1, 65528, false, &[1; 8]),
        ipv4(1, 65528, true, &[1; 65504]),
        ipv6(&[], 65528, false, &[1; 8]),
        ipv6(&[], 8, true, &[1; 9]),
        ipv6(&[], 0, true, &[]),
    ];
    let mut reassembler = Reassembler::new();
    for frame in wrong {
        assert!(push_all(&mut reassembler, &[frame]).is_empty());
        assert_eq!(reassembler.pending(), 0);
    }
    let mut broken = ipv4(1, 8, false, &[1]);
    broken[24] ^= 1;
    let frames = [ipv4(1, 0, true, &[1; 8]), broken, ipv4(1, 8, false, &[2])];
    let out = push_all(&mut reassembler, &frames);
    assert_eq!(out, [whole(1, &[1, 1, 1, 1, 1, 1, 1, 1, 2])]);
}

#[test]
fn the_longest_packets_are_made() {
    for length in [65515, 65516] {
        let payload = vec![7; length];
        let (first, last) = payload.split_at(65000);
        let frames = [ipv4(1, 65000, false, last), ipv4(1, 0, true, first)];
        let out = push_all(&mut Reassembler::new(), &frames);
        assert_eq!(out.len(), usize::from(length == 65515));
    }
    for length in [65527, 65528] {
        let payload = vec![7; length];
        let (first, last) = payload.split_at(65000);
        let extension = [44, 0, 1, 4, 0, 0, 0, 0];
        let frames = [
            ipv6(&[], 65000, false, last),
            ipv6(&extension, 0, true, first),
        ];
        let out = push_all(&mut Reassembler::new(), &frames);
        assert_eq!(out.len(), usize::from(length == 65527));
    }
}

#[test]
fn lone_fragments_wait_until_their_time_is_over() {
    let start = Instant::now();
    let lone = [
        ipv4(1, 800, false, &[1; 8]),
        ipv4(2, 800, true, &[1; 8]),
        ipv4(3, 0, true, &[1; 8]),
    ];
    let mut reassembler = Reassembler::new();
    for frame in &lone {
        assert_eq!(push(&mut reassembler, frame, start), None);
    }
    assert_eq!(reassembler.pending(), 3);
    let end = start + LIFETIME;
    // Duplicates do not lengthen it.
    for frame in &lone {
        assert_eq!(push(&mut reassembler, frame, end - SECOND), None);
    }
    assert_eq!(reassembler.pending(), 3);
    let last = ipv4(3, 8, false, &[2]);
    assert_eq!(push(&mut reassembler, &last, end), None);
    assert_eq!(reassembler.pending(), 1);
    assert!(push(&mut reassembler, &lone[2], end).is_some());
    // A clock that goes back forgets nothing, and breaks nothing.
    assert_eq!(push(&mut reassembler, &lone[0], end), None);
    assert_eq!(push(&mut reassembler, &lone[1], start), None);
    assert_eq!(reassembler.pending(), 2);
}

#[test]
fn a_refusal_ends_with_its_time() {
    let start = Instant::now();
    let mut reassembler = Reassembler::new();
    let (first, last) = (ipv4(1, 0, true, &[1; 8]), ipv4(1, 8, false, &[2]));
    let overlap = ipv4(1, 0, true, &[1; 16]);
    for frame in [&first, &overlap, &first, &last] {
        assert_eq!(push(&mut reassembler, frame, start), None);
    }
    assert_eq!(push(&mut reassembler, &first, start + LIFETIME), None);
    assert!(push(&mut reassembler, &last, start + LIFETIME).is_some());
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let mut reassembler = Reassembler::new();
    assert_eq!(reassembler.memory(), 0);
    for identification in 0..1000 {
        let half = ipv4(identification, 8, false, &[2; 1400]);
        assert!(push_all(&mut reassembler, &[half]).is_empty());
        let expected = usize::from(identification + 1).min(PACKETS);
        assert_eq!(reassembler.pending(), expected);
    }
    for identification in [0, 967] {
        let first = ipv4(identification, 0, true, &[1; 8]);
        assert!(push_all(&mut reassembler, &[first]).is_empty());
    }
    for identification in 970..1000 {
        let first = ipv4(identification, 0, true, &[1; 8]);
        assert_eq!(push_all(&mut reassembler, &[first]).len(), 1);
    }
}

#[test]
fn memory_is_bounded() {
    let mut reassembler = Reassembler::new();
    // Long fragments, and many short ones in the order that is the dearest.
    for identification in 0..100 {
        let long = ipv4(identification, 8, true, &[1; 65504]);
        push_all(&mut reassembler, &[long]);
        assert!(reassembler.memory() <= MEMORY);
    }
    assert!((10..PACKETS).contains(&reassembler.pending()));
    for identification in 0..20 {
        for offset in (1..8000).rev() {
            let short = ipv4(identification, offset * 8, true, &[1; 8]);
            push_all(&mut reassembler, &[short]);
            assert!(reassembler.memory() <= MEMORY);
        }
    }
    assert!(reassembler.pending() > 1);
    // The newest is still there.
    let ends = [ipv4(19, 0, true, &[1; 8]), ipv4(19, 64000, false, &[1])];
    assert_eq!(push_all(&mut reassembler, &ends).len(), 1);
    assert!(reassembler.memory() <= MEMORY);
}

#[test]
fn memory_that_nobody_uses_goes_first() {
    let mut reassembler = Reassembler::new();
    let start = Instant::now();
    for identification in 0..20 {
        let long = ipv4(identification, 8, true, &[1; 65504]);
        push(&mut reassembler, &long, start);
    }
    let (spare, later) = (reassembler.pending(), start + LIFETIME);
    for identification in 0..3 {
        for offset in 1..3000 {
            let short = ipv4(identification, offset * 8, true, &[1; 8]);
            push(&mut reassembler, &short, later);
        }
    }
    assert_eq!(reassembler.pending(), 3);
    assert!(reassembler.packets.len() < spare);
}
