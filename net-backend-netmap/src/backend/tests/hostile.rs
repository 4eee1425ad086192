//! A kernel, or another process with the same memory, that writes into rings what cannot be.

use net_backend_core::{Activation, Error, HeaderLength, RxQueue, RxSlice, Sent, TxQueue, TxSlice};

use super::buffers::receive_words;
use super::{frame, model, open, queues, receive, send, with_header};
use crate::testing::{Direction, Far, Field, Model, Moment, Tamper};
use crate::{Netmap, ReceiveQueue, TransmitQueue};

const NEAR: &str = "vale0:near";
const MOREFRAG: u16 = 0x20;
const SLOTS: u32 = 64;

struct Scene {
    model: Model,
    far: Far,
    near: Netmap,
    rx: ReceiveQueue,
    tx: TransmitQueue,
}

fn scene() -> Scene {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, &format!("netmap:{NEAR}?slots={SLOTS}&extra-bufs=4"));
    let (rx, tx) = queues(&mut near);
    Scene {
        model,
        far,
        near,
        rx,
        tx,
    }
}

impl Scene {
    fn set(&self, direction: Direction, field: Field, value: u32) {
        let tamper = self.model.tamper(NEAR).unwrap();
        assert!(tamper.set(direction, 0, field, value));
    }

    fn set_slot(
        &self,
        direction: Direction,
        slot: u32,
        buffer: Option<u32>,
        length: u16,
        flags: u16,
    ) {
        let tamper = self.model.tamper(NEAR).unwrap();
        let old = tamper.slot(direction, 0, slot).unwrap();
        let buffer = buffer.unwrap_or(old.0);
        assert!(tamper.set_slot(direction, 0, slot, (buffer, length, flags)));
    }

    fn recv(&mut self) -> Result<Option<usize>, Error> {
        let mut buffer = vec![0; 70_000];
        let received = self.rx.recv(&mut [RxSlice::new(&mut buffer)])?;
        Ok(received.map(|it| it.length))
    }

    /// Both halves say that the port is gone, for this reason first.
    fn assert_gone(mut self, first: Error, word: &str) {
        assert!(matches!(first, Error::Gone { .. }), "{first:?}");
        assert!(first.to_string().contains(NEAR), "{first}");
        assert!(first.to_string().contains(word), "{first}");
        let flushed = self.tx.flush();
        assert!(matches!(flushed, Err(Error::Gone { .. })), "{flushed:?}");
        let mut received = Ok(Some(0));
        for _ in 0..SLOTS {
            received = self.recv();
        }
        assert!(matches!(received, Err(Error::Gone { .. })), "{received:?}");
        drop((self.rx, self.tx));
        let again = self.near.queues(&Activation::plain());
        assert!(matches!(again, Err(Error::Gone { .. })), "{again:?}");
    }
}

/// What makes a port gone: the first call that does.
fn until_gone(scene: &mut Scene, sends: bool) -> Error {
    for _ in 0..4 * SLOTS {
        let done = match sends {
            true => {
                let sent = scene.tx.send(&[TxSlice::new(&frame(0, 60))]);
                sent.and_then(|_| scene.tx.flush())
            }
            false => scene.recv().map(drop),
        };
        if let Err(error) = done {
            return error;
        }
    }
    panic!("nothing noticed");
}

#[test]
fn a_tail_that_is_no_slot_ends_the_port() {
    for (direction, sends) in [(Direction::Receive, false), (Direction::Transmit, true)] {
        for value in [SLOTS, SLOTS + 1, u32::MAX, 1 << 31] {
            let mut scene = scene();
            let hook = move |_: Moment, tamper: &Tamper| {
                tamper.set(direction, 0, Field::Tail, value);
            };
            scene.model.on_call(hook);
            scene.set(direction, Field::Tail, value);
            let error = until_gone(&mut scene, sends);
            scene.assert_gone(error, &format!("tail became {value}"));
        }
    }
}

