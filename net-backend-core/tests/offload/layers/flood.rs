//! Frames without an end that a guest cannot have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use net_backend_core::layers::{PeekHeader, soften_receive};
use net_backend_core::{
    Counters, HeaderFlags, HeaderLength, Received, Result, RxQueue, RxSlice, Segmentation, Source,
    VirtioNetHeader,
};

use super::queues::{Script, with_header};

const NATIVE: HeaderLength = HeaderLength::Twelve;
/// More frames than one call may look at.
const MANY: u64 = 100_000;

/// As many frames as somebody asks for, all the same, and behind them those of a script.
struct Flood {
    wire: Vec<u8>,
    left: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
    rest: Script,
}

impl RxQueue for Flood {
    fn peek(&mut self) -> Result<Option<usize>> {
        match self.left.load(Ordering::Relaxed) {
            0 => self.rest.peek(),
            _ => Ok(Some(self.wire.len())),
        }
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return self.rest.recv(into);
        }
        self.left.fetch_sub(1, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
        Script::new([self.wire.clone()]).recv(into)
    }

    fn source(&self) -> Source<'_> {
        self.rest.source()
    }

    fn counters(&self) -> Counters {
        self.rest.counters()
    }
}

impl PeekHeader for Flood {
    fn peek_header(&mut self, into: &mut [u8]) -> Result<Option<usize>> {
        match self.left.load(Ordering::Relaxed) {
            0 => self.rest.peek_header(into),
            _ => Script::new([self.wire.clone()]).peek_header(into),
        }
    }
}

/// Frames that are dropped in each of the ways that there are.
fn floods() -> [(&'static str, Vec<u8>); 4] {
    let plain = VirtioNetHeader::default();
    let partial = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        checksum_start: 34,
        checksum_offset: 16,
        ..plain
    };
    let lie = VirtioNetHeader {
        checksum_start: u16::MAX,
        ..partial
    };
    let segments = VirtioNetHeader {
        segmentation: Segmentation::Tcp4,
        segment_size: 1000,
        ..partial
    };
    let whole =
        |header: &VirtioNetHeader, length: usize| with_header(&vec![0x88; length], header, NATIVE);
    [
        ("shorter than a header", vec![1; 5]),
        ("a sum that begins behind the end", whole(&lie, 60)),
        ("segments of what is not TCP", whole(&segments, 3000)),
        ("longer than can be worked on", whole(&segments, 69_000)),
    ]
}

#[test]
fn a_flood_of_frames_to_drop_does_not_keep_the_caller() {
    for (what, wire) in floods() {
        let good = with_header(&[7; 60], &VirtioNetHeader::default(), NATIVE);
        let (left, taken) = (Arc::new(AtomicU64::new(MANY)), Arc::<AtomicU64>::default());
        let flood = Flood {
            wire,
            left: Arc::clone(&left),
            taken: Arc::clone(&taken),
            rest: Script::new([good.clone()]),
        };
        let mut queue = soften_receive(flood, NATIVE, Arc::default());
        let mut buffer = vec![0; 70_000];
        for peeks in [true, false, true, false] {
            let nothing = match peeks {
                true => queue.peek().unwrap().is_none(),
                false => queue
                    .recv(&mut [RxSlice::new(&mut buffer)])
                    .unwrap()
                    .is_none(),
            };
            assert!(nothing, "{what}");
            let left = left.load(Ordering::Relaxed);
            assert!(left > 0, "{what}: one call took all that there were");
        }
        let dropped = queue.counters().snapshot().dropped_in_all();
        assert_eq!(dropped, taken.load(Ordering::Relaxed), "{what}");
        left.store(0, Ordering::Relaxed);
        assert_eq!(queue.peek().unwrap(), Some(good.len()), "{what}");
        let received = queue.recv(&mut [RxSlice::new(&mut buffer)]).unwrap();
        assert_eq!(received.map(|it| it.length), Some(good.len()), "{what}");
        assert_eq!(buffer[..good.len()], good, "{what}");
    }
}
