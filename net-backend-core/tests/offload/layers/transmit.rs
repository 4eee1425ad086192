use std::sync::{Arc, Mutex};

use net_backend_core::layers::{NativeTransmit, SOFTWARE_OFFLOADS, offload_transmit};
use net_backend_core::{
    Activation, DropReason, Features, HeaderFlags, HeaderLength, Sent, TxQueue, TxSlice,
    VirtioNetHeader,
};
use proptest::prelude::*;

use super::queues::{Sink, Taken, parted, with_header};
use super::samples::{Ask, Sample, any_sample, completed, is_same, take_identification};
use crate::frames::{CWR, Packet, pattern};

fn soft(
    sink: Sink,
    native: NativeTransmit,
    header: HeaderLength,
    features: Features,
) -> (Box<dyn TxQueue>, Arc<Mutex<Taken>>) {
    let taken = Arc::clone(&sink.taken);
    let with = Activation {
        header,
        features,
        ..Activation::plain()
    };
    (offload_transmit(Box::new(sink), native, &with), taken)
}

/// Sends as a device model does: what is busy is sent again, after a flush now and then. How often it was busy.
fn send(queue: &mut dyn TxQueue, wire: &[u8], cut: usize) -> (Sent, u64) {
    let (first, second) = wire.split_at(cut.min(wire.len()));
    let pieces = [TxSlice::new(first), TxSlice::EMPTY, TxSlice::new(second)];
    let mut busy = 0;
    loop {
        match queue.send(&pieces).unwrap() {
            Sent::Busy { .. } => busy += 1,
            sent => return (sent, busy),
        }
        if busy % 3 == 0 {
            queue.flush().unwrap();
        }
    }
}

fn transmit_features(sample: &Sample) -> Features {
    let packet = &sample.packet;
    match sample.ask {
        Ask::Nothing | Ask::Verified => Features::empty(),
        Ask::Checksum => Features::CSUM,
        Ask::Fragments => Features::CSUM | Features::HOST_UFO,
        Ask::Segments if packet.is_udp => Features::CSUM | Features::HOST_USO,
        Ask::Segments => {
            let segmentation = match packet.is_ipv6 {
                true => Features::HOST_TSO6,
                false => Features::HOST_TSO4,
            };
            let mut needed = Features::CSUM | segmentation;
            needed.set(Features::HOST_ECN, packet.flags & CWR != 0);
            needed
        }
    }
}

/// What a frame becomes is what comes next.
fn check(
    sample: &Sample,
    native: NativeTransmit,
    got: &mut impl Iterator<Item = (Vec<u8>, VirtioNetHeader)>,
) {
    let takes =
        native.header != HeaderLength::None && native.features.contains(transmit_features(sample));
    if takes || transmit_features(sample).is_empty() {
        let (frame, header) = sample.frame();
        let got = got.next().unwrap();
        assert!(got.0 == frame);
        if takes && native.header != HeaderLength::None {
            assert_eq!(
                (
                    got.1.flags & HeaderFlags::NEEDS_CSUM,
                    got.1.segmentation,
                    got.1.ecn
                ),
                (
                    header.flags & HeaderFlags::NEEDS_CSUM,
                    header.segmentation,
                    header.ecn
                )
            );
        }
        return;
    }
    for expected in sample.plain() {
        let (mut frame, header) = got.next().unwrap();
        let leaves_checksum = sample.ask == Ask::Segments
            && native.header != HeaderLength::None
            && native.features.contains(Features::CSUM);
        let is_partial = header.flags == HeaderFlags::NEEDS_CSUM;
        assert_eq!((header.segment_size, is_partial), (0, leaves_checksum));
        if sample.ask == Ask::Fragments {
            take_identification(&mut frame, sample);
        }
        assert!(is_same(&completed(frame, &header), &expected, sample));
    }
}

fn any_native() -> impl Strategy<Value = NativeTransmit> {
    let header = proptest::sample::select(HeaderLength::ALL.to_vec());
    (header, any::<u64>()).prop_map(|(header, bits)| NativeTransmit {
        header,
        features: (Features::from_bits_truncate(bits) & Features::TRANSMIT_OFFLOADS)
            .with_dependencies_met(),
    })
}