#[test]
fn a_tail_that_moves_back_ends_the_port() {
    let mut scene = scene();
    for number in 0..40 {
        assert!(scene.far.send(&frame(number, 60)).unwrap());
    }
    assert_eq!(scene.recv().unwrap(), Some(60));
    // 40 before, and looked at again when a quarter was given back.
    scene.model.on_call(|_, tamper| {
        tamper.set(Direction::Receive, 0, Field::Tail, 20);
    });
    for _ in 1..SLOTS / 4 {
        assert_eq!(scene.recv().unwrap(), Some(60));
    }
    let error = scene.recv().unwrap_err();
    let again = scene.recv();
    assert!(matches!(again, Err(Error::Gone { .. })), "{again:?}");
    scene.assert_gone(error, "tail became 20");
}

#[test]
fn a_head_that_the_kernel_did_not_take_ends_the_port() {
    for (direction, sends) in [(Direction::Receive, false), (Direction::Transmit, true)] {
        let mut scene = scene();
        scene.model.on_call(move |moment, tamper| {
            if moment == Moment::Synchronised(direction) {
                tamper.set(direction, 0, Field::Head, 33);
            }
        });
        let error = until_gone(&mut scene, sends);
        scene.assert_gone(error, "head became 33");
    }
}

#[test]
fn numbers_of_no_buffer_are_never_followed() {
    for buffer in [0, 1, 1 << 20, u32::MAX, 1 << 31] {
        for slots in [1, 3] {
            let mut scene = scene();
            assert!(scene.far.send(&frame(1, 2048 * slots as usize)).unwrap());
            assert_eq!(scene.rx.peek().unwrap(), Some(2048 * slots as usize));
            let flags = if slots > 1 { MOREFRAG } else { 0 };
            scene.set_slot(Direction::Receive, 0, Some(buffer), 2048, flags);
            let error = match slots {
                1 => scene.rx.lend().map(drop).unwrap_err(),
                _ => scene.recv().unwrap_err(),
            };
            scene.assert_gone(error, &format!("buffer number became {buffer}"));
        }
    }
}

#[test]
fn numbers_of_no_buffer_are_never_written_to() {
    for buffer in [0, 1, 1 << 20, u32::MAX] {
        for length in [60, 5000] {
            let mut scene = scene();
            scene.set_slot(Direction::Transmit, 0, Some(buffer), 0, 0);
            let sent = scene.tx.send(&[TxSlice::new(&frame(1, length))]);
            scene.assert_gone(sent.unwrap_err(), &format!("buffer number became {buffer}"));
        }
    }
}

#[test]
fn lengths_beyond_the_buffer_are_no_frames() {
    for length in [2049, 4096, u16::MAX] {
        let mut scene = scene();
        for number in 0..2 {
            assert!(scene.far.send(&frame(number, 100)).unwrap());
        }
        assert_eq!(scene.rx.peek().unwrap(), Some(100));
        scene.set_slot(Direction::Receive, 0, None, length, 0);
        assert_eq!(
            receive(&mut scene.rx),
            Some(frame(1, 100)),
            "the one behind"
        );
        assert_eq!(scene.rx.counters().snapshot().drops.iter().sum::<u64>(), 1);
        assert_eq!(scene.recv().unwrap(), None);
    }
}

#[test]
fn a_long_frame_with_a_length_beyond_its_buffers_is_dropped_whole() {
    for slot in 0..3 {
        let mut scene = scene();
        for number in 0..2 {
            assert!(scene.far.send(&frame(number, 5000)).unwrap());
        }
        let flags = if slot < 2 { MOREFRAG } else { 0 };
        scene.set_slot(Direction::Receive, slot, None, 2049, flags);
        assert_eq!(receive(&mut scene.rx), Some(frame(1, 5000)), "slot {slot}");
        assert_eq!(scene.rx.counters().snapshot().drops.iter().sum::<u64>(), 1);
    }
}

