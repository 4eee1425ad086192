#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers here are small"
)]

mod buffers;
mod calls;
mod changing;
mod duplex;
mod edges;
mod failures;
mod fairness;
mod garbage;
mod hostile;
mod moving;
mod random;
mod threads;
mod ways;
mod whole;
mod world;

use net_backend_core::{
    Activation, DropReason, Features, HeaderLength, NetBackend, RxQueue, RxSlice, Sent, TxQueue,
    TxSlice,
};

use crate::control::ControlDevice;
use crate::testing::{Model, Settings};
use crate::{Netmap, NetmapConfig, ReceiveQueue, Stopped, TransmitQueue};

fn model() -> Model {
    Model::new(Settings::default()).unwrap()
}

fn config(uri: &str) -> NetmapConfig {
    NetmapConfig::from_uri(&uri.parse().unwrap()).unwrap()
}

fn open(model: &Model, uri: &str) -> Netmap {
    model.open(&config(uri)).unwrap()
}

fn queues(backend: &mut Netmap) -> (ReceiveQueue, TransmitQueue) {
    backend.queues(&Activation::plain()).unwrap().remove(0)
}

/// With a header that the port has itself, as it has with offloads only.
fn with_header(header: HeaderLength) -> Activation {
    Activation {
        header,
        features: match header {
            HeaderLength::None => Features::empty(),
            HeaderLength::Ten | HeaderLength::Twelve => Features::CSUM,
        },
        ..Activation::plain()
    }
}

fn send(queue: &mut TransmitQueue, frame: &[u8]) -> Sent {
    queue.send(&[TxSlice::new(frame)]).unwrap()
}

fn receive(queue: &mut ReceiveQueue) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 70_000];
    let received = queue.recv(&mut [RxSlice::new(&mut buffer)]).unwrap()?;
    buffer.truncate(received.length);
    Some(buffer)
}

/// A frame to everybody, which a switch delivers whatever it has learned.
fn frame(number: usize, length: usize) -> Vec<u8> {
    let payload = (12..length).map(|at| (at * 7 + number * 13) as u8);
    let addresses = [[0xff; 6], [2, 0, 0, 0, 0, 1]];
    addresses.into_iter().flatten().chain(payload).collect()
}

#[test]
fn one_system_call_for_each_flush_and_none_for_frames() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, "netmap:vale0:near");
    let (mut rx, mut tx) = queues(&mut near);
    assert_eq!(receive(&mut rx), None);
    let before = model.counts();
    for number in 0..100 {
        assert_eq!(send(&mut tx, &frame(number, 60)), Sent::Queued);
    }
    assert_eq!(model.counts().transmit_syncs, before.transmit_syncs);
    tx.flush().unwrap();
    tx.flush().unwrap();
    assert_eq!(model.counts().transmit_syncs, before.transmit_syncs + 1);
    far.receive_sync().unwrap();
    for number in 0..100 {
        assert_eq!(far.receive().unwrap(), Some(frame(number, 60)));
        assert!(far.send(&frame(number, 60)).unwrap());
    }
    for number in 0..100 {
        assert_eq!(rx.peek().unwrap(), Some(60));
        assert_eq!(receive(&mut rx), Some(frame(number, 60)));
    }
    assert_eq!(receive(&mut rx), None);
    assert_eq!(
        model.counts().receive_syncs,
        before.receive_syncs,
        "the wait synchronised"
    );
    assert_eq!(receive(&mut rx), None);
    assert_eq!(
        model.counts().receive_syncs,
        before.receive_syncs + 1,
        "nobody waited"
    );
}

#[test]
fn frames_are_read_in_place() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, "netmap:vale0:near");
    let (mut rx, _tx) = queues(&mut near);
    for length in [60, 1514, 9000] {
        assert!(far.send(&frame(1, length)).unwrap());
        let lent = rx.lend().unwrap().unwrap();
        assert_eq!(lent.length(), length);
        let mut bytes = vec![0; length];
        assert_eq!(lent.copy_to(&mut bytes), length);
        assert_eq!(bytes, frame(1, length));
        let pieces = lent.with_pieces(|pieces| pieces.iter().map(TxSlice::len).sum::<usize>());
        assert_eq!(pieces, length);
        assert_eq!(
            rx.peek().unwrap(),
            Some(length),
            "what was not released is next"
        );
        rx.lend().unwrap().unwrap().release();
        assert!(rx.lend().unwrap().is_none());
    }
    assert_eq!(rx.counters().snapshot().frames, 3);
}

#[test]
fn taken_frames_last_while_the_ring_goes_on() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, "netmap:vale0:near?extra-bufs=8&slots=16");
    let (mut rx, tx) = queues(&mut near);
    let mut taken = Vec::new();
    for number in 0..8 {
        assert!(far.send(&frame(number, 100)).unwrap());
        taken.push(rx.lend().unwrap().unwrap().take().unwrap().unwrap());
    }
    assert!(far.send(&frame(8, 100)).unwrap());
    let none = rx.lend().unwrap().unwrap().take().unwrap();
    assert!(none.is_none(), "there were eight buffers");
    assert_eq!(
        receive(&mut rx),
        Some(frame(8, 100)),
        "and the ninth frame stayed"
    );
    for number in 0..100 {
        assert!(far.send(&frame(number, 1000)).unwrap());
        assert_eq!(receive(&mut rx), Some(frame(number, 1000)));
    }
    for (number, taken) in taken.iter().enumerate() {
        let mut bytes = [0; 100];
        assert_eq!(taken.pieces().next().unwrap().copy_to(&mut bytes), 100);
        assert_eq!(bytes[..], frame(number, 100), "frame {number}");
    }
    taken.truncate(1);
    assert!(far.send(&frame(9, 5000)).unwrap());
    let long = rx.lend().unwrap().unwrap().take().unwrap().unwrap();
    assert_eq!((long.length(), long.pieces().count()), (5000, 3));
    drop((rx, tx, near));
    assert_eq!(long.length(), 5000, "frames outlive their port");
}

