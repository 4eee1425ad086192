use super::{frame, is_ready, model};
use crate::testing::{Direction, Model, Polling, Settings};

#[test]
fn frames_and_their_buffers_go_through_a_pipe() {
    let model = model();
    let master = model.port("vale0:p{1").unwrap();
    let slave = model.port("vale0:p}1").unwrap();
    for round in 0..3000 {
        let sent = frame(2, 1, 60 + round % 1000);
        assert!(master.send(&sent).unwrap());
        assert!(is_ready(&slave));
        assert_eq!(slave.receive().unwrap(), Some(sent.clone()));
        assert!(slave.send(&sent).unwrap());
        assert_eq!(master.receive().unwrap(), Some(sent));
    }
}

#[test]
fn a_full_pipe_takes_nothing_until_slots_are_released() {
    let settings = Settings {
        polling: Polling::OnlyWakes,
        ..Settings::default()
    };
    let model = Model::new(settings).unwrap();
    let master = model.port("vale0:p{1").unwrap();
    let slave = model.port("vale0:p}1").unwrap();
    let mut count = 0;
    while master.send(&frame(2, 1, 60)).unwrap() {
        count += 1;
    }
    assert_eq!(count, 1023);
    for _ in 0..10 {
        slave.receive().unwrap().unwrap();
    }
    assert!(!master.send(&frame(2, 1, 60)).unwrap(), "not released yet");
    slave.receive_sync().unwrap();
    for _ in 0..10 {
        assert!(master.send(&frame(2, 1, 60)).unwrap());
    }
    assert!(!master.send(&frame(2, 1, 60)).unwrap());
}

#[test]
fn only_whole_frames_arrive_in_a_pipe() {
    let model = model();
    let master = model.port("vale0:p{1").unwrap();
    let slave = model.port("vale0:p}1").unwrap();
    let sent = frame(2, 1, 5000);
    assert!(master.send(&sent).unwrap());
    let received = slave.receive_whole().unwrap().unwrap();
    assert_eq!(received.bytes, sent);
    assert_eq!(received.flags, [0x20, 0x20, 0]);
}

#[test]
fn both_ends_have_the_same_buffers() {
    let model = model();
    let _master = model.port("vale0:p{1").unwrap();
    let _slave = model.port("vale0:p}1").unwrap();
    let (master, slave) = (
        model.tamper("vale0:p{1").unwrap(),
        model.tamper("vale0:p}1").unwrap(),
    );
    for slot in 0..1024 {
        let sent = master.slot(Direction::Transmit, 0, slot).unwrap();
        assert!(sent.0 >= 2);
        assert_eq!(slave.slot(Direction::Receive, 0, slot).unwrap(), sent);
    }
}

#[test]
fn an_end_that_comes_again_finds_what_was_left() {
    let model = model();
    let master = model.port("vale0:p{1").unwrap();
    let slave = model.port("vale0:p}1").unwrap();
    master.send(&frame(2, 1, 60)).unwrap();
    drop(slave);
    let slave = model.port("vale0:p}1").unwrap();
    assert_eq!(slave.receive().unwrap(), Some(frame(2, 1, 60)));
    drop(master);
    drop(slave);
    let slave = model.port("vale0:p}1").unwrap();
    assert_eq!(slave.receive().unwrap(), None);
}

#[test]
fn a_pipe_of_nobody_makes_an_interface() {
    let model = model();
    let a = model.port("lonely{x").unwrap();
    let b = model.port("lonely}x").unwrap();
    a.send(&frame(2, 1, 99)).unwrap();
    assert_eq!(b.receive().unwrap(), Some(frame(2, 1, 99)));
}
