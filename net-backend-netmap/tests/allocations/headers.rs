//! Headers, those that ports know and others, and what is done in software because of them, ask for no memory.

use net_backend_core::{
    Activation, DropReason, Features, HeaderFlags, HeaderLength, NetBackend, RxQueue, RxSlice,
    Segmentation, Sent, TxQueue, TxSlice, VirtioNetHeader,
};
use net_backend_netmap::testing::{Model, Settings};

use crate::{ROUNDS, counted, generator, open};

/// Frames in a burst.
const BURST: usize = 16;

fn with(header: HeaderLength, features: Features) -> Activation {
    Activation {
        header,
        features,
        ..Activation::plain()
    }
}

/// TCP over IPv4 with so much payload, behind a header that leaves the checksum, and cutting it, to others.
fn tcp(payload: u16) -> Vec<u8> {
    let header = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        segmentation: Segmentation::Tcp4,
        header_length: 54,
        segment_size: 1460,
        checksum_start: 34,
        checksum_offset: 16,
        ..VirtioNetHeader::default()
    };
    let mut frame = header.encode().to_vec();
    frame.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0]);
    frame.extend((payload + 40).to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 2, 15, 10, 0, 2, 2]);
    frame.extend([0x80, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10]);
    frame.extend([0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(12 + 54 + usize::from(payload), 7);
    frame
}

#[test]
fn sending_behind_a_header_of_the_guest_allocates_nothing() {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        let model = Model::new(Settings::default()).unwrap();
        let mut backend = generator("gen0", &model).unwrap();
        let with = with(header, Features::empty());
        let (_rx, mut tx) = backend.queues(&with).unwrap().remove(0);
        let (frame, mut asking) = (vec![0; header.bytes() + 1514], vec![0; 1000]);
        asking.splice(..1, [1]);
        let count = counted(|| {
            for round in 0..ROUNDS {
                // The header by itself, more than the header, less of it.
                let at = [header.bytes(), header.bytes() + 54, 5];
                let at = at.get(round % 3).copied().unwrap_or_default();
                let (first, second) = frame.split_at(at);
                let pieces = [TxSlice::new(first), TxSlice::new(second)];
                for frame in [&pieces[..], &[TxSlice::new(&frame)]] {
                    assert_eq!(tx.send(frame).unwrap(), Sent::Queued);
                }
                let sent = tx.send(&[TxSlice::new(&asking)]).unwrap();
                assert_eq!(sent, Sent::Dropped(DropReason::NotNegotiated));
                if round % BURST == 0 {
                    tx.flush().unwrap();
                }
            }
        });
        assert_eq!(count, 0, "{header:?}");
    }
}

#[test]
fn receiving_behind_a_header_of_the_guest_allocates_nothing() {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        let model = Model::new(Settings::default()).unwrap();
        let mut backend = generator("gen0", &model).unwrap();
        let with = with(header, Features::empty());
        let (mut rx, _tx) = backend.queues(&with).unwrap().remove(0);
        let (mut buffer, length) = ([0; 2000], header.bytes() + 1000);
        let count = counted(|| {
            for round in 0..ROUNDS {
                if round % 2 == 0 {
                    assert_eq!(rx.peek().unwrap(), Some(length));
                }
                let room = if round % 5 == 0 { 100 } else { buffer.len() };
                let at = [0, header.bytes(), 5].get(round % 3).copied();
                let into = buffer.get_mut(..room).unwrap_or_default();
                let (first, second) = into.split_at_mut(at.unwrap_or_default());
                let mut pieces = [RxSlice::new(first), RxSlice::new(second)];
                let received = rx.recv(&mut pieces).unwrap().unwrap();
                assert_eq!(
                    (received.length, received.truncated),
                    (length, room < length)
                );
            }
        });
        assert_eq!(count, 0, "{header:?}");
    }
}

#[test]
fn sending_super_frames_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    let mut backend = open("netmap:vale0:near?fragments=32", &model).unwrap();
    let features = Features::CSUM | Features::HOST_TSO4;
    let with = with(HeaderLength::Twelve, features);
    let (_rx, mut tx) = backend.queues(&with).unwrap().remove(0);
    let frame = tcp(29_200);
    let mut count = 0;
    for _ in 0..ROUNDS / 20 {
        // What a switch does with it is not ours.
        count += counted(|| {
            assert_eq!(tx.send(&[TxSlice::new(&frame)]).unwrap(), Sent::Queued);
        });
        tx.flush().unwrap();
    }
    assert_eq!(count, 0);
}

#[test]
fn doing_offloads_for_the_guest_allocates_nothing() {
    let model = Model::new(Settings::default()).unwrap();
    let mut backend = open("netmap:vale0:near?fragments=32", &model).unwrap();
    let mut peer = open("netmap:vale0:far?fragments=32", &model).unwrap();
    let offloads = Features::CSUM | Features::HOST_TSO4;
    let sender = with(HeaderLength::Twelve, offloads);
    let (_, mut far) = peer.queues(&sender).unwrap().remove(0);
    let receiver = with(HeaderLength::Twelve, Features::empty());
    let mut rx = backend.activate(&receiver).unwrap().remove(0).rx;
    let (frame, mut buffer) = (tcp(14_600), [0; 2000]);
    let (mut count, mut frames) = (0, 0);
    for round in 0..ROUNDS / 20 {
        assert_eq!(far.send(&[TxSlice::new(&frame)]).unwrap(), Sent::Queued);
        far.flush().unwrap();
        let asked = counted(|| {
            while rx.peek().unwrap().is_some() {
                let received = rx.recv(&mut [RxSlice::new(&mut buffer)]).unwrap().unwrap();
                assert_eq!((received.length, received.truncated), (12 + 1514, false));
                frames += 1;
            }
        });
        // The memory for it is there from the second one on.
        count += if round > 0 { asked } else { 0 };
    }
    assert_eq!((frames, count), (ROUNDS / 20 * 10, 0));
}
