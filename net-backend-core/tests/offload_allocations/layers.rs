//! The layers that do offloads ask for no memory once they are warm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use net_backend_core::layers::{
    AcceptedOffloads, HoldNext, NativeTransmit, PeekHeader, SOFTWARE_OFFLOADS, offload_transmit,
    soften_receive,
};
use net_backend_core::{
    Activation, Bell, Counters, Features, HeaderLength, Interest, Received, Result, RxQueue,
    RxSlice, Segmentation, Sent, Source, TxQueue, TxSlice, VirtioNetHeader, scatter,
};

use super::{SEGMENT, frame, warm};

const NATIVE: HeaderLength = HeaderLength::Twelve;

/// Gives the same frame while there are any left; takes frames, and is busy once when none are left.
struct Same {
    frame: Vec<u8>,
    left: Arc<AtomicUsize>,
    bell: Bell,
}

impl Same {
    fn new(frame: Vec<u8>, left: &Arc<AtomicUsize>) -> Self {
        Self {
            frame,
            left: Arc::clone(left),
            bell: Bell::new().unwrap(),
        }
    }

    fn is_left(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }
}

impl RxQueue for Same {
    fn peek(&mut self) -> Result<Option<usize>> {
        Ok(self.is_left().then_some(self.frame.len()))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        if !self.is_left() {
            return Ok(None);
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        let stored = scatter(&self.frame, into, 0);
        Ok(Some(Received {
            length: self.frame.len(),
            truncated: stored < self.frame.len(),
        }))
    }

    fn source(&self) -> Source<'_> {
        readable(&self.bell)
    }

    fn counters(&self) -> Counters {
        Counters::new()
    }
}

impl PeekHeader for Same {
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        scatter(&self.frame, &mut [RxSlice::new(into)], 0);
        self.peek()
    }
}

impl TxQueue for Same {
    fn send(&mut self, _: &[TxSlice<'_>]) -> Result<Sent> {
        if !self.is_left() {
            self.left.store(7, Ordering::Relaxed);
            return Ok(Sent::Busy { retry_after: None });
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        Ok(Sent::Queued)
    }

    fn source(&self) -> Source<'_> {
        readable(&self.bell)
    }

    fn counters(&self) -> Counters {
        Counters::new()
    }
}

fn readable(bell: &Bell) -> Source<'_> {
    Source {
        descriptor: bell.descriptor(),
        interest: Interest::Readable,
    }
}

/// Frames that ask for nothing, a checksum, segments.
fn requests() -> [Vec<u8>; 3] {
    let (small, partial) = frame(1, 0, SEGMENT);
    let (large, header) = frame(1, 0, 64000);
    let super_frame = VirtioNetHeader {
        segmentation: Segmentation::Tcp4,
        segment_size: u16::try_from(SEGMENT).unwrap(),
        ..header
    };
    let plain = VirtioNetHeader::default();
    [(plain, &small), (partial, &small), (super_frame, &large)]
        .map(|(header, frame)| [&header.encode()[..], frame].concat())
}

#[test]
fn receiving_asks_for_no_memory() {
    for (index, wire) in requests().into_iter().enumerate() {
        for accepted in [
            Features::empty(),
            Features::GUEST_CSUM,
            Features::RECEIVE_OFFLOADS,
        ] {
            for holds in [false, true] {
                let left = Arc::new(AtomicUsize::new(0));
                let (inner, accepted) = (
                    Same::new(wire.clone(), &left),
                    AcceptedOffloads::new(accepted),
                );
                let accepted = Arc::new(accepted);
                let mut queue = match holds {
                    true => soften_receive(HoldNext::new(Box::new(inner)), NATIVE, accepted),
                    false => soften_receive(inner, NATIVE, accepted),
                };
                let mut buffer = vec![0; 66_000];
                let mut count = 0;
                let asked = warm(|| {
                    left.store(10, Ordering::Relaxed);
                    while queue.peek().unwrap().is_some() {
                        queue
                            .recv(&mut [RxSlice::new(&mut buffer)])
                            .unwrap()
                            .unwrap();
                        count += 1;
                    }
                });
                assert_eq!(asked, 0);
                assert!(count >= 20, "{index} {count}");
            }
        }
    }
}

#[test]
fn sending_asks_for_no_memory() {
    for wire in requests() {
        let left = Arc::new(AtomicUsize::new(7));
        let with = Activation {
            header: NATIVE,
            features: SOFTWARE_OFFLOADS,
            ..Activation::plain()
        };
        let inner = Box::new(Same::new(Vec::new(), &left));
        let mut queue = offload_transmit(inner, NativeTransmit::PLAIN, &with);
        let (mut busy, (first, second)) = (0, wire.split_at(12));
        let asked = warm(|| {
            for _ in 0..10 {
                let pieces = [TxSlice::new(first), TxSlice::new(second)];
                while queue.send(&pieces).unwrap() != Sent::Queued {
                    busy += 1;
                }
            }
        });
        assert_eq!(asked, 0);
        assert!(busy > 0);
    }
}