proptest! {
    #[test]
    fn nothing_is_lost_or_sent_twice(
        samples in prop::collection::vec(any_sample(), 1..6),
        native in any_native(),
        twelve: bool,
        busy in prop::collection::btree_set(0_usize..40, 0..25),
        cut in 0_usize..200,
    ) {
        let header = if twelve { HeaderLength::Twelve } else { HeaderLength::Ten };
        let (mut queue, taken) = soft(Sink::new(busy, []), native, header, SOFTWARE_OFFLOADS);
        let (mut bytes, mut times) = (0, 0);
        for sample in &samples {
            let (frame, request) = sample.frame();
            let wire = with_header(&frame, &request, header);
            let (sent, busy) = send(&mut *queue, &wire, cut);
            prop_assert_eq!(sent, Sent::Queued);
            bytes += wire.len() as u64;
            times += busy;
        }
        let numbers = queue.counters().snapshot();
        prop_assert_eq!((numbers.frames, numbers.bytes), (samples.len() as u64, bytes));
        prop_assert_eq!((numbers.busy, numbers.dropped_in_all()), (times, 0));
        let taken = taken.lock().unwrap();
        let mut got = taken.frames.iter().map(|it| parted(it, native.header));
        for sample in &samples {
            check(sample, native, &mut got);
        }
        prop_assert!(got.next().is_none());
    }
}

const HEADER: HeaderLength = HeaderLength::Twelve;

/// A super-frame of five segments, as its sender has it.
fn super_frame(seed: u32) -> Vec<u8> {
    let packet = Packet {
        sequence: seed,
        payload: pattern(4500, seed),
        ..Packet::default()
    };
    let (frame, header) = packet.super_frame(1000);
    with_header(&frame, &header, HEADER)
}

fn cut_of(wires: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut queue, taken) = soft(
        Sink::new([], []),
        NativeTransmit::PLAIN,
        HEADER,
        SOFTWARE_OFFLOADS,
    );
    for wire in wires {
        assert_eq!(send(&mut *queue, wire, 0), (Sent::Queued, 0));
    }
    let taken = taken.lock().unwrap();
    taken.frames.clone()
}

#[test]
fn busy_at_every_position() {
    let (wire, next) = (super_frame(1), super_frame(2));
    let expected = cut_of(&[&wire, &next]);
    assert_eq!(expected.len(), 10);
    for first in 0..12 {
        for second in first..12 {
            for flushes in [false, true] {
                let sink = Sink::new([first, second], []);
                let (mut queue, taken) =
                    soft(sink, NativeTransmit::PLAIN, HEADER, SOFTWARE_OFFLOADS);
                for wire in [&wire, &next] {
                    while matches!(
                        queue.send(&[TxSlice::new(wire)]).unwrap(),
                        Sent::Busy { .. }
                    ) {
                        if flushes {
                            queue.flush().unwrap();
                        }
                    }
                }
                assert_eq!(taken.lock().unwrap().frames, expected, "{first} {second}");
                assert_eq!(queue.counters().snapshot().frames, 2);
            }
        }
    }
}

#[test]
fn a_frame_that_is_given_up_half_way_goes_out_all_the_same() {
    let (wire, next) = (super_frame(1), super_frame(2));
    let expected = cut_of(&[&wire, &next]);
    for position in 1..5 {
        let sink = Sink::new([position], []);
        let (mut queue, taken) = soft(sink, NativeTransmit::PLAIN, HEADER, SOFTWARE_OFFLOADS);
        let busy = Sent::Busy { retry_after: None };
        assert_eq!(queue.send(&[TxSlice::new(&wire)]).unwrap(), busy);
        assert_eq!(taken.lock().unwrap().frames.len(), position);
        assert_eq!(queue.send(&[TxSlice::new(&next)]).unwrap(), Sent::Queued);
        assert_eq!(taken.lock().unwrap().frames, expected);
        assert_eq!(queue.counters().snapshot().frames, 1);
    }
}

#[test]
fn busy_from_the_beginning_is_untouched() {
    let (wire, next) = (super_frame(1), super_frame(2));
    let sink = Sink::new([0], []);
    let (mut queue, taken) = soft(sink, NativeTransmit::PLAIN, HEADER, SOFTWARE_OFFLOADS);
    assert!(matches!(
        queue.send(&[TxSlice::new(&wire)]).unwrap(),
        Sent::Busy { .. }
    ));
    queue.flush().unwrap();
    assert!(taken.lock().unwrap().frames.is_empty());
    assert_eq!(queue.send(&[TxSlice::new(&next)]).unwrap(), Sent::Queued);
    assert_eq!(taken.lock().unwrap().frames, cut_of(&[&next]));
}

