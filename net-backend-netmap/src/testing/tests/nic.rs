use super::{frame, is_ready, model};
use crate::testing::{Direction, Far, Model, Settings};

fn wired() -> (Model, Far, Far) {
    let model = model();
    model.wire(["em0", "em1"], 4, 256);
    let ports = ["em0", "em1"].map(|name| model.port_with(name, 3, 0).unwrap());
    let [a, b] = ports;
    (model, a, b)
}

#[test]
fn a_wire_spreads_frames_over_rings() {
    let (_model, a, b) = wired();
    let mut rings = [0; 4];
    for from in 0..200 {
        assert!(
            a.send_on(usize::from(from) % 4, &frame(2, from, 60))
                .unwrap()
        );
        assert!(is_ready(&b));
        let received = b.receive_whole().unwrap().unwrap();
        assert_eq!(received.bytes, frame(2, from, 60));
        rings[received.ring] += 1;
    }
    assert!(rings.iter().all(|&count| count > 10), "{rings:?}");
}

#[test]
fn both_interfaces_have_one_memory() {
    let (model, a, _b) = wired();
    assert_eq!(a.rings(Direction::Transmit), 5);
    let mut seen = std::collections::HashSet::new();
    for name in ["em0", "em1"] {
        let tamper = model.tamper(name).unwrap();
        for direction in [Direction::Transmit, Direction::Receive] {
            for ring in 0..5 {
                for slot in 0..256 {
                    let buffer = tamper.slot(direction, ring, slot).unwrap().0;
                    assert!(seen.insert(buffer), "{buffer} twice");
                }
            }
        }
    }
}

#[test]
fn a_new_buffer_that_is_not_announced_is_not_sent() {
    let (model, a, b) = wired();
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(b.receive().unwrap().is_some());
    let tamper = model.tamper("em0").unwrap();
    let (old, ..) = tamper.slot(Direction::Transmit, 0, 1).unwrap();
    let (other, ..) = tamper.slot(Direction::Transmit, 0, 9).unwrap();
    tamper.set_slot(Direction::Transmit, 0, 1, (other, 0, 0));
    a.send(&frame(2, 7, 60)).unwrap();
    assert_ne!(
        b.receive().unwrap(),
        Some(frame(2, 7, 60)),
        "the old buffer was sent"
    );
    tamper.set_slot(Direction::Transmit, 0, 2, (old, 0, 1));
    a.send(&frame(2, 8, 60)).unwrap();
    assert_eq!(b.receive().unwrap(), Some(frame(2, 8, 60)));
    assert_eq!(
        tamper.slot(Direction::Transmit, 0, 2).unwrap().2 & 1,
        0,
        "flag is cleared"
    );
}

#[test]
fn slots_come_back_later() {
    let settings = Settings {
        completion_delay: 2,
        ..Settings::default()
    };
    let model = Model::new(settings).unwrap();
    model.wire(["em0", "em1"], 1, 8);
    let a = model.port("em0").unwrap();
    for _ in 0..100 {
        let mut tries = 0;
        while !a.send(&frame(2, 1, 60)).unwrap() {
            tries += 1;
            assert!(tries < 4, "slots never come back");
        }
    }
}

#[test]
fn the_host_is_behind_its_rings() {
    let (model, a, _b) = wired();
    assert!(model.host_send("em0", 0, &frame(1, 9, 77)).unwrap());
    assert!(is_ready(&a));
    let received = a.receive_whole().unwrap().unwrap();
    assert_eq!((received.bytes, received.ring), (frame(1, 9, 77), 4));
    a.send_on(4, &frame(9, 1, 66)).unwrap();
    assert_eq!(model.host_receive("em0").unwrap(), Some(frame(9, 1, 66)));
    assert_eq!(model.host_receive("em0").unwrap(), None);
}

#[test]
fn a_port_that_was_pulled_out_says_so() {
    let (model, a, b) = wired();
    assert!(!is_ready(&a));
    model.remove("em0").unwrap();
    assert!(is_ready(&a));
    let error = a.send(&frame(2, 1, 60)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EIO));
    assert!(b.send(&frame(1, 2, 60)).unwrap(), "the wire ends nowhere");
    let again = model.port("em0").unwrap_err();
    assert_eq!(again.raw_os_error(), Some(libc::ENXIO));
}
