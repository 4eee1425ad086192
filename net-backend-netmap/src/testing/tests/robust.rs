//! Many threads, garbage, slowness.

use std::thread;

use super::{frame, is_readable, is_ready, model};
use crate::testing::{Direction, Field, Model, Moment, Polling, Settings};

#[test]
fn ports_are_used_from_many_threads() {
    let model = model();
    let names = ["vale0:a", "vale0:b", "vale0:c", "vale0:c{1", "vale0:c}1"];
    thread::scope(|scope| {
        for (number, name) in (1_u8..).zip(names) {
            let model = &model;
            scope.spawn(move || {
                for round in 0..20 {
                    let port = model.port(name).unwrap();
                    let monitor = model.port_with(name, 1, 0x300).unwrap();
                    for _ in 0..200 {
                        port.send(&frame(1 + round % 5, number, 60)).unwrap();
                        while port.receive().unwrap().is_some() {}
                        while monitor.receive().unwrap().is_some() {}
                    }
                }
            });
        }
    });
}

#[test]
fn garbage_in_the_rings_does_no_harm_to_the_kernel() {
    for seed in 1..50_u64 {
        let model = model();
        model.wire(["em0", "em1"], 2, 32);
        let names = ["vale0:a", "vale0:b", "em0", "em1", "vale0:a{1", "vale0:a}1"];
        let ports = names.map(|name| model.port(name).unwrap());
        let mut seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for round in 0..30 {
            for (name, port) in names.iter().zip(&ports) {
                model.tamper(name).unwrap().scramble(&mut seed);
                let _sent = port.send(&frame(round, 1, 60)).unwrap();
                let _received = port.receive().unwrap();
            }
        }
        drop(ports);
        let (a, b) = (
            model.port("vale0:a").unwrap(),
            model.port("vale0:b").unwrap(),
        );
        assert!(a.send(&frame(9, 1, 60)).unwrap());
        assert!(b.receive().unwrap().is_some(), "everything begins anew");
    }
}

#[test]
fn hooks_see_registrations_and_synchronisations() {
    use std::sync::{Arc, Mutex};
    let model = model();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = seen.clone();
    model.on_call(move |moment, _| keep.lock().unwrap().push(moment));
    let far = model.port("vale0:far").unwrap();
    let control = model.kernel().open().unwrap();
    let wishes = crate::testing::body::Register {
        mode: 1,
        ..Default::default()
    };
    let mut body = [0; crate::abi::BODY_BYTES];
    wishes.write(&mut body);
    let mut header = crate::testing::far::header(1, "vale0:near");
    control.request(&mut header, &mut body).unwrap();
    far.send(&frame(1, 2, 60)).unwrap();
    control.receive_sync().unwrap();
    let expected = [Moment::Registered, Moment::Synchronised(Direction::Receive)];
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(model.counts().receive_syncs, 1);
}

#[test]
fn slow_frames_are_announced_before_they_are_seen() {
    let settings = Settings {
        receive_delay: 2,
        ..Settings::default()
    };
    let model = Model::new(settings).unwrap();
    model.wire(["em0", "em1"], 1, 32);
    let (a, b) = (model.port("em0").unwrap(), model.port("em1").unwrap());
    a.send(&frame(2, 1, 60)).unwrap();
    for _ in 0..2 {
        assert!(is_ready(&b));
        assert_eq!(b.receive().unwrap(), None);
    }
    assert!(is_ready(&b));
    assert!(b.receive().unwrap().is_some());
}

#[test]
fn where_waiting_only_wakes_a_synchronisation_is_needed() {
    for (polling, expected) in [(Polling::Synchronises, 1), (Polling::OnlyWakes, 0)] {
        let settings = Settings {
            polling,
            ..Settings::default()
        };
        let model = Model::new(settings).unwrap();
        let (a, b) = (
            model.port("vale0:a").unwrap(),
            model.port("vale0:b").unwrap(),
        );
        a.send(&frame(2, 1, 60)).unwrap();
        assert!(is_ready(&b));
        assert_eq!(b.tail(Direction::Receive, 0), Some(expected));
        assert!(b.receive().unwrap().is_some());
    }
}

#[test]
fn a_generator_never_ends() {
    let model = model();
    model.generator("gen0", 1, 64, Some(60));
    let port = model.port("gen0").unwrap();
    for _ in 0..1000 {
        assert_eq!(port.receive().unwrap().unwrap().len(), 60);
        assert!(port.send(&frame(1, 2, 60)).unwrap());
    }
}

/// Binds a port with one pair of rings of 8 slots, without mapping anything.
fn small(model: &Model, name: &str) -> Box<dyn crate::gate::Control> {
    let control = model.kernel().open().unwrap();
    let wishes = crate::testing::body::Register {
        mode: 1,
        transmit_slots: 8,
        receive_slots: 8,
        ..Default::default()
    };
    let mut body = [0; crate::abi::BODY_BYTES];
    wishes.write(&mut body);
    let mut header = crate::testing::far::header(1, name);
    control.request(&mut header, &mut body).unwrap();
    control
}

#[test]
fn a_wait_gives_slots_back_where_it_synchronises() {
    for (polling, expected) in [(Polling::Synchronises, 0), (Polling::OnlyWakes, 1)] {
        let settings = Settings {
            polling,
            ..Settings::default()
        };
        let model = Model::new(settings).unwrap();
        let a = model.port("vale0:a").unwrap();
        let b = small(&model, "vale0:b");
        let rings = model.tamper("vale0:b").unwrap();
        for _ in 0..7 {
            a.send(&frame(2, 1, 60)).unwrap();
        }
        // The ring is full; one slot is done with, and somebody waits.
        b.receive_sync().unwrap();
        assert!(rings.set(Direction::Receive, 0, Field::Cur, 1));
        assert!(rings.set(Direction::Receive, 0, Field::Head, 1));
        let _waiting = b.receive_source();
        a.send(&frame(2, 1, 60)).unwrap();
        assert_eq!(model.lost(), expected, "{polling:?}");
    }
}

#[test]
fn what_was_seen_and_not_taken_is_not_waited_for() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = small(&model, "vale0:b");
    let rings = model.tamper("vale0:b").unwrap();
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(is_readable(b.receive_source()));
    assert!(rings.set(Direction::Receive, 0, Field::Cur, 1));
    assert!(
        !is_readable(b.receive_source()),
        "cur is where the wait begins"
    );
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(is_readable(b.receive_source()));
}
