//! Which system calls are made, and how often.

use std::time::Duration;

use net_backend_core::testing::{Edge, ready};
use net_backend_core::{RxQueue, Sent, TxQueue};

use super::{frame, model, open, queues, receive, send};
use crate::testing::{Far, Model, Polling, Settings};
use crate::{Netmap, ReceiveQueue, TransmitQueue};

const SLOTS: usize = 64;
const QUARTER: usize = SLOTS / 4;
const PATIENCE: Duration = Duration::from_secs(10);

struct Scene {
    model: Model,
    far: Far,
    _near: Netmap,
    rx: ReceiveQueue,
    tx: TransmitQueue,
}

fn scene(model: Model) -> Scene {
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, &format!("netmap:vale0:near?slots={SLOTS}"));
    let (rx, tx) = queues(&mut near);
    Scene {
        model,
        far,
        _near: near,
        rx,
        tx,
    }
}

impl Scene {
    fn arrive(&self, count: usize) {
        for number in 0..count {
            assert!(self.far.send(&frame(number, 60)).unwrap());
        }
    }

    /// Receives everything; `count` frames have to be there.
    fn take(&mut self, count: usize) {
        for number in 0..count {
            assert_eq!(
                receive(&mut self.rx),
                Some(frame(number, 60)),
                "frame {number}"
            );
        }
        assert_eq!(receive(&mut self.rx), None);
    }

    fn receive_syncs(&self) -> usize {
        self.model.counts().receive_syncs as usize
    }

    fn transmit_syncs(&self) -> usize {
        self.model.counts().transmit_syncs as usize
    }
}

#[test]
fn whoever_waits_needs_no_calls() {
    let mut scene = scene(model());
    assert_eq!(receive(&mut scene.rx), None);
    let before = scene.receive_syncs();
    for round in 0..200 {
        let count = 1 + round % (QUARTER - 1);
        scene.arrive(count);
        assert!(ready(scene.rx.source(), PATIENCE).unwrap());
        scene.take(count);
        assert!(
            !ready(scene.rx.source(), Duration::ZERO).unwrap(),
            "after the last"
        );
    }
    assert_eq!(scene.receive_syncs(), before);
}

#[test]
fn whoever_waits_for_hints_needs_one_call_for_each() {
    let mut scene = scene(
        Model::new(Settings {
            polling: Polling::OnlyWakes,
            ..Settings::default()
        })
        .unwrap(),
    );
    assert_eq!(receive(&mut scene.rx), None);
    for round in 0..100 {
        let count = 1 + round % QUARTER;
        scene.arrive(count);
        let before = scene.receive_syncs();
        assert!(ready(scene.rx.source(), PATIENCE).unwrap());
        scene.take(count);
        let calls = scene.receive_syncs() - before;
        assert!(calls <= 3, "{calls} calls for {count} frames");
    }
}

#[test]
fn whoever_waits_for_edges_calls_once_in_a_quarter_of_the_ring() {
    let mut scene = scene(model());
    let edge = Edge::new(scene.rx.source()).unwrap();
    assert_eq!(receive(&mut scene.rx), None);
    let (before, mut frames) = (scene.receive_syncs(), 0);
    for round in 0..200 {
        let count = 1 + round % (SLOTS / 2);
        scene.arrive(count);
        assert!(edge.wait(PATIENCE).unwrap());
        scene.take(count);
        frames += count;
    }
    assert_eq!(scene.model.lost(), 0);
    let calls = scene.receive_syncs() - before;
    assert!(
        calls <= frames / QUARTER + 1,
        "{calls} calls for {frames} frames"
    );
}

#[test]
fn whoever_never_waits_calls_for_each_look_in_vain_but_the_first() {
    let mut scene = scene(model());
    assert_eq!(receive(&mut scene.rx), None);
    for _ in 0..100 {
        scene.arrive(3);
        let before = scene.receive_syncs();
        scene.take(3);
        assert_eq!(
            scene.receive_syncs(),
            before,
            "what a look finds needs no call"
        );
        for calls in 1..4 {
            assert_eq!(receive(&mut scene.rx), None);
            assert_eq!(scene.receive_syncs(), before + calls);
        }
    }
}

#[test]
fn a_long_burst_is_given_back_on_the_way() {
    let mut scene = scene(model());
    assert_eq!(receive(&mut scene.rx), None);
    let count = SLOTS - 1;
    for _ in 0..50 {
        scene.arrive(count);
        let before = scene.receive_syncs();
        for number in 0..count {
            assert_eq!(scene.rx.peek().unwrap(), Some(60));
            assert_eq!(receive(&mut scene.rx), Some(frame(number, 60)));
            let calls = scene.receive_syncs() - before;
            assert!(
                calls <= number / QUARTER,
                "{calls} calls after {number} frames"
            );
        }
        // Three quarters are free, though nobody has waited or looked in vain.
        scene.arrive(3 * QUARTER);
        assert_eq!(scene.model.lost(), 0);
        scene.take(3 * QUARTER);
        assert_eq!(receive(&mut scene.rx), None);
    }
}

#[test]
fn a_flush_is_a_call_when_there_is_something_to_flush() {
    let mut scene = scene(model());
    let mut expected = scene.transmit_syncs();
    for round in 0..200 {
        for number in 0..round % 4 {
            assert_eq!(
                send(&mut scene.tx, &frame(number, 60 + 1000 * number)),
                Sent::Queued
            );
        }
        assert_eq!(scene.transmit_syncs(), expected, "no call for a frame");
        scene.tx.flush().unwrap();
        expected += usize::from(round % 4 > 0);
        assert_eq!(scene.transmit_syncs(), expected);
        while scene.far.receive().unwrap().is_some() {}
    }
    // What is dropped needs none.
    let short = send(&mut scene.tx, &[0; 5]);
    assert!(matches!(short, Sent::Dropped(_)), "{short:?}");
    scene.tx.flush().unwrap();
    assert_eq!(scene.transmit_syncs(), expected);
}

#[test]
fn a_ring_that_is_full_is_pushed_out_by_one_call() {
    let mut scene = scene(model());
    let before = scene.transmit_syncs();
    for number in 0..3 * (SLOTS - 1) {
        assert_eq!(send(&mut scene.tx, &frame(number, 60)), Sent::Queued);
        assert_eq!(
            scene.transmit_syncs() - before,
            number / (SLOTS - 1),
            "frame {number}"
        );
    }
}
