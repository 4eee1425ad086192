use std::collections::BTreeSet;
use std::sync::Arc;

use net_backend_core::layers::{AcceptedOffloads, HoldNext, PeekHeader, soften_receive};
use net_backend_core::{
    DropReason, Features, HeaderFlags, HeaderLength, RxQueue, RxSlice, VirtioNetHeader,
};
use proptest::prelude::*;

use super::queues::{Script, parted, with_header};
use super::samples::{Ask, Sample, any_sample, completed, is_same, needed, take_identification};
use crate::frames::{Packet, pattern};

const FILL: u8 = 0xa7;

fn soft(
    inner: impl PeekHeader + 'static,
    native: HeaderLength,
    accepted: Features,
) -> (Box<dyn RxQueue>, Arc<AcceptedOffloads>) {
    let accepted = Arc::new(AcceptedOffloads::new(accepted));
    (
        soften_receive(inner, native, Arc::clone(&accepted)),
        accepted,
    )
}

/// Everything that is there, received into pieces that are cut at `cut`.
fn drain(queue: &mut dyn RxQueue, peeks: bool, cut: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let peeked = peeks.then(|| {
            let first = queue.peek().unwrap();
            assert_eq!(first, queue.peek().unwrap());
            first
        });
        let mut buffer = vec![FILL; 70_000];
        let (first, second) = buffer.split_at_mut(cut);
        let mut into = [
            RxSlice::new(first),
            RxSlice::new(&mut []),
            RxSlice::new(second),
        ];
        let received = queue.recv(&mut into).unwrap();
        if let Some(peeked) = peeked {
            assert_eq!(peeked, received.map(|it| it.length));
        }
        let Some(received) = received else {
            assert!(buffer.iter().all(|it| *it == FILL));
            return out;
        };
        assert!(!received.truncated);
        assert!(buffer[received.length..].iter().all(|it| *it == FILL));
        out.push(buffer[..received.length].to_vec());
    }
}

/// What is expected of each frame, in order. The identification of its IPv6 fragments, if it becomes some.
fn check(
    sample: &Sample,
    accepted: Features,
    got: &mut impl Iterator<Item = (Vec<u8>, VirtioNetHeader)>,
) -> Option<u32> {
    let (frame, header) = sample.frame();
    if accepted.contains(needed(sample)) {
        let mut expected = header;
        if !accepted.contains(Features::GUEST_CSUM) {
            expected.flags = HeaderFlags::empty();
        }
        let got = got.next().unwrap();
        assert!(got == (frame, expected), "{:?} {:?}", got.1, expected);
        return None;
    }
    let mut identification = None;
    for expected in sample.plain() {
        let (mut frame, header) = got.next().unwrap();
        assert!(accepted.contains(header.receive_features()), "{header:?}");
        let is_segment = sample.ask == Ask::Segments;
        let kind = match is_segment && accepted.contains(Features::GUEST_CSUM) {
            true => HeaderFlags::NEEDS_CSUM,
            false => HeaderFlags::empty(),
        };
        assert_eq!(
            (header.flags, header.segment_size, header.buffers),
            (kind, 0, 1)
        );
        if sample.ask == Ask::Fragments {
            let found = take_identification(&mut frame, sample);
            assert_eq!(*identification.get_or_insert(found), found);
        }
        let frame = completed(frame, &header);
        assert!(
            is_same(&frame, &expected, sample),
            "{frame:x?}\n{expected:x?}"
        );
    }
    identification.flatten()
}

fn any_accepted() -> impl Strategy<Value = Features> {
    any::<u64>().prop_map(|bits| {
        (Features::from_bits_truncate(bits) & Features::RECEIVE_OFFLOADS).with_dependencies_met()
    })
}

fn any_native() -> impl Strategy<Value = HeaderLength> {
    proptest::sample::select(vec![HeaderLength::Ten, HeaderLength::Twelve])
}

