//! Any bytes as frames for everything that looks into frames: the first ones say how, the rest is cut into
//! frames.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use net_backend::offload::{
    Checksum, Coalescer, Headers, Reassembler, checksum, fragment, segment, segments,
};
use net_backend::{HeaderLength, Segmentation, TxSlice, VirtioNetHeader};

fuzz_target!(|input: (u16, u16, u8, Vec<([u8; 12], u8, Vec<u8>)>)| {
    let (limit, size, cut, mut frames) = input;
    frames
        .iter_mut()
        .for_each(|(_, kind, frame)| steer(frame, *kind));
    let (limit, size) = (usize::from(limit), usize::from(size));
    let mut coalescer = Coalescer::new(limit);
    let (mut taken, mut given) = (0, 0);
    let sink = &mut |frame: &mut [u8], header: VirtioNetHeader| {
        given += frame.len();
        if header.segmentation != Segmentation::None && header.header_length > 0 {
            inspect(frame, &header, size);
        }
    };
    for (wire, _, frame) in &frames {
        let header = VirtioNetHeader::decode(*wire, HeaderLength::Twelve).unwrap_or_default();
        inspect(frame, &header, size);
        let (first, second) = frame.split_at(usize::from(cut).min(frame.len()));
        let pieces = [TxSlice::new(first), TxSlice::new(second)];
        if coalescer.push(&pieces, 0, &header, sink).is_ok() {
            taken += frame.len();
        }
    }
    coalescer.flush(sink);
    assert!(coalescer.is_empty() && given <= taken);
    reassemble(frames.iter().map(|(_, _, frame)| frame), size);
});

/// The frames as fragments, if they are some, and what they are cut to.
fn reassemble<'a>(frames: impl Iterator<Item = &'a Vec<u8>>, size: usize) {
    let mut reassembler = Reassembler::new();
    let now = Instant::now();
    let mut push = |frame: &[u8]| {
        let headers = Headers::parse(frame)?;
        let whole = reassembler.push(frame, &headers, now)?;
        let headers = Headers::parse(whole).expect("a whole packet");
        assert!(!headers.is_fragment && headers.end == whole.len());
        Some(whole.to_vec())
    };
    for frame in frames {
        push(frame);
        let mut fragments = Vec::new();
        let sink = &mut |it: &[u8]| fragments.push(it.to_vec());
        let _ = fragment(frame, size, 1, &mut Vec::new(), sink);
        fragments.iter().rev().for_each(|it| drop(push(it)));
    }
    assert!(reassembler.pending() <= 32);
}

/// Makes most frames look like IP, so that they get somewhere without a guide.
fn steer(frame: &mut [u8], kind: u8) {
    let length = u16::try_from(frame.len()).unwrap_or(0);
    let mut put = |at: usize, bytes: &[u8]| {
        if let Some(place) = frame.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    };
    let protocol = if kind & 1 == 0 { 6 } else { 17 };
    let transport = match kind & 6 {
        0 => return,
        2 => {
            put(12, &[0x86, 0xdd, 0x60]);
            put(18, &length.wrapping_sub(54).to_be_bytes());
            put(20, &[if kind & 0x20 == 0 { protocol } else { 44 }]);
            54
        }
        _ => {
            put(12, &[8, 0, 0x45, 0]);
            put(16, &length.wrapping_sub(14).to_be_bytes());
            let more = if kind & 0x20 == 0 { 0x40 } else { 0x20 };
            put(18, &[0, 0, more, kind >> 6, 64, protocol, 0, 0]);
            let checksum = frame.get(14..34).map(|it| checksum::Sum::of(it).checksum());
            if let (Some(checksum), Some(place)) = (checksum, frame.get_mut(24..26)) {
                place.copy_from_slice(&checksum.to_be_bytes());
            }
            34
        }
    };
    if kind & 0x18 == 0 {
        return;
    }
    let place = frame.get_mut(transport..transport + 20);
    if let Some([ports @ .., _, _, _, _, _, _, _, _, l0, _, _, _, _, _, _, _]) = place {
        ports.copy_from_slice(&[0, 1, 0, 2]);
        *l0 = 0x50;
    }
}

fn inspect(frame: &[u8], header: &VirtioNetHeader, size: usize) {
    if let Some(headers) = Headers::parse(frame) {
        assert!(headers.transport <= headers.payload && headers.payload <= headers.end);
        assert!(headers.end <= frame.len());
        checksum::is_valid(frame, &headers);
        let mut frame = frame.to_vec();
        if let Some(mut partial) = checksum::make_partial(&mut frame, &headers) {
            assert_eq!(checksum::complete(&mut frame, &mut partial), Ok(()));
            assert_eq!(partial, VirtioNetHeader::default());
        }
        assert!(segments(&headers, header, size) > 0);
    }
    let _ = checksum::complete(&mut frame.to_vec(), &mut { *header });
    let mut scratch = Vec::new();
    for kind in [Checksum::Complete, Checksum::Partial] {
        let mut count = 0;
        let sink = &mut |_: &[u8], _: &VirtioNetHeader| count += 1;
        let done = segment(frame, header, size, kind, &mut scratch, sink);
        assert_eq!(done.is_ok(), count > 0);
    }
    let mut count = 0;
    let done = fragment(frame, size, 1, &mut scratch, &mut |_| count += 1);
    assert_eq!(done.is_ok(), count > 0);
}
