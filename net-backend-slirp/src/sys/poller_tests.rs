use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use net_backend_core::testing::Edge;
use net_backend_core::wake::Doorbell;
use net_backend_core::{BorrowedDescriptor, Interest, Source};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{EventBell, Events, Poller, READY_AT_ONCE, Ready};

const NOW: Option<Duration> = Some(Duration::ZERO);
const HOUR: Duration = Duration::from_secs(3600);

fn poller() -> Poller {
    Poller::new().expect("a poller")
}

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a pair of sockets")
}

fn ready(poller: &Poller) -> Vec<Ready> {
    let mut ready = Vec::new();
    assert!(!poller.wait(&mut ready, NOW).expect("a wait"));
    ready
}

fn expired(poller: &Poller, timeout: Option<Duration>) -> bool {
    let mut ready = Vec::new();
    let expired = poller.wait(&mut ready, timeout).expect("a wait");
    assert_eq!(ready, []);
    expired
}

fn is_readable(descriptor: BorrowedDescriptor<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    let now = Timespec::default();
    poll(&mut polled, Some(&now)).expect("a poll") == 1
}

fn one(socket: &impl AsRawFd, events: Events) -> [Ready; 1] {
    let descriptor = socket.as_raw_fd();
    [Ready { descriptor, events }]
}

#[test]
fn readiness_is_told_as_long_as_it_lasts() {
    let poller = poller();
    let (mut near, mut far) = pair();
    poller.add(near.as_raw_fd(), Events::IN).expect("added");
    assert_eq!(ready(&poller), []);
    assert!(!is_readable(poller.descriptor()));
    far.write_all(b"x").expect("written");
    for _ in 0..2 {
        assert!(is_readable(poller.descriptor()));
        assert_eq!(ready(&poller), one(&near, Events::IN));
    }
    near.read_exact(&mut [0]).expect("read");
    assert_eq!(ready(&poller), []);
    assert!(!is_readable(poller.descriptor()));
}

#[test]
fn both_directions_are_told_at_once() {
    let poller = poller();
    let (near, mut far) = pair();
    far.write_all(b"x").expect("written");
    let both = Events::IN | Events::OUT;
    poller.add(near.as_raw_fd(), both).expect("added");
    assert_eq!(ready(&poller), one(&near, both));
}

#[test]
fn what_is_waited_for_changes() {
    let poller = poller();
    let (near, mut far) = pair();
    far.write_all(b"x").expect("written");
    let number = near.as_raw_fd();
    poller.add(number, Events::OUT).expect("added");
    assert_eq!(ready(&poller), one(&near, Events::OUT));
    poller.modify(number, Events::IN).expect("changed");
    assert_eq!(ready(&poller), one(&near, Events::IN));
    // Added again, and changed without being there.
    poller.add(number, Events::OUT).expect("changed");
    assert_eq!(ready(&poller), one(&near, Events::OUT));
    poller.modify(number, Events::empty()).expect("changed");
    assert_eq!(ready(&poller), []);
    poller.remove(number);
    poller.remove(number);
    poller.modify(number, Events::IN).expect("added");
    assert_eq!(ready(&poller), one(&near, Events::IN));
    poller.remove(number);
    assert_eq!(ready(&poller), []);
}

#[test]
fn what_is_not_open_is_an_error() {
    let poller = poller();
    for number in [-1, RawFd::MIN, RawFd::MAX] {
        assert!(poller.add(number, Events::IN).is_err());
        assert!(poller.modify(number, Events::IN).is_err());
        poller.remove(number);
    }
}

#[test]
fn the_end_of_a_stream_is_a_hang_up() {
    let poller = poller();
    let (near, far) = pair();
    poller.add(near.as_raw_fd(), Events::IN).expect("added");
    drop(far);
    let ready = ready(&poller);
    assert_eq!(ready.len(), 1);
    assert!(ready[0].events.contains(Events::IN | Events::HANG_UP));
}

/// A socket that was closed leaves by itself, and another with its number is added like any other.
#[test]
fn a_number_is_used_again() {
    let poller = poller();
    let (first, mut first_far) = pair();
    let (second, mut second_far) = pair();
    let mut descriptor = OwnedFd::from(first);
    let number = descriptor.as_raw_fd();
    poller.add(number, Events::IN).expect("added");
    first_far.write_all(b"x").expect("written");
    assert_eq!(ready(&poller), one(&descriptor, Events::IN));
    second_far.write_all(b"x").expect("written");
    rustix::io::dup2(&second, &mut descriptor).expect("the number of the first");
    // Epoll goes by the socket, which lives as long as any number of it.
    drop(second);
    assert_eq!(ready(&poller), []);
    poller.modify(number, Events::IN).expect("added");
    assert_eq!(ready(&poller), one(&descriptor, Events::IN));
    let (third, _third_far) = pair();
    rustix::io::dup2(&third, &mut descriptor).expect("the same number");
    drop(third);
    poller.add(number, Events::OUT).expect("added");
    assert_eq!(ready(&poller), one(&descriptor, Events::OUT));
}