proptest! {
    #[test]
    fn a_guest_gets_what_it_accepts(
        samples in prop::collection::vec(any_sample(), 1..6),
        accepted in any_accepted(),
        native in any_native(),
        peeks: bool,
        holds: bool,
        cut in 0_usize..200,
    ) {
        let frames = samples.iter().map(|it| {
            let (frame, header) = it.frame();
            // A sender leaves the number of buffers at 0.
            let header = VirtioNetHeader { buffers: 0, ..header };
            with_header(&frame, &header, native)
        });
        let script = Script::new(frames);
        let (mut queue, _) = match holds {
            true => soft(HoldNext::new(Box::new(script)), native, accepted),
            false => soft(script, native, accepted),
        };
        let out = drain(&mut *queue, peeks, cut);
        let numbers = queue.counters().snapshot();
        prop_assert_eq!(numbers.frames, out.len() as u64);
        prop_assert_eq!(numbers.bytes, out.iter().map(Vec::len).sum::<usize>() as u64);
        prop_assert_eq!(numbers.dropped_in_all(), 0);
        let mut got = out.iter().map(|it| parted(it, native));
        let identifications = samples.iter().filter_map(|it| check(it, accepted, &mut got));
        let identifications: Vec<_> = identifications.collect();
        let different: BTreeSet<_> = identifications.iter().collect();
        prop_assert_eq!(different.len(), identifications.len());
        prop_assert!(got.next().is_none());
    }

    #[test]
    fn a_short_buffer_costs_its_frame_only(
        samples in prop::collection::vec(any_sample(), 1..4),
        accepted in any_accepted(),
        native in any_native(),
        rooms in prop::collection::vec(0_usize..1600, 1..8),
        peeks: bool,
    ) {
        let frames: Vec<_> = samples
            .iter()
            .map(|it| {
                let (frame, header) = it.frame();
                with_header(&frame, &header, native)
            })
            .collect();
        let whole = drain(&mut *soft(Script::new(frames.clone()), native, accepted).0, false, 0);
        let (mut queue, _) = soft(Script::new(frames), native, accepted);
        let mut rooms = rooms.iter().cycle();
        for expected in &whole {
            if peeks {
                prop_assert_eq!(queue.peek().unwrap(), Some(expected.len()));
            }
            let room = *rooms.next().unwrap();
            let mut buffer = vec![FILL; room];
            let received = queue.recv(&mut [RxSlice::new(&mut buffer)]).unwrap().unwrap();
            prop_assert_eq!(received.length, expected.len());
            prop_assert_eq!(received.truncated, room < expected.len());
            // Identifications of IPv6 fragments are not the same twice.
            let is_ipv6 = expected.windows(3).any(|it| it[..2] == [0x86, 0xdd] && it[2] >> 4 == 6);
            let stored = room.min(expected.len());
            prop_assert!(is_ipv6 || buffer[..stored] == expected[..stored]);
            prop_assert!(buffer[stored..].iter().all(|it| *it == FILL));
        }
        prop_assert_eq!(queue.peek().unwrap(), None);
        let numbers = queue.counters().snapshot();
        let truncated = numbers.dropped(DropReason::Truncated);
        prop_assert_eq!(numbers.frames + truncated, whole.len() as u64);
    }
}

fn super_frame(payload: usize) -> (Vec<u8>, VirtioNetHeader) {
    let packet = Packet {
        payload: pattern(payload, 1),
        ..Packet::default()
    };
    packet.super_frame(1000)
}

const NATIVE: HeaderLength = HeaderLength::Twelve;

#[test]
fn what_passes_is_received_in_place() {
    let (frame, header) = super_frame(5000);
    let all = Features::GUEST_CSUM | Features::GUEST_TSO4;
    for (accepted, in_place) in [(all, true), (Features::GUEST_CSUM, false)] {
        let script = Script::new([with_header(&frame, &header, NATIVE)]);
        let place = Arc::clone(&script.place);
        let (mut queue, _) = soft(script, NATIVE, accepted);
        let mut buffer = vec![0; 6000];
        let start = buffer.as_ptr().addr();
        queue
            .recv(&mut [RxSlice::new(&mut buffer)])
            .unwrap()
            .unwrap();
        assert_eq!(*place.lock().unwrap() == start, in_place);
    }
}

#[test]
fn a_guest_may_change_its_mind() {
    let (frame, header) = super_frame(2500);
    let wire = with_header(&frame, &header, NATIVE);
    let script = Script::new(std::iter::repeat_n(wire, 3));
    let all = Features::GUEST_CSUM | Features::GUEST_TSO4;
    let (mut queue, accepted) = soft(script, NATIVE, all);
    // It has been looked at: as long as was said.
    assert_eq!(queue.peek().unwrap(), Some(12 + frame.len()));
    accepted.set(Features::empty());
    let mut lengths = Vec::new();
    let mut buffer = vec![0; 6000];
    while let Some(received) = queue.recv(&mut [RxSlice::new(&mut buffer)]).unwrap() {
        lengths.push(received.length);
        if lengths.len() == 2 {
            accepted.set(all | Features::HOST_TSO4);
            assert_eq!(accepted.features(), all);
        }
    }
    let (whole, [long, short]) = (12 + frame.len(), [12 + 54 + 1000, 12 + 54 + 500]);
    assert_eq!(lengths, [whole, long, long, short, whole]);
}

