use super::{frame, is_ready, model};

#[test]
fn frames_cross_a_switch() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    assert!(!is_ready(&b));
    let sent = frame(2, 1, 60);
    assert!(a.send(&sent).unwrap());
    assert!(is_ready(&b));
    assert_eq!(b.receive().unwrap(), Some(sent));
    assert_eq!(b.receive().unwrap(), None);
    assert!(!is_ready(&b) && !is_ready(&a));
}

#[test]
fn a_known_station_gets_its_frames_alone() {
    let model = model();
    let ports = ["vale0:a", "vale0:b", "vale0:c"].map(|name| model.port(name).unwrap());
    let [a, b, c] = &ports;
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(b.receive().unwrap().is_some() && c.receive().unwrap().is_some());
    b.send(&frame(1, 2, 60)).unwrap();
    assert!(a.receive().unwrap().is_some() && c.receive().unwrap().is_none());
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(b.receive().unwrap().is_some() && c.receive().unwrap().is_none());
    a.send(&frame(1, 1, 60)).unwrap();
    assert!(a.receive().unwrap().is_none() && b.receive().unwrap().is_none());
}

#[test]
fn a_full_ring_loses_frames_and_the_sender_goes_on() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    for _ in 0..2000 {
        assert!(a.send(&frame(2, 1, 60)).unwrap());
    }
    assert_eq!(model.lost(), 2000 - 1023);
    let mut count = 0;
    while b.receive().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 1023);
}

#[test]
fn long_frames_take_several_slots() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    let sent = frame(2, 1, 5000);
    a.send(&sent).unwrap();
    let received = b.receive_whole().unwrap().unwrap();
    assert_eq!(received.bytes, sent);
    assert_eq!(received.flags, [0x320, 0x320, 0x300]);
}

#[test]
fn a_port_goes_with_its_descriptor() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    drop(b);
    a.send(&frame(2, 1, 60)).unwrap();
    let b = model.port("vale0:b").unwrap();
    assert_eq!(b.receive().unwrap(), None);
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(b.receive().unwrap().is_some());
}
