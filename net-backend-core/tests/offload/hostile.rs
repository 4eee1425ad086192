//! Any bytes are taken without a panic.

use net_backend_core::offload::{
    Checksum, Coalescer, Headers, checksum, fragment, segment, segments,
};
use net_backend_core::{HeaderLength, TxSlice, VirtioNetHeader};
use proptest::prelude::*;

use super::frames::any_packet;

/// Everything there is, with this frame.
fn exercise(bytes: &[u8], header: VirtioNetHeader, size: usize, limit: usize) {
    for length in 0..bytes.len() {
        let prefix = Headers::parse_prefix(&bytes[..length], bytes.len());
        assert!(prefix.is_none() || prefix == Headers::parse(bytes));
    }
    if let Some(headers) = Headers::parse(bytes) {
        assert!(headers.transport <= headers.payload && headers.payload <= headers.end);
        assert!(headers.end <= bytes.len() && headers.tcp_options().end <= headers.payload);
        checksum::is_valid(bytes, &headers);
        checksum::make_partial(&mut bytes.to_vec(), &headers);
        assert!(segments(&headers, &header, size) > 0);
    }
    let mut request = header;
    let _ = checksum::complete(&mut bytes.to_vec(), &mut request);
    for kind in [Checksum::Complete, Checksum::Partial] {
        let mut count = 0;
        let sink = &mut |_: &[u8], _: &VirtioNetHeader| count += 1;
        let result = segment(bytes, &header, size, kind, &mut Vec::new(), sink);
        assert_eq!(result.is_ok(), count > 0);
    }
    let mut count = 0;
    let result = fragment(bytes, size, 1, &mut Vec::new(), &mut |_| count += 1);
    assert_eq!(result.is_ok(), count > 0);
    let mut coalescer = Coalescer::new(limit);
    let mut out = 0;
    let sink = &mut |frame: &mut [u8], _| out += frame.len();
    for skip in [0, 0, bytes.len() / 2, bytes.len(), usize::MAX] {
        let (first, second) = bytes.split_at(bytes.len() / 3);
        let pieces = [TxSlice::new(first), TxSlice::new(second)];
        let _ = coalescer.push(&pieces, skip, &header, sink);
    }
    coalescer.flush(sink);
    assert!(coalescer.is_empty() && out <= 3 * bytes.len());
}

proptest! {
    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        wire: [u8; 12],
        size in 0_usize..400,
        limit in 0_usize..400,
    ) {
        let header = VirtioNetHeader::decode(wire, HeaderLength::Twelve).unwrap_or_default();
        exercise(&bytes, header, size, limit);
    }

    #[test]
    fn frames_with_a_few_wrong_bytes(
        mut packet in any_packet(false),
        is_udp: bool,
        payload in 0_usize..300,
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        length: prop::sample::Index,
        sizes in (0_u16..400, 0_usize..400, 0_usize..400),
    ) {
        packet.is_udp = is_udp;
        packet.payload = vec![1; payload];
        let (mut frame, header) = packet.super_frame(sizes.0);
        for (at, byte) in wrong {
            let at = at.index(frame.len().min(80));
            frame[at] = byte;
        }
        exercise(&frame, header, sizes.1, sizes.2);
        exercise(&frame[..length.index(frame.len())], header, sizes.1, sizes.2);
    }
}
