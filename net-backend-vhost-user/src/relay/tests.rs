use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use super::*;

fn message(request: u32, flags: u32, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len()).unwrap();
    let header = [request, flags, length].map(u32::to_le_bytes).concat();
    [&header, rest].concat()
}

fn start(near: UnixStream, far: UnixStream) -> thread::JoinHandle<io::Result<()>> {
    thread::spawn(move || relay(&near, &far, &Stop::new()?, drop))
}

fn read(mut from: &UnixStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn rings_are_not_enabled_before_features_are_set() {
    let (mut frontend, near) = UnixStream::pair().unwrap();
    let (far, daemon) = UnixStream::pair().unwrap();
    let relaying = start(near, far);
    let enable = |flags| message(SET_VRING_ENABLE, flags, &[0, 0, 0, 0, 1, 0, 0, 0]);
    frontend.write_all(&enable(VERSION | NEED_REPLY)).unwrap();
    let answer = message(SET_VRING_ENABLE, VERSION | REPLY, &[0; 8]);
    assert_eq!(read(&frontend, answer.len()), answer);
    let features = message(SET_FEATURES, VERSION, &[1; 8]);
    frontend.write_all(&enable(VERSION)).unwrap();
    frontend.write_all(&features).unwrap();
    frontend.write_all(&enable(VERSION | NEED_REPLY)).unwrap();
    let expected = [features, enable(VERSION), enable(VERSION | NEED_REPLY)];
    let expected = expected.concat();
    assert_eq!(read(&daemon, expected.len()), expected);
    drop(frontend);
    relaying.join().unwrap().unwrap();
}

#[test]
fn descriptors_come_with_their_message() {
    let (frontend, near) = UnixStream::pair().unwrap();
    let (far, daemon) = UnixStream::pair().unwrap();
    let relaying = start(near, far);
    let (mut kept, given) = UnixStream::pair().unwrap();
    let sent = message(5, VERSION, &[7; 100]);
    let stop = Stop::new().unwrap();
    End(&frontend, &stop).send(&sent, &[given.as_fd()]).unwrap();
    drop(given);
    let arrived = Message::receive(End(&daemon, &stop)).unwrap().unwrap();
    assert_eq!((arrived.rest, arrived.descriptors.len()), (vec![7; 100], 1));
    kept.write_all(b"x").unwrap();
    let descriptor = arrived.descriptors.into_iter().next().unwrap();
    assert_eq!(read(&UnixStream::from(descriptor), 1), b"x");
    drop(daemon);
    relaying.join().unwrap().unwrap();
}

#[test]
fn what_is_no_message_ends_it() {
    let (mut frontend, near) = UnixStream::pair().unwrap();
    let (far, _daemon) = UnixStream::pair().unwrap();
    let relaying = start(near, far);
    let header = [1, VERSION, u32::MAX].map(u32::to_le_bytes).concat();
    frontend.write_all(&header).unwrap();
    let error = relaying.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("4294967295 bytes"), "{error}");
}

#[test]
fn what_is_cut_off_is_told() {
    let (mut frontend, near) = UnixStream::pair().unwrap();
    let (far, _daemon) = UnixStream::pair().unwrap();
    let relaying = start(near, far);
    let sent = message(5, VERSION, &[7; 100]);
    frontend.write_all(&sent[..60]).unwrap();
    drop(frontend);
    let error = relaying.join().unwrap().unwrap_err();
    assert!(error.to_string().contains("cut off"), "{error}");
}

#[test]
fn it_ends_when_told_even_within_a_message() {
    for length in [0, 5, 60] {
        let (mut frontend, near) = UnixStream::pair().unwrap();
        let (far, _daemon) = UnixStream::pair().unwrap();
        let stop = Stop::new().unwrap();
        let told = stop.clone();
        let relaying = thread::spawn(move || relay(&near, &far, &told, drop));
        let sent = message(5, VERSION, &[7; 100]);
        frontend.write_all(&sent[..length]).unwrap();
        stop.stop();
        relaying.join().unwrap().unwrap();
    }
}

#[test]
fn a_frontend_that_reads_nothing_holds_nobody_up() {
    let (_frontend, near) = UnixStream::pair().unwrap();
    let (far, mut daemon) = UnixStream::pair().unwrap();
    let stop = Stop::new().unwrap();
    let told = stop.clone();
    let relaying = thread::spawn(move || relay(&near, &far, &told, drop));
    daemon.set_nonblocking(true).unwrap();
    let sent = message(1, VERSION | REPLY, &[7; 4000]);
    // Until all is full, and stays so; what is cut off then does not matter.
    let mut refused = 0;
    while refused < 100 {
        if daemon.write(&sent).is_ok_and(|length| length > 0) {
            refused = 0;
        } else {
            refused += 1;
            thread::sleep(Duration::from_millis(1));
        }
    }
    stop.stop();
    relaying.join().unwrap().unwrap();
}