#[test]
fn headers_that_lie_cost_their_frame_only() {
    let (frame, header) = super_frame(2500);
    let good = Packet::default().frame();
    let lies = [
        VirtioNetHeader {
            segment_size: 0,
            ..header
        },
        VirtioNetHeader {
            checksum_start: 65535,
            ..header
        },
        VirtioNetHeader {
            checksum_offset: u16::try_from(frame.len()).unwrap() - 34 - 1,
            ..header
        },
        VirtioNetHeader {
            ecn: true,
            segmentation: net_backend_core::Segmentation::Udp,
            ..header
        },
        VirtioNetHeader {
            ecn: true,
            ..VirtioNetHeader::default()
        },
    ];
    let unknown = {
        let mut wire = with_header(&frame, &header, NATIVE);
        wire[1] = 2;
        wire
    };
    let mut frames = vec![unknown, vec![0; 11]];
    frames.extend(lies.iter().map(|it| with_header(&frame, it, NATIVE)));
    for accepted in [Features::empty(), Features::RECEIVE_OFFLOADS] {
        for peeks in [false, true] {
            let good = with_header(&good, &VirtioNetHeader::default(), NATIVE);
            let all = frames.iter().chain([&good]).cloned();
            let (mut queue, _) = soft(Script::new(all), NATIVE, accepted);
            assert_eq!(drain(&mut *queue, peeks, 5), [good]);
            let numbers = queue.counters().snapshot();
            assert_eq!(numbers.dropped(DropReason::Malformed), frames.len() as u64);
            assert_eq!(numbers.dropped_in_all(), frames.len() as u64);
        }
    }
}

#[test]
fn what_cannot_be_cut_is_malformed_for_those_who_need_it_cut() {
    let (mut frame, header) = super_frame(2500);
    frame[12] = 9;
    let wire = with_header(&frame, &header, NATIVE);
    let (mut queue, _) = soft(Script::new([wire.clone()]), NATIVE, Features::GUEST_CSUM);
    assert!(drain(&mut *queue, true, 0).is_empty());
    assert_eq!(
        queue.counters().snapshot().dropped(DropReason::Malformed),
        1
    );
    let (mut queue, _) = soft(
        Script::new([wire.clone()]),
        NATIVE,
        Features::RECEIVE_OFFLOADS,
    );
    assert_eq!(drain(&mut *queue, true, 0), [wire]);
}

#[test]
fn frames_without_end_are_too_long_to_be_cut() {
    let (mut frame, header) = super_frame(2500);
    frame.resize(66_000, 0);
    let wire = with_header(&frame, &header, NATIVE);
    let (mut queue, _) = soft(Script::new([wire]), NATIVE, Features::empty());
    assert!(drain(&mut *queue, false, 0).is_empty());
    assert_eq!(queue.counters().snapshot().dropped(DropReason::TooLong), 1);
}

#[test]
fn without_a_header_nothing_is_asked_for() {
    let frame = vec![1; 60];
    let (mut queue, _) = soft(
        Script::new([frame.clone()]),
        HeaderLength::None,
        Features::empty(),
    );
    assert_eq!(drain(&mut *queue, true, 3), [frame]);
}

#[test]
fn flags_that_nobody_negotiated_are_cleared() {
    let frame = Packet::default().frame();
    let header = VirtioNetHeader {
        flags: HeaderFlags::RSC_INFO
            | HeaderFlags::DATA_VALID
            | HeaderFlags::from_bits_retain(0x40),
        checksum_start: 7,
        checksum_offset: 9,
        buffers: 3,
        ..VirtioNetHeader::default()
    };
    for (accepted, flags) in [
        (Features::empty(), HeaderFlags::empty()),
        (Features::GUEST_CSUM, HeaderFlags::DATA_VALID),
    ] {
        let script = Script::new([with_header(&frame, &header, NATIVE)]);
        let out = drain(&mut *soft(script, NATIVE, accepted).0, false, 0);
        let expected = VirtioNetHeader {
            flags,
            ..VirtioNetHeader::default()
        };
        assert_eq!(out, [with_header(&frame, &expected, NATIVE)]);
    }
}
