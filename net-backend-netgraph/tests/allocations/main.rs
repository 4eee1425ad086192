//! The data path allocates nothing, whatever becomes of a frame.
#![cfg(feature = "testing")]

mod negotiated;
mod sys;

use net_backend_core::{DropReason, RxSlice, Sent, TxSlice};
use net_backend_netgraph::testing::datagram_pair;
use rustix::net::{RecvFlags, SendFlags, recv, send};

use sys::allocations;

const ROUNDS: usize = 2000;

/// The end of a frame, which FreeBSD 15 joins with the next one otherwise.
const ONE: SendFlags = SendFlags::EOR;

/// How often `work` asks for memory.
fn counted(work: impl FnOnce()) -> u64 {
    let before = allocations();
    work();
    allocations() - before
}

#[test]
fn sending_allocates_nothing() {
    let (mut pair, far) = datagram_pair().unwrap();
    let frame = [2; 1514];
    let mut buffer = [0; 2048];
    let count = counted(|| {
        for _ in 0..ROUNDS {
            let (header, rest) = frame.split_at(14);
            let pieces = [TxSlice::new(header), TxSlice::new(rest)];
            for frame in [&pieces[..], &[TxSlice::new(&frame)]] {
                assert_eq!(pair.tx.send(frame).unwrap(), Sent::Queued);
                pair.tx.flush().unwrap();
                let (length, _) = recv(&far, &mut buffer, RecvFlags::empty()).unwrap();
                assert_eq!(length, 1514);
            }
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn receiving_allocates_nothing() {
    let (mut pair, far) = datagram_pair().unwrap();
    let frame = [2; 1514];
    let (mut long, mut short) = ([0; 70_000], [0; 100]);
    // What it has of its own, it has from now on.
    assert_eq!(send(&far, &frame, ONE).unwrap(), 1514);
    assert_eq!(pair.rx.peek().unwrap(), Some(1514));
    assert!(
        pair.rx
            .recv(&mut [RxSlice::new(&mut short)])
            .unwrap()
            .is_some()
    );
    let count = counted(|| {
        for _ in 0..ROUNDS {
            for _ in 0..3 {
                assert_eq!(send(&far, &frame, ONE).unwrap(), 1514);
            }
            let received = pair.rx.recv(&mut [RxSlice::new(&mut long)]).unwrap();
            assert_eq!(received.map(|it| it.length), Some(1514));
            assert_eq!(pair.rx.peek().unwrap(), Some(1514));
            let (one, two) = long.split_at_mut(600);
            let mut pieces = [RxSlice::new(one), RxSlice::new(two)];
            let received = pair.rx.recv(&mut pieces).unwrap();
            assert_eq!(received.map(|it| it.length), Some(1514));
            let received = pair.rx.recv(&mut [RxSlice::new(&mut short)]).unwrap();
            assert!(received.is_some_and(|it| it.truncated));
            assert!(
                pair.rx
                    .recv(&mut [RxSlice::new(&mut long)])
                    .unwrap()
                    .is_none()
            );
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn what_is_not_sent_allocates_nothing() {
    let (mut pair, _far) = datagram_pair().unwrap();
    let (frame, short) = ([2; 1514], [0; 13]);
    while pair.tx.send(&[TxSlice::new(&frame)]).unwrap() == Sent::Queued {}
    let count = counted(|| {
        for _ in 0..ROUNDS {
            let sent = pair.tx.send(&[TxSlice::new(&frame)]).unwrap();
            assert!(matches!(sent, Sent::Busy { .. }), "{sent:?}");
            let sent = pair.tx.send(&[TxSlice::new(&short)]).unwrap();
            assert_eq!(sent, Sent::Dropped(DropReason::Malformed));
        }
    });
    assert_eq!(count, 0);
}
