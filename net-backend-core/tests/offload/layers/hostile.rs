//! Any bytes as frames with a header: no panic, and nothing that the guest does not accept.

use std::sync::Arc;

use net_backend_core::layers::{
    AcceptedOffloads, NativeTransmit, PeekHeader, SOFTWARE_OFFLOADS, offload_transmit,
    soften_receive,
};
use net_backend_core::{
    Activation, Counters, Features, HeaderFlags, HeaderLength, Received, Result, RxQueue, RxSlice,
    Sent, Source, TxSlice, VirtioNetHeader,
};
use proptest::prelude::*;

use super::queues::{Script, Sink, parted, with_header};
use super::samples::any_sample;

const NATIVE: HeaderLength = HeaderLength::Twelve;

fn receive(wires: &[Vec<u8>], accepted: Features) {
    let accepted = Arc::new(AcceptedOffloads::new(accepted));
    let script = Script::new(wires.iter().cloned());
    let mut queue = soften_receive(script, NATIVE, Arc::clone(&accepted));
    let mut buffer = vec![0; 70_000];
    let mut count = 0;
    while let Some(length) = queue.peek().unwrap() {
        let received = queue
            .recv(&mut [RxSlice::new(&mut buffer)])
            .unwrap()
            .unwrap();
        assert_eq!(received.length, length);
        let (_, header) = parted(&buffer[..length], NATIVE);
        assert!(accepted.features().contains(header.receive_features()));
        count += 1;
    }
    assert!(queue.recv(&mut []).unwrap().is_none());
    let numbers = queue.counters().snapshot();
    assert_eq!(numbers.frames, count);
    assert!(numbers.dropped_in_all() <= wires.len() as u64);
}

fn transmit(wires: &[Vec<u8>], busy: &[usize]) {
    let sent = |busy: &[usize]| {
        let sink = Sink::new(busy.iter().copied(), []);
        let taken = Arc::clone(&sink.taken);
        let with = Activation::negotiated(SOFTWARE_OFFLOADS | Features::VERSION_1, 1);
        let mut queue = offload_transmit(Box::new(sink), NativeTransmit::PLAIN, &with);
        for wire in wires {
            while matches!(
                queue.send(&[TxSlice::new(wire)]).unwrap(),
                Sent::Busy { .. }
            ) {}
        }
        let lengths: Vec<_> = taken.lock().unwrap().frames.iter().map(Vec::len).collect();
        lengths
    };
    assert_eq!(sent(busy), sent(&[]));
}

/// Shows the beginning of a frame, and has none.
struct Hollow {
    header: VirtioNetHeader,
    empty: Script,
}

impl RxQueue for Hollow {
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(Some(100))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        self.empty.recv(into)
    }

    fn source(&self) -> Source<'_> {
        self.empty.source()
    }

    fn counters(&self) -> Counters {
        self.empty.counters()
    }
}

impl PeekHeader for Hollow {
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        into.copy_from_slice(&self.header.encode()[..into.len()]);
        self.peek()
    }
}

#[test]
fn what_is_shown_and_not_there_is_not_waited_for() {
    let plain = VirtioNetHeader::default();
    let partial = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        ..plain
    };
    let lie = VirtioNetHeader {
        checksum_start: u16::MAX,
        ..partial
    };
    let loose = VirtioNetHeader {
        buffers: 0,
        ..plain
    };
    for header in [plain, partial, lie, loose] {
        let empty = Script::new([]);
        let mut queue = soften_receive(Hollow { header, empty }, NATIVE, Arc::default());
        let mut buffer = [7; 20];
        for _ in 0..2 {
            let received = queue.recv(&mut [RxSlice::new(&mut buffer)]).unwrap();
            assert_eq!((received, buffer), (None, [7; 20]));
            queue.peek().unwrap();
        }
        assert_eq!(queue.counters().snapshot().dropped_in_all(), 0);
    }
}

proptest! {
    #[test]
    fn any_bytes(
        wires in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..5),
        kinds in prop::collection::vec(0_u8..6, 5),
        accepted: u64,
        busy in prop::collection::vec(0_usize..20, 0..10),
    ) {
        let mut wires = wires;
        for (wire, kind) in wires.iter_mut().zip(kinds) {
            if let Some(place) = wire.get_mut(1) {
                *place = kind;
            }
        }
        receive(&wires, Features::from_bits_truncate(accepted));
        transmit(&wires, &busy);
    }

    #[test]
    fn frames_with_a_few_wrong_bytes(
        samples in prop::collection::vec(any_sample(), 1..4),
        wrong in prop::collection::vec((0_usize..100, any::<u8>()), 0..4),
        accepted: u64,
        busy in prop::collection::vec(0_usize..20, 0..10),
        length: prop::sample::Index,
    ) {
        let wires: Vec<_> = samples
            .iter()
            .map(|it| {
                let (frame, header) = it.frame();
                let mut wire = with_header(&frame, &header, NATIVE);
                for (at, byte) in &wrong {
                    if let Some(place) = wire.get_mut(*at) {
                        *place = *byte;
                    }
                }
                wire.truncate(length.index(2 * wire.len()) + 1);
                wire
            })
            .collect();
        receive(&wires, Features::from_bits_truncate(accepted));
        transmit(&wires, &busy);
    }
}
