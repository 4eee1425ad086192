//! Several rings in one half, and full ones.

use std::time::Duration;

use net_backend_core::testing::{Edge, ready};
use net_backend_core::{Activation, Sent, TxQueue};

use super::{frame, model, open, queues, receive, send};
use crate::ReceiveQueue;
use crate::testing::{Direction, Far, Model, Polling, Settings};

const SLOTS: usize = 64;
const RINGS: usize = 4;
/// Frames that one ring gives in its turn.
const TURN: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);

/// A frame that says which ring it is for.
fn marked(ring: usize) -> Vec<u8> {
    let mut bytes = frame(ring, 60);
    bytes[20] = ring as u8;
    bytes
}

fn next(rx: &mut ReceiveQueue) -> Option<usize> {
    receive(rx).map(|bytes| usize::from(bytes[20]))
}

fn fill(far: &Far, ring: usize, count: usize) {
    for _ in 0..count {
        assert!(far.send_on(ring, &marked(ring)).unwrap());
    }
}

#[test]
fn rings_that_all_have_frames_take_turns() {
    let model = model();
    let (mut near, far) = wide(&model);
    let with = Activation::plain();
    let (mut rx, _tx) = near.queues(&with).unwrap().remove(0);
    (0..RINGS).for_each(|ring| fill(&far, ring, SLOTS - 1));
    let mut waited = [0; RINGS];
    let mut left = [SLOTS - 1; RINGS];
    for _ in 0..RINGS * (SLOTS - 1) {
        let ring = next(&mut rx).unwrap();
        left[ring] -= 1;
        for other in 0..RINGS {
            waited[other] += 1;
            let limit = (RINGS - 1) * TURN + 1;
            assert!(
                left[other] == 0 || waited[other] <= limit,
                "ring {other} waits"
            );
        }
        waited[ring] = 0;
    }
    assert_eq!(next(&mut rx), None);
}

/// A port with several rings, and one as wide at the other end.
fn wide(model: &Model) -> (crate::Netmap, Far) {
    let name = format!("netmap:vale0:x{{1?rings={RINGS}&slots={SLOTS}");
    let near = open(model, &name);
    let far = model.port("vale0:x}1").unwrap();
    assert_eq!(far.rings(Direction::Receive), RINGS + 1);
    (near, far)
}

#[test]
fn a_ring_that_is_always_full_starves_no_other() {
    for polling in [Polling::Synchronises, Polling::OnlyWakes] {
        let model = Model::new(Settings {
            polling,
            ..Settings::default()
        });
        let model = model.unwrap();
        let (mut near, far) = wide(&model);
        for busy in 0..RINGS {
            let with = Activation::plain();
            let (mut rx, _tx) = near.queues(&with).unwrap().remove(0);
            let mut since = [0; RINGS];
            let mut is_there = [false; RINGS];
            for _ in 0..2000 {
                while far.send_on(busy, &marked(busy)).unwrap() {}
                for ring in (0..RINGS).filter(|ring| *ring != busy) {
                    if !is_there[ring] {
                        fill(&far, ring, 1);
                        (is_there[ring], since[ring]) = (true, 0);
                    }
                    since[ring] += 1;
                    let limit = RINGS * TURN + SLOTS / 4 + 1;
                    assert!(
                        since[ring] <= limit,
                        "ring {ring} waits beside {busy}, {polling:?}"
                    );
                }
                is_there[next(&mut rx).unwrap()] = false;
            }
            while next(&mut rx).is_some() {}
        }
    }
}

#[test]
fn rings_are_folded_into_as_many_pairs_as_are_asked_for() {
    for pairs in 1..=RINGS {
        let model = model();
        let (mut near, far) = wide(&model);
        let with = Activation {
            queue_pairs: pairs as u16,
            ..Activation::plain()
        };
        let mut queues = near.queues(&with).unwrap();
        for ring in 0..RINGS {
            fill(&far, ring, 3);
        }
        for (at, (rx, tx)) in queues.iter_mut().enumerate() {
            let mut seen = Vec::new();
            while let Some(ring) = next(rx) {
                seen.push(ring);
            }
            let dealt = (0..RINGS).filter(|ring| ring % pairs == at);
            let expected: Vec<usize> = dealt.flat_map(|ring| [ring; 3]).collect();
            seen.sort_unstable();
            assert_eq!(seen, expected, "pair {at} of {pairs}");
            assert_eq!(send(tx, &marked(at)), Sent::Queued);
            tx.flush().unwrap();
            let received = far.receive_whole().unwrap().unwrap();
            assert_eq!(received.ring, at, "its own transmit ring");
        }
    }
}

