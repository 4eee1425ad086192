//! The backends in memory ask for none once bursts have been as long as they get, whatever becomes of a frame.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may fail so"
)]

mod sys;

use net_backend_core::memory::{Loopback, Null, PairConfig, pair};
use net_backend_core::{
    Activation, Features, HeaderFlags, HeaderLength, NetBackend, Nic, RxSlice, Segmentation, Sent,
    TxSlice, VirtioNetHeader,
};

use sys::allocations;

/// Frames that a queue holds, each of which is filled.
const BURST: usize = 64;

/// Headers and offloads of both ends.
const NEGOTIATED: [(HeaderLength, Features); 4] = [
    (HeaderLength::None, Features::empty()),
    (HeaderLength::Ten, Features::empty()),
    (HeaderLength::Twelve, Features::empty()),
    (HeaderLength::Twelve, Features::OFFLOADS),
];

/// The allocations of the rounds after the first ones.
fn warm(mut round: impl FnMut()) -> u64 {
    (0..5).for_each(|_| round());
    let before = allocations();
    (0..20).for_each(|_| round());
    allocations() - before
}

fn activate(backend: Box<dyn NetBackend>, (header, features): (HeaderLength, Features)) -> Nic {
    let with = Activation {
        header,
        features: features & backend.capabilities().features,
        ..Activation::plain()
    };
    Nic::activate(backend, &with).unwrap()
}

/// Frames of several lengths, and a super-frame where that was negotiated.
fn frames((header, features): (HeaderLength, Features)) -> Vec<Vec<u8>> {
    let plain = VirtioNetHeader::default();
    let super_frame = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        segmentation: Segmentation::Tcp4,
        segment_size: 1460,
        ..plain
    };
    let frame = |with: VirtioNetHeader, length: usize| {
        let mut frame = with.encode()[..header.bytes()].to_vec();
        frame.resize(header.bytes() + length, 7);
        frame
    };
    let mut frames = vec![frame(plain, 60), frame(plain, 1514), frame(plain, 9014)];
    if !features.is_empty() {
        frames.push(frame(super_frame, 65_000));
    }
    frames
}

/// Sends until there is no room, and says how many went.
fn fill(nic: &mut Nic, frames: &[Vec<u8>]) -> usize {
    let mut count = 0;
    loop {
        let frame = &frames[count % frames.len()];
        let (first, second) = frame.split_at(frame.len() / 3);
        let pieces = [TxSlice::new(first), TxSlice::new(second)];
        match nic.queue.tx.send(&pieces).unwrap() {
            Sent::Queued => count += 1,
            sent => {
                assert!(matches!(sent, Sent::Busy { .. }), "{sent:?}");
                break;
            }
        }
    }
    nic.queue.tx.flush().unwrap();
    count
}

/// Receives until there is nothing, and says how many came: whole ones, and as many that were cut.
fn empty(nic: &mut Nic, buffer: &mut [u8]) -> usize {
    let mut count = 0;
    while let Some(length) = nic.queue.rx.peek().unwrap() {
        let room = if count % 2 == 0 { length } else { 50 };
        let (first, second) = buffer[..room].split_at_mut(20);
        let mut pieces = [RxSlice::new(first), RxSlice::new(second)];
        let received = nic.queue.rx.recv(&mut pieces).unwrap().unwrap();
        assert_eq!(
            (received.length, received.truncated),
            (length, room < length)
        );
        count += 1;
    }
    assert_eq!(
        nic.queue.rx.recv(&mut [RxSlice::new(buffer)]).unwrap(),
        None
    );
    count
}

fn config() -> PairConfig {
    PairConfig {
        capacity: BURST,
        ..PairConfig::default()
    }
}

#[test]
fn an_allocation_is_counted() {
    assert_eq!(warm(|| drop(std::hint::black_box(Box::new(1_u8)))), 20);
}

#[test]
fn a_pair_asks_for_no_memory() {
    for negotiated in NEGOTIATED {
        let (left, right) = pair(&config()).unwrap();
        let mut left = activate(Box::new(left), negotiated);
        let mut right = activate(Box::new(right), negotiated);
        let (frames, mut buffer) = (frames(negotiated), vec![0; 70_000]);
        let asked = warm(|| {
            assert_eq!(fill(&mut left, &frames), BURST);
            assert_eq!(fill(&mut right, &frames), BURST);
            assert_eq!(empty(&mut right, &mut buffer), BURST);
            assert_eq!(empty(&mut left, &mut buffer), BURST);
        });
        assert_eq!(asked, 0, "{negotiated:?}");
    }
}

#[test]
fn a_loopback_asks_for_no_memory() {
    for negotiated in NEGOTIATED {
        let loopback = Loopback::new(&config()).unwrap();
        let mut nic = activate(Box::new(loopback), negotiated);
        let (frames, mut buffer) = (frames(negotiated), vec![0; 70_000]);
        let asked = warm(|| {
            assert_eq!(fill(&mut nic, &frames), BURST);
            assert_eq!(empty(&mut nic, &mut buffer), BURST);
        });
        assert_eq!(asked, 0, "{negotiated:?}");
    }
}

#[test]
fn null_asks_for_no_memory() {
    for negotiated in NEGOTIATED {
        let mut nic = activate(Box::new(Null::new()), negotiated);
        let (frames, mut buffer) = (frames(negotiated), vec![0; 70_000]);
        let asked = warm(|| {
            let sent = nic.queue.tx.send(&[TxSlice::new(&frames[1])]).unwrap();
            assert_eq!(sent, Sent::Queued);
            assert_eq!(empty(&mut nic, &mut buffer), 0);
        });
        assert_eq!(asked, 0, "{negotiated:?}");
    }
}
