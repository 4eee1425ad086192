use super::*;
use crate::offload::bytes::{be16, put};
use crate::offload::samples::{repair, tcp, tcp_with, udp};
use crate::offload::{TcpFlags, checksum};
use crate::{HeaderFlags, Segmentation};

const ACK: TcpFlags = TcpFlags::ACK;

/// Lengths of the payload of what comes out.
fn payloads(frames: &[Vec<u8>]) -> Vec<usize> {
    let with_headers: Vec<_> = frames.iter().map(|it| (it.clone(), PLAIN)).collect();
    let out = coalesced(&with_headers);
    let payload = |frame: &[u8]| Headers::parse(frame).unwrap().payload_length();
    out.iter().map(|(frame, _)| payload(frame)).collect()
}

const PLAIN: VirtioNetHeader = VirtioNetHeader {
    flags: HeaderFlags::empty(),
    segmentation: Segmentation::None,
    ecn: false,
    header_length: 0,
    segment_size: 0,
    checksum_start: 0,
    checksum_offset: 0,
    buffers: 1,
};

fn coalesced(frames: &[(Vec<u8>, VirtioNetHeader)]) -> Vec<(Vec<u8>, VirtioNetHeader)> {
    let mut out = Vec::new();
    let mut coalescer = Coalescer::new(65535);
    let sink = &mut |frame: &mut [u8], header| out.push((frame.to_vec(), header));
    for (frame, header) in frames {
        let pieces = [TxSlice::new(frame)];
        coalescer.push(&pieces, 0, header, sink).unwrap();
    }
    coalescer.flush(sink);
    out
}

/// Changes bytes and computes the checksums anew.
fn changed<const N: usize>(mut frame: Vec<u8>, at: usize, bytes: [u8; N]) -> Vec<u8> {
    put(&mut frame, at, bytes).unwrap();
    repair(&mut frame);
    frame
}

/// Four segments of the same flow.
fn four() -> Vec<Vec<u8>> {
    let segments = (0..4).map(|index| tcp(100 + 5 * index, ACK, b"abcde"));
    segments.collect()
}

#[test]
fn consecutive_segments_become_one() {
    let frames = four();
    let with_headers: Vec<_> = frames.into_iter().map(|it| (it, PLAIN)).collect();
    let out = coalesced(&with_headers);
    let merged = VirtioNetHeader {
        segmentation: Segmentation::Tcp4,
        segment_size: 5,
        header_length: 54,
        ..PLAIN
    };
    assert_eq!(out, [(tcp(100, ACK, b"abcdeabcdeabcdeabcde"), merged)]);
}

#[test]
fn a_single_segment_is_what_came() {
    let frame = tcp(100, ACK, b"abcde");
    assert_eq!(coalesced(&[(frame.clone(), PLAIN)]), [(frame, PLAIN)]);
}

#[test]
fn every_difference_in_the_headers_ends_the_merge() {
    let acknowledgement = 42;
    let differences = [0, 6, 15, 22, acknowledgement + 3, 48, 52];
    for at in differences {
        let mut frames = four();
        let byte = frames[2][at] ^ 1;
        frames[2] = changed(frames[2].clone(), at, [byte]);
        assert_eq!(payloads(&frames), [10, 5, 5], "byte {at}");
    }
    for flags in [
        TcpFlags::FIN,
        TcpFlags::SYN,
        TcpFlags::RST,
        TcpFlags::URG,
        TcpFlags::CWR,
    ] {
        let mut frames = four();
        frames[2] = tcp(110, ACK | flags, b"abcde");
        assert_eq!(payloads(&frames), [10, 5, 5], "{flags:?}");
        frames[3] = tcp(115, ACK | flags, b"abcde");
        assert_eq!(payloads(&frames), [10, 5, 5], "{flags:?} again");
    }
}

#[test]
fn push_and_short_segments_are_the_last() {
    let mut frames = four();
    frames[1] = tcp(105, ACK | TcpFlags::PSH, b"abcde");
    assert_eq!(payloads(&frames), [10, 10]);
    frames[1] = tcp(105, ACK, b"abc");
    frames[2] = tcp(108, ACK, b"abcde");
    frames[3] = tcp(113, ACK, b"abcdef");
    assert_eq!(payloads(&frames), [8, 5, 6]);
}

#[test]
fn identifications_count_where_they_have_a_meaning() {
    let numbered = |numbers: [u8; 4], fragmentable: bool| -> Vec<_> {
        let frames = four().into_iter().zip(numbers);
        let field = if fragmentable { 0 } else { 0x40 };
        frames
            .map(|(it, number)| changed(changed(it, 18, [0, number]), 20, [field]))
            .collect()
    };
    assert_eq!(payloads(&numbered([1, 2, 3, 4], true)), [20]);
    assert_eq!(payloads(&numbered([1, 2, 4, 5], true)), [10, 10]);
    assert_eq!(payloads(&numbered([1, 1, 1, 1], true)), [5, 5, 5, 5]);
    assert_eq!(payloads(&numbered([1, 1, 1, 1], false)), [20]);
    assert_eq!(payloads(&numbered([1, 9, 3, 2], false)), [20]);
}