/// More than one wait can tell, and nobody is left out.
#[test]
fn many_are_told_in_turns() {
    let poller = poller();
    let (near, mut far) = pair();
    let copies = (0..READY_AT_ONCE + 50).map(|_| near.try_clone().expect("another number"));
    let copies: Vec<UnixStream> = copies.collect();
    for copy in &copies {
        poller.add(copy.as_raw_fd(), Events::IN).expect("added");
    }
    far.write_all(b"x").expect("written");
    let mut seen: Vec<RawFd> = Vec::new();
    for _ in 0..2 {
        let ready = ready(&poller);
        assert_eq!(ready.len(), READY_AT_ONCE);
        seen.extend(ready.iter().map(|it| it.descriptor));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), copies.len());
}

#[test]
fn a_deadline_is_told_once() {
    let poller = poller();
    assert!(!expired(&poller, NOW));
    let deadline = Instant::now() + Duration::from_millis(20);
    poller.set_deadline(Some(deadline)).expect("set");
    assert!(expired(&poller, None));
    assert!(Instant::now() >= deadline);
    assert!(!expired(&poller, NOW));
    assert!(!is_readable(poller.descriptor()));
}

#[test]
fn a_deadline_that_has_passed_is_told_soon() {
    let poller = poller();
    let past = Instant::now();
    thread::sleep(Duration::from_millis(1));
    poller.set_deadline(Some(past)).expect("set");
    assert!(expired(&poller, Some(HOUR)));
}

#[test]
fn a_deadline_makes_the_poller_readable_until_it_is_told() {
    let poller = poller();
    poller.set_deadline(Some(Instant::now())).expect("set");
    let mut polled = [PollFd::from_borrowed_fd(poller.descriptor(), PollFlags::IN)];
    poll(&mut polled, None).expect("a poll");
    assert!(is_readable(poller.descriptor()));
    assert!(expired(&poller, None));
    assert!(!is_readable(poller.descriptor()));
}

#[test]
fn a_deadline_can_be_moved_and_dropped() {
    let poller = poller();
    let soon = || Instant::now() + Duration::from_millis(5);
    let moment = Some(Duration::from_millis(50));
    poller.set_deadline(Some(soon())).expect("set");
    poller.set_deadline(Some(soon() + HOUR)).expect("later");
    assert!(!expired(&poller, moment));
    poller.set_deadline(Some(soon())).expect("earlier");
    assert!(expired(&poller, None));
    for next in [None, Some(soon() + HOUR)] {
        poller.set_deadline(Some(soon())).expect("set");
        while !is_readable(poller.descriptor()) {
            thread::yield_now();
        }
        // It has passed, and nobody was told.
        poller.set_deadline(next).expect("another");
        assert!(!expired(&poller, NOW));
    }
    poller.set_deadline(None).expect("none already");
    // Round numbers of seconds, and more than any timer can hold.
    for far in [1, 60, u64::from(u32::MAX)] {
        let deadline = Instant::now() + Duration::from_secs(far);
        poller.set_deadline(Some(deadline)).expect("set");
        assert!(!expired(&poller, NOW));
    }
}

#[test]
fn a_deadline_and_a_socket_come_together() {
    let poller = poller();
    let (near, mut far) = pair();
    far.write_all(b"x").expect("written");
    let deadline = Instant::now();
    poller.set_deadline(Some(deadline)).expect("set");
    while !is_readable(poller.descriptor()) {
        thread::yield_now();
    }
    poller.add(near.as_raw_fd(), Events::IN).expect("added");
    let mut ready = vec![one(&far, Events::OUT)[0]];
    assert!(poller.wait(&mut ready, NOW).expect("a wait"));
    assert_eq!(ready, one(&near, Events::IN));
}