#[test]
fn a_flush_sends_what_is_left_first() {
    let wire = super_frame(1);
    let sink = Sink::new([2], []);
    let (mut queue, taken) = soft(sink, NativeTransmit::PLAIN, HEADER, SOFTWARE_OFFLOADS);
    assert!(matches!(
        queue.send(&[TxSlice::new(&wire)]).unwrap(),
        Sent::Busy { .. }
    ));
    queue.flush().unwrap();
    assert_eq!(taken.lock().unwrap().frames.len(), 5);
    assert_eq!(taken.lock().unwrap().flushes, 1);
    let calls = taken.lock().unwrap().calls;
    assert_eq!(queue.send(&[TxSlice::new(&wire)]).unwrap(), Sent::Queued);
    assert_eq!(taken.lock().unwrap().calls, calls);
    assert_eq!(queue.send(&[TxSlice::new(&wire)]).unwrap(), Sent::Queued);
    assert_eq!(taken.lock().unwrap().frames.len(), 10);
}

#[test]
fn a_dropped_first_segment_is_a_dropped_frame() {
    for (position, sent, count) in [
        (0, Sent::Dropped(DropReason::Policy), 0),
        (2, Sent::Queued, 4),
    ] {
        let sink = Sink::new([], [position]);
        let (mut queue, taken) = soft(sink, NativeTransmit::PLAIN, HEADER, SOFTWARE_OFFLOADS);
        assert_eq!(queue.send(&[TxSlice::new(&super_frame(1))]).unwrap(), sent);
        assert_eq!(taken.lock().unwrap().frames.len(), count);
    }
}

#[test]
fn what_the_half_takes_passes_by() {
    let wire = super_frame(1);
    let native = NativeTransmit {
        header: HEADER,
        features: Features::CSUM | Features::HOST_TSO4,
    };
    let (mut queue, taken) = soft(Sink::new([], []), native, HEADER, SOFTWARE_OFFLOADS);
    assert_eq!(queue.send(&[TxSlice::new(&wire)]).unwrap(), Sent::Queued);
    let taken = taken.lock().unwrap();
    assert_eq!(taken.place, wire.as_ptr().addr());
    assert_eq!(taken.frames, [wire]);
}

#[test]
fn what_was_not_negotiated_or_cannot_be_done_is_dropped() {
    let wire = super_frame(1);
    let spoilt = |at: usize, bytes: &[u8]| {
        let mut wire = wire.clone();
        wire[at..at + bytes.len()].copy_from_slice(bytes);
        wire
    };
    let malformed = [
        spoilt(1, &[2]),
        spoilt(4, &[0, 0]),
        spoilt(6, &[0xff, 0xff]),
        spoilt(12 + 12, &[9]),
        vec![0; 11],
    ];
    let mut long = wire.clone();
    long.resize(70_000, 0);
    let cases = malformed
        .iter()
        .map(|it| (it, DropReason::Malformed, SOFTWARE_OFFLOADS));
    let cases = cases.chain([
        (&long, DropReason::TooLong, SOFTWARE_OFFLOADS),
        (&wire, DropReason::NotNegotiated, Features::CSUM),
    ]);
    for (wire, reason, negotiated) in cases {
        let (mut queue, taken) = soft(Sink::new([], []), NativeTransmit::PLAIN, HEADER, negotiated);
        assert_eq!(
            queue.send(&[TxSlice::new(wire)]).unwrap(),
            Sent::Dropped(reason)
        );
        assert!(taken.lock().unwrap().frames.is_empty());
        assert_eq!(queue.counters().snapshot().dropped(reason), 1);
    }
}

#[test]
fn headers_of_other_lengths_are_adapted() {
    let frame = Packet::default().frame();
    for header in HeaderLength::ALL {
        for native in HeaderLength::ALL {
            let native = NativeTransmit {
                header: native,
                features: Features::empty(),
            };
            let (mut queue, taken) = soft(Sink::new([], []), native, header, Features::empty());
            let wire = with_header(&frame, &VirtioNetHeader::default(), header);
            assert_eq!(queue.send(&[TxSlice::new(&wire)]).unwrap(), Sent::Queued);
            let expected = with_header(&frame, &VirtioNetHeader::default(), native.header);
            assert_eq!(taken.lock().unwrap().frames, [expected]);
        }
    }
}
