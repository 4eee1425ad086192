//! Ends of data, resets, and targets that cannot be reached.

use rustix::net::sockopt::set_socket_linger;

use super::*;

#[test]
fn the_end_of_the_guests_data_leaves_the_answer_its_way() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[service(|mut stream| {
        let mut request = Vec::new();
        stream.read_to_end(&mut request).unwrap();
        stream.write_all(&request).unwrap();
    })]);
    let guest = driven.connect();
    let answer = driven.during(|| exchange(guest, pattern(300_000, 1)));
    assert!(answer == pattern(300_000, 1));
}

#[test]
fn the_end_of_the_targets_data_leaves_the_guests_its_way() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let mut guest = driven.connect();
    let received = driven.during(move || {
        let mut target = accepted.join().unwrap();
        target.write_all(b"bye").unwrap();
        target.shutdown(Shutdown::Write).unwrap();
        let mut farewell = Vec::new();
        guest.read_to_end(&mut farewell).unwrap();
        assert_eq!(farewell, b"bye");
        // More than all buffers on the way hold (FreeBSD).
        let received = spawn(move || drain(target));
        guest.write_all(&pattern(300_000, 2)).unwrap();
        drop(guest);
        received.join().unwrap()
    });
    assert!(received == (pattern(300_000, 2), false));
    driven.until(|relay| relay.connections() == 0);
}

#[test]
fn a_target_that_refuses_ends_the_connection() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[nobody(), nobody()]);
    let (silent, mut talking) = (driven.connect(), driven.connect());
    talking.write_all(b"hello").unwrap();
    let (silent, talking) = driven.during(|| (drain(silent), drain(talking)));
    assert_eq!((silent.0.len(), talking.0.len()), (0, 0));
    if std::env::consts::OS == "linux" {
        assert!(talking.1, "the unread data makes it a reset");
    }
    driven.until(|relay| relay.connections() == 0);
    assert!(driven.relay.guests.is_empty());
}

#[test]
fn without_targets_connections_end() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[]);
    let guest = driven.connect();
    assert_eq!(driven.during(|| drain(guest)), (Vec::new(), false));
}

#[test]
fn the_next_address_is_tried() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[nobody(), "[::1]:1".parse().unwrap(), service(echo)]);
    let guest = driven.connect();
    assert!(driven.during(|| exchange(guest, pattern(5000, 3))) == pattern(5000, 3));
    driven.until(|relay| relay.connections() == 0);
    assert!(driven.relay.guests.is_empty());
}

#[test]
fn a_reset_by_the_target_ends_the_connection_after_its_data() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let mut guest = driven.connect();
    let mut target = driven.during(|| accepted.join().unwrap());
    target.write_all(b"last words").unwrap();
    guest.write_all(b"unheard").unwrap();
    driven.settle();
    set_socket_linger(&target, Some(Duration::ZERO)).unwrap();
    drop(target);
    assert_eq!(driven.during(|| drain(guest)).0, b"last words");
    driven.until(|relay| relay.connections() == 0);
}

#[test]
fn a_reset_by_the_guest_resets_the_target() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let mut guest = driven.connect();
    let target = driven.during(|| accepted.join().unwrap());
    guest.write_all(b"hello").unwrap();
    driven.settle();
    drop(guest);
    let (_, is_reset) = driven.during(|| drain(target));
    assert!(is_reset);
    driven.until(|relay| relay.connections() == 0);
}

#[test]
fn a_guest_that_leaves_while_the_target_is_silent_is_noticed() {
    if !is_possible() {
        return;
    }
    if std::env::consts::OS != "linux" {
        eprintln!("skipped: kqueue tells a hang-up only to who reads or writes");
        return;
    }
    // A listener with a full queue, which does not answer.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut driven = Driven::new(&[address]);
    let mut guests: Vec<_> = (0..4).map(|_| driven.connect()).collect();
    driven.settle();
    let waiting = |relay: &Relay| {
        let all = relay.connections.values();
        all.filter(|connection| connection.is_connecting()).count()
    };
    let silent = waiting(&driven.relay);
    assert_ne!(silent, 0);
    driven.relay.turn(&everything());
    assert_eq!(waiting(&driven.relay), silent);
    guests.clear();
    driven.until(|relay| relay.connections() == 0);
}

#[test]
fn a_reset_by_the_target_waits_for_a_slow_guest() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let guest = driven.connect();
    let mut target = driven.during(|| accepted.join().unwrap());
    target.set_nonblocking(true).unwrap();
    let data = pattern(64 << 20, 8);
    let mut sent = 0;
    while let Ok(length) = target.write(&data[sent..]) {
        sent += length;
        driven.settle();
    }
    set_socket_linger(&target, Some(Duration::ZERO)).unwrap();
    drop(target);
    driven.settle();
    assert_eq!(driven.relay.connections(), 1);
    let (received, _) = driven.during(|| drain(guest));
    assert!(!received.is_empty() && data[..sent].starts_with(&received));
    driven.until(|relay| relay.connections() == 0);
}

#[test]
fn a_guest_that_closes_after_both_ends_is_heard_by_a_slow_target() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let mut guest = driven.connect();
    let target = driven.during(|| accepted.join().unwrap());
    target.shutdown(Shutdown::Write).unwrap();
    driven.during({
        let guest = guest.try_clone().unwrap();
        || drain(guest)
    });
    guest.set_nonblocking(true).unwrap();
    let data = pattern(64 << 20, 9);
    let mut sent = 0;
    while let Ok(length) = guest.write(&data[sent..]) {
        sent += length;
        driven.settle();
    }
    drop(guest);
    driven.settle();
    assert_eq!(driven.relay.connections(), 1);
    let received = driven.during(|| drain(target));
    assert!(received == (data[..sent].to_vec(), false));
    driven.until(|relay| relay.connections() == 0);
}