#[test]
fn a_frame_that_grows_while_it_is_lent_stays_in_its_buffer() {
    let mut scene = scene();
    assert!(scene.far.send(&frame(1, 100)).unwrap());
    let tamper = scene.model.tamper(NEAR).unwrap();
    let lent = scene.rx.lend().unwrap().unwrap();
    let (buffer, ..) = tamper.slot(Direction::Receive, 0, 0).unwrap();
    for (buffer, length, flags) in [
        (buffer, 2000, 0),
        (buffer, 2049, 0),
        (0, 100, 0),
        (buffer, u16::MAX, MOREFRAG),
    ] {
        assert!(tamper.set_slot(Direction::Receive, 0, 0, (buffer, length, flags)));
        let bytes = lent.with_pieces(net_backend_core::total_length);
        assert!(bytes <= 2048, "{bytes}");
        let mut copy = vec![0; 4000];
        assert!(lent.copy_to(&mut copy) <= 100);
    }
    lent.release();
    assert_eq!(scene.recv().unwrap(), None);
}

#[test]
fn a_frame_that_becomes_strange_is_kept_and_given_back_safely() {
    let mut scene = scene();
    assert!(scene.far.send(&frame(1, 100)).unwrap());
    let lent = scene.rx.lend().unwrap().unwrap();
    let tamper = scene.model.tamper(NEAR).unwrap();
    assert!(tamper.set_slot(Direction::Receive, 0, 0, (u32::MAX, u16::MAX, MOREFRAG)));
    let Ok(Some(taken)) = lent.take() else {
        return;
    };
    assert_eq!(taken.pieces().map(|piece| piece.len()).sum::<usize>(), 0);
    drop(taken);
    // The number is among the spare ones, and must not be handed out as a buffer.
    for number in 0..8 {
        assert!(scene.far.send(&frame(number, 100)).unwrap());
        if let Some(lent) = scene.rx.lend().unwrap() {
            drop(lent.take().unwrap());
        }
    }
    for slot in 0..SLOTS {
        let (buffer, ..) = tamper.slot(Direction::Receive, 0, slot).unwrap();
        assert!(
            buffer != u32::MAX || slot == 0,
            "slot {slot} got a buffer that does not exist"
        );
    }
}

#[test]
fn frames_without_end_are_dropped_and_do_not_spin() {
    let mut scene = scene();
    for slot in 0..SLOTS - 1 {
        assert!(scene.far.send(&frame(0, 100)).unwrap());
        scene.set_slot(Direction::Receive, slot, None, 2048, MOREFRAG);
    }
    assert_eq!(scene.recv().unwrap(), None);
    assert_eq!(scene.rx.counters().snapshot().drops.iter().sum::<u64>(), 1);
    assert!(scene.far.send(&frame(7, 100)).unwrap());
    assert_eq!(
        receive(&mut scene.rx),
        Some(frame(7, 100)),
        "and the ring goes on"
    );
}

#[test]
fn sixty_five_pieces_are_no_frame() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, &format!("netmap:{NEAR}?slots=256"));
    let (mut rx, _tx) = queues(&mut near);
    let tamper = model.tamper(NEAR).unwrap();
    for slot in 0..129 {
        assert!(far.send(&frame(0, 100)).unwrap());
        let (buffer, ..) = tamper.slot(Direction::Receive, 0, slot).unwrap();
        let is_last = slot == 64 || slot == 128;
        let flags = if is_last { 0 } else { MOREFRAG };
        tamper.set_slot(Direction::Receive, 0, slot, (buffer, 100, flags));
    }
    // The 65th slot of the first is what is left of it; the second has 64.
    assert_eq!(rx.peek().unwrap(), Some(100));
    assert_eq!(receive(&mut rx).map(|it| it.len()), Some(100));
    assert_eq!(receive(&mut rx).map(|it| it.len()), Some(6400));
    assert_eq!(receive(&mut rx), None);
    assert_eq!(rx.counters().snapshot().drops.iter().sum::<u64>(), 1);
}

