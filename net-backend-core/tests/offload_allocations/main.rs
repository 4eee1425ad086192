//! The software offloads ask for no memory once they are warm.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may fail so"
)]

mod layers;
mod sys;

use std::time::Instant;

use net_backend_core::offload::{
    Checksum, Coalescer, Headers, Reassembler, checksum, fragment, segment,
};
use net_backend_core::{HeaderFlags, Segmentation, TxSlice, VirtioNetHeader};
use sys::allocations;

const SEGMENT: usize = 1460;

/// A segment of one of some flows, with a partial checksum.
fn frame(flow: u8, sequence: u32, length: usize) -> (Vec<u8>, VirtioNetHeader) {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let [l0, l1] = u16::try_from(40 + length).unwrap().to_be_bytes();
    frame.extend([0x45, 0, l0, l1, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend([10, 0, 2, 15, 10, 0, 2, 2, 0x80, flow, 0, 80]);
    frame.extend(sequence.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(54 + length, 7);
    let network = checksum::Sum::of(&frame[14..34]).checksum();
    frame[24..26].copy_from_slice(&network.to_be_bytes());
    let headers = Headers::parse(&frame).unwrap();
    let header = checksum::make_partial(&mut frame, &headers).unwrap();
    (frame, header)
}

/// The allocations of the second time.
fn warm(mut work: impl FnMut()) -> u64 {
    work();
    let before = allocations();
    work();
    allocations() - before
}

#[test]
fn an_allocation_is_counted() {
    assert_eq!(warm(|| drop(std::hint::black_box(Box::new(1_u8)))), 1);
}

#[test]
fn coalescing_asks_for_no_memory() {
    let frames: Vec<_> = (0..500_u32)
        .map(|index| {
            // More flows than are collected, and acknowledgements, which are not.
            let flow = u8::try_from(index / 10 % 12).unwrap();
            let length = if index % 7 == 0 { 0 } else { SEGMENT };
            frame(flow, index % 10 * 1460, length)
        })
        .collect();
    let mut coalescer = Coalescer::new(65535);
    let mut merged = 0;
    let mut sink =
        |_: &mut [u8], header: VirtioNetHeader| merged += u32::from(header.segment_size > 0);
    let count = warm(|| {
        for (frame, header) in &frames {
            let (first, second) = frame.split_at(50);
            let pieces = [TxSlice::new(first), TxSlice::new(second)];
            coalescer.push(&pieces, 0, header, &mut sink).unwrap();
        }
        coalescer.flush(&mut sink);
    });
    assert_eq!(count, 0);
    assert!(merged > 0);
}

#[test]
fn cutting_asks_for_no_memory() {
    let (frame, header) = frame(1, 0, 64000);
    let header = VirtioNetHeader {
        segmentation: Segmentation::Tcp4,
        segment_size: u16::try_from(SEGMENT).unwrap(),
        ..header
    };
    assert_eq!(header.flags, HeaderFlags::NEEDS_CSUM);
    let (mut scratch, mut count) = (Vec::new(), 0);
    for kind in [Checksum::Complete, Checksum::Partial] {
        let mut sink = |_: &[u8], _: &VirtioNetHeader| count += 1;
        let asked =
            warm(|| segment(&frame, &header, SEGMENT, kind, &mut scratch, &mut sink).unwrap());
        assert_eq!(asked, 0);
    }
    let asked = warm(|| fragment(&frame, 1500, 1, &mut scratch, &mut |_| count += 1).unwrap());
    assert_eq!(asked, 0);
    assert!(count > 100);
}

#[test]
fn reassembling_asks_for_no_memory() {
    let (frame, _) = frame(1, 0, 64000);
    let mut fragments = Vec::new();
    let sink = &mut |it: &[u8]| fragments.push((it.to_vec(), Headers::parse(it).unwrap()));
    fragment(&frame, 1500, 1, &mut Vec::new(), sink).unwrap();
    fragments.reverse();
    let (mut reassembler, now) = (Reassembler::new(), Instant::now());
    let mut count = 0;
    let asked = warm(|| {
        for (frame, headers) in &fragments {
            count += u32::from(reassembler.push(frame, headers, now).is_some());
        }
    });
    assert_eq!((asked, count), (0, 2));
}
