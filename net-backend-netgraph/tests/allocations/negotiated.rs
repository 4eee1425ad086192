//! Headers and offloads, of which netgraph knows nothing, ask for no memory either.

use net_backend_core::{
    Activation, DropReason, Features, HeaderLength, QueuePair, Result, RxSlice, Sent, TxSlice,
};
use net_backend_netgraph::testing::datagram_pair_with;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv, send};

use crate::{ONE, ROUNDS, counted};

/// Frames on the way at the same time.
const BURST: usize = 8;

const HEADERS: [HeaderLength; 2] = [HeaderLength::Ten, HeaderLength::Twelve];

/// Without offloads, and with those that a guest can send with.
fn negotiated() -> impl Iterator<Item = Activation> {
    let all = HEADERS.map(|header| {
        [Features::empty(), Features::CSUM | Features::HOST_TSO4].map(|features| Activation {
            header,
            features,
            ..Activation::plain()
        })
    });
    all.into_iter().flatten()
}

/// TCP over IPv4 with so much payload, behind a header that leaves the checksum, and cutting it, to the NIC.
fn tcp(header: HeaderLength, payload: u16) -> Vec<u8> {
    // NEEDS_CSUM, TCPv4, headers of 54 bytes, segments of 1460, the checksum 16 bytes into TCP at 34.
    let wire = [1, 1, 54, 0, 0xb4, 0x05, 34, 0, 16, 0, 0, 0];
    let mut frame = wire.get(..header.bytes()).unwrap_or_default().to_vec();
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
    frame.extend((payload + 40).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2]);
    frame.extend([0x80, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10]);
    frame.extend([0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(header.bytes() + 54 + usize::from(payload), 7);
    frame
}

/// Sends a burst in pieces that begin at these bytes.
fn send_burst(pair: &mut QueuePair, frame: &[u8], at: [usize; 2]) -> Result<()> {
    let [first, second] = at;
    let (head, rest) = frame.split_at(first);
    let (middle, rest) = rest.split_at(second - first);
    let all = [head, middle, rest].map(TxSlice::new);
    let pieces = match at {
        [0, 0] => all.get(2..),
        [0, _] => all.get(1..),
        _ => Some(&all[..]),
    };
    for _ in 0..BURST {
        let sent = pair.tx.send(pieces.unwrap_or_default())?;
        assert_eq!(sent, Sent::Queued);
    }
    pair.tx.flush()
}

#[test]
fn sending_behind_a_header_allocates_nothing() {
    for with in negotiated() {
        let (mut pair, far) = datagram_pair_with(&with).unwrap();
        let header = with.header.bytes();
        let frame = vec![0; header + 1514];
        let mut buffer = [0; 2048];
        // In one piece, the header by itself, the headers together, and everything anyhow.
        for at in [
            [0, 0],
            [0, header],
            [0, header + 54],
            [header, header + 14],
            [5, 40],
        ] {
            let mut count = 0;
            // What a frame in odd pieces is copied to, is there from the second one on.
            for round in 0..ROUNDS / 10 {
                let asked = counted(|| send_burst(&mut pair, &frame, at).unwrap());
                count += if round > 0 { asked } else { 0 };
                for _ in 0..BURST {
                    let (length, _) = recv(&far, &mut buffer, RecvFlags::empty()).unwrap();
                    assert_eq!(length, 1514);
                }
            }
            assert_eq!(count, 0, "{with:?} {at:?}");
        }
    }
}

#[test]
fn sending_with_offloads_allocates_nothing() {
    for with in negotiated().filter(|with| !with.features.is_empty()) {
        let (mut pair, far) = datagram_pair_with(&with).unwrap();
        let (frame, mut buffer) = (tcp(with.header, 14_600), [0; 2048]);
        let mut count = 0;
        for round in 0..ROUNDS / 10 {
            let asked = counted(|| {
                let sent = pair.tx.send(&[TxSlice::new(&frame)]).unwrap();
                assert_eq!(sent, Sent::Queued);
            });
            count += if round > 0 { asked } else { 0 };
            for _ in 0..10 {
                let (length, _) = recv(&far, &mut buffer, RecvFlags::empty()).unwrap();
                assert_eq!(length, 1514);
            }
            let more = recv(&far, &mut buffer, RecvFlags::empty());
            assert_eq!(more.unwrap_err(), Errno::AGAIN);
        }
        assert_eq!(count, 0, "{with:?}");
    }
}

#[test]
fn what_nobody_negotiated_allocates_nothing() {
    for with in negotiated().filter(|with| with.features.is_empty()) {
        let (mut pair, _far) = datagram_pair_with(&with).unwrap();
        let frame = tcp(with.header, 14_600);
        let count = counted(|| {
            for _ in 0..ROUNDS {
                let sent = pair.tx.send(&[TxSlice::new(&frame)]).unwrap();
                assert_eq!(sent, Sent::Dropped(DropReason::NotNegotiated));
            }
        });
        assert_eq!(count, 0, "{with:?}");
    }
}

#[test]
fn receiving_behind_a_header_allocates_nothing() {
    for with in negotiated() {
        let (mut pair, far) = datagram_pair_with(&with).unwrap();
        let length = with.header.bytes() + 1514;
        let (frame, mut buffer) = ([2; 1514], vec![0; 70_000]);
        let mut count = 0;
        for _ in 0..ROUNDS / 10 {
            // Good for everything, just long enough, too short; in one piece, with the header by itself, anyhow.
            for room in [buffer.len(), length, 100] {
                for at in [0, with.header.bytes(), 5] {
                    assert_eq!(send(&far, &frame, ONE).unwrap(), 1514);
                    assert_eq!(send(&far, &frame, ONE).unwrap(), 1514);
                    count += counted(|| {
                        let (first, second) =
                            buffer.get_mut(..room).unwrap_or_default().split_at_mut(at);
                        let mut pieces = [RxSlice::new(first), RxSlice::new(second)];
                        let pieces = match at {
                            0 => pieces.get_mut(1..).unwrap_or_default(),
                            _ => &mut pieces[..],
                        };
                        assert_eq!(pair.rx.peek().unwrap(), Some(length));
                        for _ in 0..2 {
                            let received = pair.rx.recv(pieces).unwrap().unwrap();
                            assert_eq!(received.length, length);
                            assert_eq!(received.truncated, room < length);
                        }
                        assert_eq!(pair.rx.peek().unwrap(), None);
                    });
                }
            }
        }
        assert_eq!(count, 0, "{with:?}");
    }
}