#[test]
fn empty_slots_and_frames_shorter_than_their_header_are_skipped() {
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, &format!("netmap:{NEAR}"));
    let with = with_header(HeaderLength::Twelve);
    let (mut rx, _tx) = near.queues(&with).unwrap().remove(0);
    let tamper = model.tamper(NEAR).unwrap();
    let lengths = [0, 1, 12, 25, 0, 26, 0];
    for (slot, length) in (0..).zip(lengths) {
        let (buffer, ..) = tamper.slot(Direction::Receive, 0, slot).unwrap();
        tamper.set_slot(Direction::Receive, 0, slot, (buffer, length, 0));
    }
    tamper.set(Direction::Receive, 0, Field::Tail, lengths.len() as u32);
    assert_eq!(receive(&mut rx).map(|it| it.len()), Some(26));
    assert_eq!(receive(&mut rx), None);
    let drops = rx.counters().snapshot().drops.iter().sum::<u64>();
    assert_eq!(drops, 3, "empty ones are nobody's frames");
    drop(far);
}

#[test]
fn a_frame_whose_end_does_not_come_keeps_nobody_awake() {
    let mut scene = scene();
    scene.set_slot(Direction::Receive, 0, None, 2048, MOREFRAG);
    scene.set_slot(Direction::Receive, 1, None, 2048, MOREFRAG);
    scene.set(Direction::Receive, Field::Tail, 2);
    scene.model.on_call(|_, tamper| {
        tamper.set(Direction::Receive, 0, Field::Tail, 2);
    });
    for _ in 0..3 {
        assert_eq!(scene.rx.peek().unwrap(), None);
        assert_eq!(scene.recv().unwrap(), None);
    }
    // The kernel wakes who waits when there is more than up to `cur`.
    assert_eq!(receive_words(&scene.near), (0, 2), "head and cur");
}

#[test]
fn what_was_measured_once_is_not_measured_again() {
    let mut scene = scene();
    let tamper = scene.model.tamper(NEAR).unwrap();
    for direction in [Direction::Receive, Direction::Transmit] {
        scene.set(direction, Field::Slots, u32::MAX);
        scene.set(direction, Field::BufferSize, u32::MAX);
        scene.set(direction, Field::RingId, u32::MAX);
        scene.set(direction, Field::Flags, u32::MAX);
        scene.set(direction, Field::Cur, u32::MAX);
        assert!(tamper.set_buffers_offset(direction, 0, i64::MIN));
    }
    for number in 0..3 {
        let sent = send(&mut scene.tx, &frame(number, 3000));
        assert_eq!(sent, Sent::Queued);
    }
    assert_eq!(scene.recv().unwrap(), None);
    drop((scene.rx, scene.tx));
    let again = scene.near.queues(&Activation::plain()).unwrap_err();
    assert!(matches!(again, Error::Gone { .. }), "{again:?}");
}

/// Rings that nothing fits to are refused when queues are made of them.
#[test]
fn rings_that_are_not_inside_are_refused_when_they_are_opened() {
    type Wrong = fn(&Tamper, Direction) -> bool;
    let (receive, transmit) = (Direction::Receive, Direction::Transmit);
    let wrongs: [(&str, Direction, Wrong); 6] = [
        ("slots", receive, |it, at| {
            it.set(at, 0, Field::Slots, 1 << 30)
        }),
        ("no slot", transmit, |it, at| it.set(at, 0, Field::Slots, 0)),
        ("no byte", receive, |it, at| {
            it.set(at, 0, Field::BufferSize, 0)
        }),
        ("long", transmit, |it, at| {
            it.set(at, 0, Field::BufferSize, 1 << 20)
        }),
        ("before", receive, |it, at| {
            it.set_buffers_offset(at, 0, i64::MIN)
        }),
        ("behind", receive, |it, at| {
            it.set_buffers_offset(at, 0, i64::MAX)
        }),
    ];
    for (name, direction, wrong) in wrongs {
        let model = model();
        model.on_call(move |moment, tamper| {
            if moment == Moment::Registered {
                assert!(wrong(tamper, direction));
            }
        });
        let opened = model.open(&super::config(&format!("netmap:{NEAR}")));
        let error = opened.map(drop).unwrap_err();
        assert!(matches!(error, Error::Gone { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(NEAR), "{name}: {error}");
    }
}