#[test]
fn timestamps_do_not_go_back() {
    let stamped = |stamps: [(u8, u8); 4]| -> Vec<_> {
        let frames = (0_u32..).zip(stamps);
        frames
            .map(|(index, (value, echo))| {
                let options = [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, echo];
                tcp_with(100 + 5 * index, ACK, &options, b"abcde")
            })
            .collect()
    };
    assert_eq!(payloads(&stamped([(1, 1), (1, 1), (2, 1), (2, 3)])), [20]);
    assert_eq!(
        payloads(&stamped([(1, 1), (2, 1), (1, 1), (1, 1)])),
        [10, 10]
    );
    assert_eq!(
        payloads(&stamped([(1, 1), (1, 2), (1, 1), (1, 1)])),
        [10, 10]
    );
    let frames = stamped([(1, 1), (1, 1), (2, 1), (2, 3)]).map_headers();
    let out = coalesced(&frames);
    assert_eq!(out[0].0[54..66], [1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 3]);
}

trait WithHeaders {
    fn map_headers(self) -> Vec<(Vec<u8>, VirtioNetHeader)>;
}

impl WithHeaders for Vec<Vec<u8>> {
    fn map_headers(self) -> Vec<(Vec<u8>, VirtioNetHeader)> {
        self.into_iter().map(|it| (it, PLAIN)).collect()
    }
}

#[test]
fn a_length_beyond_the_frame_is_no_segment() {
    let mut frames = four();
    frames[2].truncate(56);
    let out = coalesced(&frames.clone().map_headers());
    let lengths: Vec<_> = out.iter().map(|(frame, _)| frame.len()).collect();
    assert_eq!(lengths, [64, 56, 59]);
    assert_eq!(out[1].0, frames[2]);
}

#[test]
fn a_super_frame_of_the_guest_stays_alone() {
    let mut frames = four().map_headers();
    frames[2].1 = VirtioNetHeader {
        segmentation: Segmentation::Tcp4,
        segment_size: 3,
        ..PLAIN
    };
    let out = coalesced(&frames);
    assert_eq!(out.len(), 3);
    assert_eq!(out[1], frames[2]);
}

#[test]
fn other_traffic_does_not_disturb() {
    let mut frames = four();
    frames.insert(2, udp(b"datagram"));
    assert_eq!(payloads(&frames), [8, 20]);
    let arp = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6][..], &[0; 28]].concat();
    let mut frames = four().map_headers();
    frames.insert(2, (arp.clone(), PLAIN));
    let out = coalesced(&frames);
    assert_eq!((out.len(), &out[0].0), (2, &arp));
}

#[test]
fn the_oldest_flow_makes_room() {
    let port = |number: u8, sequence: u32| {
        let frame = tcp(sequence, ACK, b"abcde");
        (changed(frame, 34, [0, number]), PLAIN)
    };
    let count = u8::try_from(FLOWS).unwrap();
    let mut frames: Vec<_> = (0..=count).map(|number| port(number, 100)).collect();
    frames.extend((0..=count).rev().map(|number| port(number, 105)));
    let out = coalesced(&frames);
    let ports: Vec<_> = out.iter().map(|(it, _)| be16(it, 34).unwrap()).collect();
    // 0 goes to make room, then 1 for the second segment of 0.
    assert_eq!(ports, [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]);
    let merged = out.iter().filter(|(_, it)| it.segment_size > 0).count();
    assert_eq!(merged, FLOWS);
}

#[test]
fn lengths_that_no_frame_has_are_refused() {
    let mut coalescer = Coalescer::new(1000);
    let frame = vec![0; LONGEST_FRAME + 1];
    for (skip, fits) in [
        (0, false),
        (1, true),
        (frame.len() - 14, true),
        (frame.len() - 13, false),
    ] {
        let pieces = [TxSlice::new(&frame)];
        let mut out = 0;
        let done = coalescer.push(&pieces, skip, &PLAIN, &mut |frame, _| out += frame.len());
        let expected = if fits { Ok(()) } else { Err(Malformed) };
        assert_eq!(done.map(|_| ()), expected);
        assert_eq!(out, if fits { frame.len() - skip } else { 0 });
    }
}

/// A segment over IPv6.
fn segment6(sequence: u32, payload: &[u8]) -> Vec<u8> {
    let four = tcp(sequence, ACK, payload);
    let [l0, l1] = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let network = [&[0x86, 0xdd, 0x60, 0, 0, 0, l0, l1, 6, 64][..], &[0xfd; 32]].concat();
    let mut frame = [&four[..12], &network, &four[34..]].concat();
    put(&mut frame, 54 + 16, [0; 2]).unwrap();
    let headers = Headers::parse(&frame).unwrap();
    let sum = checksum::Sum::of(&frame[54..]) + checksum::pseudo(&headers, frame.len() - 54);
    put(&mut frame, 54 + 16, sum.checksum().to_be_bytes()).unwrap();
    frame
}

#[test]
fn merged_ipv6_packets_may_have_a_limit_of_their_own() {
    let mut coalescer = Coalescer::new(65535).with_ipv6_limit(3000);
    let mut lengths = Vec::new();
    let mut kept = Vec::new();
    for number in 0..4 {
        let frame = segment6(number * 1000, &[7; 1000]);
        let sink = &mut |frame: &mut [u8], _| lengths.push(frame.len());
        let pieces = [TxSlice::new(&frame)];
        let pushed = coalescer.push(&pieces, 0, &VirtioNetHeader::default(), sink);
        kept.push(pushed.unwrap() == Pushed::Kept);
    }
    coalescer.flush(&mut |frame, _| lengths.push(frame.len()));
    assert_eq!(kept, [true, false, true, false]);
    assert_eq!(lengths, [14 + 40 + 20 + 2000; 2]);
}
