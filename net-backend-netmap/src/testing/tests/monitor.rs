use super::{frame, is_ready, model};

const BOTH: u64 = 0x300;
const ZERO_COPY: u64 = 0x400;
const TXMON: u16 = 0x40;

#[test]
fn a_monitor_sees_copies_of_both_directions() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    let monitor = model.port_with("vale0:a", 1, BOTH).unwrap();
    a.send(&frame(2, 1, 60)).unwrap();
    assert!(is_ready(&monitor));
    let seen = monitor.receive_whole().unwrap().unwrap();
    assert_eq!(seen.bytes, frame(2, 1, 60));
    assert_eq!(seen.flags[0] & TXMON, TXMON);
    assert_eq!(b.receive().unwrap(), Some(frame(2, 1, 60)), "a copy");
    b.send(&frame(1, 2, 70)).unwrap();
    let seen = monitor.receive_whole().unwrap().unwrap();
    assert_eq!(seen.bytes, frame(1, 2, 70), "seen before the port looks");
    assert_eq!(seen.flags[0] & TXMON, 0);
    assert_eq!(a.receive().unwrap(), Some(frame(1, 2, 70)));
}

#[test]
fn a_monitor_cannot_send() {
    let model = model();
    let _a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    let monitor = model.port_with("vale0:a", 1, BOTH).unwrap();
    monitor.send(&frame(2, 1, 60)).unwrap();
    assert_eq!(b.receive().unwrap(), None);
}

#[test]
fn a_zero_copy_monitor_gets_what_was_released() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let b = model.port("vale0:b").unwrap();
    let monitor = model.port_with("vale0:a", 1, ZERO_COPY).unwrap();
    b.send(&frame(1, 2, 70)).unwrap();
    assert_eq!(monitor.receive().unwrap(), None, "not released yet");
    assert_eq!(a.receive().unwrap(), Some(frame(1, 2, 70)));
    a.receive_sync().unwrap();
    assert_eq!(monitor.receive().unwrap(), Some(frame(1, 2, 70)));
    for round in 0..3000 {
        let sent = frame(1, 2, 60 + round % 900);
        b.send(&sent).unwrap();
        assert_eq!(a.receive().unwrap(), Some(sent.clone()));
        a.receive_sync().unwrap();
        assert_eq!(monitor.receive().unwrap(), Some(sent));
    }
}

#[test]
fn a_monitor_whose_port_goes_is_told() {
    let model = model();
    let a = model.port("vale0:a").unwrap();
    let monitor = model.port_with("vale0:a", 1, BOTH).unwrap();
    assert!(!is_ready(&monitor));
    drop(a);
    assert!(is_ready(&monitor));
    assert_eq!(monitor.receive().unwrap(), None);
    let again = model.port_with("vale0:a", 1, BOTH).unwrap_err();
    assert_eq!(
        again.raw_os_error(),
        Some(libc::EINVAL),
        "nobody is there to monitor"
    );
}