/// A VMM that drives everything from one loop has the poller in a set of its own. A kqueue tells another one a moment
/// later, and notices what is no longer ready when it is asked.
#[test]
fn within_another_set() {
    let (inner, outer) = (poller(), poller());
    let (mut near, mut far) = pair();
    let number = inner.descriptor().as_raw_fd();
    outer.add(number, Events::IN).expect("nested");
    inner.add(near.as_raw_fd(), Events::IN).expect("added");
    assert_eq!(ready(&outer), []);
    far.write_all(b"x").expect("written");
    let mut found = Vec::new();
    for _ in 0..2 {
        assert!(!outer.wait(&mut found, Some(HOUR)).expect("a wait"));
        assert_eq!(found, one(&number, Events::IN));
        assert_eq!(ready(&inner), one(&near, Events::IN));
    }
    near.read_exact(&mut [0]).expect("read");
    assert_eq!(ready(&inner), []);
    assert_eq!(ready(&outer), []);
    inner.set_deadline(Some(Instant::now())).expect("set");
    assert!(!outer.wait(&mut found, None).expect("a wait"));
    assert_eq!(found, one(&number, Events::IN));
    assert!(expired(&inner, NOW));
    assert_eq!(ready(&outer), []);
}

#[test]
fn within_an_edge_triggered_set() {
    let inner = poller();
    let outer = Edge::new(Source {
        descriptor: inner.descriptor(),
        interest: Interest::Readable,
    });
    let outer = outer.expect("nested");
    let edge = |timeout| outer.wait(timeout).expect("a wait");
    let (first, mut first_far) = pair();
    let (second, mut second_far) = pair();
    for socket in [&first, &second] {
        inner.add(socket.as_raw_fd(), Events::IN).expect("added");
    }
    assert!(!edge(Duration::ZERO));
    first_far.write_all(b"x").expect("written");
    assert!(edge(HOUR) && !edge(Duration::ZERO));
    // The first is still ready; the second is an edge of its own.
    second_far.write_all(b"x").expect("written");
    assert!(edge(HOUR) && !edge(Duration::ZERO));
    assert_eq!(ready(&inner).len(), 2);
    inner.set_deadline(Some(Instant::now())).expect("set");
    let mut ready = Vec::new();
    while !inner.wait(&mut ready, NOW).expect("a wait") {}
    assert!(edge(HOUR));
}

/// As after a reset: what was sent before, then the error, and nothing but that again and again.
#[test]
fn both_ends_of_a_connection_are_a_hang_up() {
    let poller = poller();
    let (near, far) = pair();
    let both = Events::IN | Events::OUT;
    poller.add(near.as_raw_fd(), both).expect("added");
    drop(far);
    for _ in 0..2 {
        let ready = ready(&poller);
        assert_eq!(ready.len(), 1);
        assert!(ready[0].events.contains(both | Events::HANG_UP));
    }
}

#[test]
fn another_thread_adds_while_one_waits() {
    let poller = poller();
    let (near, mut far) = pair();
    let (waits, waiting) = mpsc::channel();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            waits.send(()).expect("somebody listens");
            let mut ready = Vec::new();
            let expired = poller.wait(&mut ready, None).expect("a wait");
            (expired, ready)
        });
        waiting.recv().expect("somebody waits");
        thread::sleep(Duration::from_millis(20));
        far.write_all(b"x").expect("written");
        poller.add(near.as_raw_fd(), Events::IN).expect("added");
        let (expired, ready) = waiter.join().expect("no panic");
        assert!(!expired);
        assert_eq!(ready, one(&near, Events::IN));
    });
    poller.remove(near.as_raw_fd());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| expired(&poller, None));
        thread::sleep(Duration::from_millis(20));
        poller.set_deadline(Some(Instant::now())).expect("set");
        assert!(waiter.join().expect("no panic"));
    });
}

#[test]
fn all_descriptors_are_named_and_close_on_exec() {
    let poller = poller();
    let bell = EventBell::new().expect("a bell");
    let mut numbers = Vec::new();
    for descriptor in poller.descriptors().chain(bell.descriptors()) {
        let flags = rustix::io::fcntl_getfd(descriptor).expect("open");
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        numbers.push(descriptor.as_raw_fd());
    }
    for descriptor in [poller.descriptor(), bell.descriptor()] {
        assert!(numbers.contains(&descriptor.as_fd().as_raw_fd()));
    }
}

#[test]
fn a_bell_counts_its_rings() {
    let bell = EventBell::new().expect("a bell");
    assert_eq!(bell.silence(), 0);
    assert!(!is_readable(bell.descriptor()));
    for _ in 0..3 {
        bell.ring();
    }
    assert!(is_readable(bell.descriptor()));
    assert_eq!(bell.silence(), 3);
    assert!(!is_readable(bell.descriptor()));
    assert_eq!(bell.silence(), 0);
}