#[test]
fn a_half_of_several_rings_is_woken_by_each() {
    let model = model();
    let (mut near, far) = wide(&model);
    let (mut rx, _tx) = near.queues(&Activation::plain()).unwrap().remove(0);
    let edge = Edge::new(net_backend_core::RxQueue::source(&rx)).unwrap();
    for round in 0..50 {
        let ring = round % RINGS;
        while next(&mut rx).is_some() {}
        fill(&far, ring, 1);
        assert!(edge.wait(PATIENCE).unwrap(), "ring {ring}");
        assert_eq!(next(&mut rx), Some(ring));
    }
}

#[test]
fn busy_is_over_when_there_is_room_and_not_before() {
    for polling in [Polling::Synchronises, Polling::OnlyWakes] {
        let model = Model::new(Settings {
            polling,
            ..Settings::default()
        });
        let model = model.unwrap();
        let mut near = open(&model, &format!("netmap:vale0:x{{1?slots={SLOTS}"));
        let far = model.port("vale0:x}1").unwrap();
        let (_rx, mut tx) = queues(&mut near);
        let edge = Edge::new(tx.source()).unwrap();
        for round in 0..50 {
            let mut sent = 0;
            while send(&mut tx, &frame(sent, 60)) == Sent::Queued {
                sent += 1;
                assert!(sent < 2 * SLOTS, "never busy");
            }
            // Whatever was there before the ring was full.
            while edge.wait(Duration::ZERO).unwrap() {}
            let busy = send(&mut tx, &frame(sent, 60));
            assert_eq!(busy, Sent::Busy { retry_after: None });
            assert!(
                !ready(tx.source(), Duration::ZERO).unwrap(),
                "not before, {polling:?}"
            );
            assert!(
                !edge.wait(Duration::ZERO).unwrap(),
                "no edge before, {polling:?}"
            );
            far.receive().unwrap().unwrap();
            far.receive_sync().unwrap();
            match round % 2 {
                0 => assert!(ready(tx.source(), PATIENCE).unwrap()),
                _ => assert!(edge.wait(PATIENCE).unwrap()),
            }
            let mut again = send(&mut tx, &frame(sent, 60));
            if polling == Polling::OnlyWakes && again != Sent::Queued {
                // The first look after a wake-up that was a hint synchronises.
                again = send(&mut tx, &frame(sent, 60));
            }
            assert_eq!(again, Sent::Queued, "{polling:?}");
            while far.receive().unwrap().is_some() {}
            tx.flush().unwrap();
            while far.receive().unwrap().is_some() {}
            far.receive_sync().unwrap();
        }
    }
}

/// Some room is no reason to wake somebody who waits for more.
#[test]
fn busy_with_a_long_frame_is_over_when_there_is_room_for_all_of_it() {
    let model = model();
    let mut near = open(&model, "netmap:vale0:x{1?slots=16");
    let far = model.port("vale0:x}1").unwrap();
    let (_rx, mut tx) = queues(&mut near);
    for round in 0..20 {
        // Two of fifteen slots stay free.
        for number in 0..13 {
            assert_eq!(send(&mut tx, &frame(number, 60)), Sent::Queued);
        }
        let long = frame(round, 5000);
        for _ in 0..3 {
            let busy = send(&mut tx, &long);
            assert_eq!(busy, Sent::Busy { retry_after: None });
            assert!(!ready(tx.source(), Duration::ZERO).unwrap(), "too little");
        }
        far.receive().unwrap().unwrap();
        far.receive_sync().unwrap();
        assert!(ready(tx.source(), PATIENCE).unwrap());
        assert_eq!(send(&mut tx, &long), Sent::Queued);
        tx.flush().unwrap();
        for number in 1..13 {
            assert_eq!(far.receive().unwrap(), Some(frame(number, 60)));
        }
        assert_eq!(far.receive().unwrap(), Some(long));
        far.receive_sync().unwrap();
    }
}