#[test]
fn without_extra_buffers_nothing_is_taken() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, "netmap:vale0:near");
    let (mut rx, _tx) = queues(&mut near);
    assert!(far.send(&frame(1, 60)).unwrap());
    let refused = rx.lend().unwrap().unwrap().take().unwrap_err().to_string();
    assert!(refused.contains("extra-bufs"), "{refused}");
    assert_eq!(receive(&mut rx), Some(frame(1, 60)));
}

#[test]
fn frames_move_between_ports_without_a_copy() {
    let model = model();
    model.wire(["em0", "em1"], 1, 64);
    model.wire(["em2", "em3"], 1, 64);
    let (source, sink) = (model.port("em0").unwrap(), model.port("em3").unwrap());
    let (mut west, mut east) = (open(&model, "netmap:em1"), open(&model, "netmap:em2"));
    assert_eq!((west.memory(), east.memory()), (1, 1));
    let (mut rx, _) = queues(&mut west);
    let (_, mut tx) = queues(&mut east);
    for number in 0..1000 {
        assert!(source.send(&frame(number, 60 + number)).unwrap());
        let forwarded = tx.forward(&mut rx, 10).unwrap();
        let expected = (1, Stopped::Empty);
        assert_eq!(
            (forwarded.frames, forwarded.stopped),
            expected,
            "frame {number}"
        );
        tx.flush().unwrap();
        assert_eq!(sink.receive().unwrap(), Some(frame(number, 60 + number)));
    }
    assert_eq!(tx.counters().snapshot().frames, 1000);
    assert_eq!(rx.counters().snapshot().frames, 1000);
}

#[test]
fn nothing_moves_between_memory_regions() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let (mut west, mut east) = (
        open(&model, "netmap:vale0:a"),
        open(&model, "netmap:vale1:b"),
    );
    let (mut rx, _) = queues(&mut west);
    let (_, mut tx) = queues(&mut east);
    assert!(far.send(&frame(1, 60)).unwrap());
    let refused = tx.forward(&mut rx, 1).unwrap_err().to_string();
    assert!(refused.contains("memory region"), "{refused}");
    assert!(refused.contains("same @ID"), "{refused}");
    assert_eq!(receive(&mut rx), Some(frame(1, 60)));
    assert_eq!(tx.counters().snapshot(), Default::default());
}

#[test]
fn a_persistent_port_is_made_once_and_stays() {
    let model = model();
    let uri = "netmap:vale0:vm1?persist=on";
    let far = model.port("vale0:far").unwrap();
    let control = ControlDevice::on(&*model.kernel()).unwrap();
    for number in 0..3 {
        let mut near = open(&model, uri);
        assert_eq!(near.describe().to_string(), uri);
        assert_eq!(near.features(), Features::empty());
        let (mut rx, _tx) = queues(&mut near);
        assert!(far.send(&frame(number, 60)).unwrap());
        assert_eq!(receive(&mut rx), Some(frame(number, 60)));
    }
    assert!(control.port_info("vm1").is_ok());
    let refused = model
        .open(&config(&format!("{uri}&vnet-hdr=on")))
        .unwrap_err();
    assert!(refused.to_string().contains("persistent"), "{refused}");
}

#[test]
fn a_port_is_left_with_the_header_that_it_had() {
    let model = model();
    let far = model.port("vale0:vm1").unwrap();
    let control = ControlDevice::on(&*model.kernel()).unwrap();
    let length = || control.header_length("vale0:vm1").unwrap();
    far.set_header("vale0:vm1", 10).unwrap();
    let mut near = open(&model, "netmap:vale0:vm1");
    assert_eq!(length(), 10, "a look changes nothing");
    let all = Activation {
        header: HeaderLength::Twelve,
        features: Features::CSUM | Features::GUEST_CSUM,
        ..Activation::plain()
    };
    let pairs = near.activate(&all).unwrap();
    assert_eq!(length(), 12);
    drop(near);
    assert_eq!(length(), 12, "the queues live on");
    drop(pairs);
    assert_eq!(length(), 10, "set back");
}

#[test]
fn what_a_switch_must_not_believe_is_dropped() {
    let model = model();
    let _far = model.port("vale0:far").unwrap();
    let mut near = open(&model, "netmap:vale0:near");
    let with = Activation {
        header: HeaderLength::Twelve,
        features: Features::CSUM | Features::HOST_TSO4,
        ..Activation::plain()
    };
    let (_, mut tx) = near.queues(&with).unwrap().remove(0);
    let mut bytes = vec![0; 12 + 200];
    bytes[0] = 1;
    bytes[6..8].copy_from_slice(&1000_u16.to_le_bytes());
    let behind = Sent::Dropped(DropReason::Malformed);
    assert_eq!(
        send(&mut tx, &bytes),
        behind,
        "a sum that begins behind the end"
    );
    bytes[6..8].copy_from_slice(&14_u16.to_le_bytes());
    bytes[8..10].copy_from_slice(&16_u16.to_le_bytes());
    assert_eq!(send(&mut tx, &bytes), Sent::Queued);
    bytes[1] = 1;
    bytes[4..6].copy_from_slice(&1000_u16.to_le_bytes());
    bytes[12 + 12..].fill(0x81);
    for tag in bytes[12 + 12..].chunks_mut(4) {
        tag.copy_from_slice(&[0x81, 0x00, 0, 1]);
    }
    assert_eq!(send(&mut tx, &bytes), behind, "tags without an end");
}
