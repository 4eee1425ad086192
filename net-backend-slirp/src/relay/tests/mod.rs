mod ends;

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::stream::CAPACITY;
use super::*;
use crate::surroundings::{self, or_skip};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A relay and what drives it.
struct Driven {
    relay: Relay,
    poller: Arc<Poller>,
    ready: Vec<Ready>,
    place: TempDir,
}

impl Driven {
    fn new(targets: &[SocketAddr]) -> Self {
        let poller = Arc::new(Poller::new().unwrap());
        let place = surroundings::directory().unwrap();
        let relay = Relay::within(
            Directory::under(place.path()).unwrap(),
            targets.iter().copied().map(Into::into).collect(),
            Arc::clone(&poller),
        )
        .unwrap();
        let ready = Vec::new();
        Self {
            relay,
            poller,
            ready,
            place,
        }
    }

    /// What libslirp does when the guest connects.
    fn connect(&self) -> UnixStream {
        let guest = UnixStream::connect(self.relay.path()).unwrap();
        guest.set_read_timeout(Some(PATIENCE)).unwrap();
        guest.set_write_timeout(Some(PATIENCE)).unwrap();
        guest
    }

    /// One turn; how many descriptors were ready.
    fn turn(&mut self, timeout: Duration) -> usize {
        self.poller.wait(&mut self.ready, Some(timeout)).unwrap();
        self.relay.turn(&self.ready);
        self.ready.len()
    }

    fn until(&mut self, condition: impl Fn(&Relay) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition(&self.relay) {
            assert!(Instant::now() < deadline, "waited for too long");
            self.turn(Duration::from_millis(5));
        }
    }

    /// Takes turns until `work`, in a thread of its own, is done.
    fn during<T: Send + 'static>(&mut self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let worker = spawn(work);
        self.until(|_| worker.is_finished());
        worker.join().unwrap()
    }

    /// Takes turns until nothing happens for a while; how many turns found something.
    fn settle(&mut self) -> usize {
        let found = |turns: &usize| {
            assert!(*turns < 100_000, "busy without doing anything");
            self.turn(Duration::from_millis(50)) > 0
        };
        (0_usize..).take_while(found).count()
    }
}

/// Whether there is what each test here needs.
fn is_possible() -> bool {
    let needed = surroundings::loopback().and_then(|()| surroundings::directory());
    or_skip(needed).is_some()
}

/// A service that does `serve` with each of its connections.
fn service(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    spawn(move || {
        for stream in listener.incoming() {
            // It was reset before it was accepted, which only FreeBSD tells.
            let kind = stream.as_ref().err().map(io::Error::kind);
            if kind == Some(ErrorKind::ConnectionAborted) {
                continue;
            }
            let serve = serve.clone();
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            spawn(move || serve(stream));
        }
    });
    address
}

/// A service that takes one connection and hands it over.
fn one_connection() -> (SocketAddr, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    });
    (address, accepted)
}

/// Gives back what it gets, and its end.
fn echo(mut stream: TcpStream) {
    let mut reader = stream.try_clone().unwrap();
    io::copy(&mut reader, &mut stream).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Events of all descriptors, mostly untrue.
fn everything() -> Vec<Ready> {
    let all = |descriptor| Ready {
        descriptor,
        events: Events::all(),
    };
    (-1..1024).map(all).collect()
}

/// Bytes that repeat at no length that buffers have, and differ by `seed`.
fn pattern(length: usize, seed: usize) -> Vec<u8> {
    let block = (0..65_521).map(|at| (at * 31 + at / 251 + seed) % 251);
    let block: Vec<u8> = block.map(|byte| u8::try_from(byte).unwrap()).collect();
    let mut bytes = block.repeat(length.div_ceil(block.len()));
    bytes.truncate(length);
    bytes
}

/// Sends `data` and its end, while reading what comes until that ends.
fn exchange(guest: UnixStream, data: Vec<u8>) -> Vec<u8> {
    let mut writer = guest.try_clone().unwrap();
    let sender = spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    { guest }.read_to_end(&mut received).unwrap();
    sender.join().unwrap();
    received
}

/// Reads to the end or the reset; what came, and whether it was a reset.
fn drain(mut stream: impl Read) -> (Vec<u8>, bool) {
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (received, false),
            Ok(length) => received.extend(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (received, true),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_megabyte_each_way_arrives_as_it_was() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[service(echo)]);
    let guest = driven.connect();
    let data = pattern(1 << 20, 0);
    let sent = data.clone();
    assert!(driven.during(|| exchange(guest, sent)) == data);
    driven.until(|relay| relay.connections() == 0);
    assert_eq!(driven.relay.means.scratch.capacity(), 0);
}

#[test]
fn a_hundred_connections_at_once() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[service(echo)]);
    let guests: Vec<UnixStream> = (0..100).map(|_| driven.connect()).collect();
    driven.until(|relay| relay.connections() == 100);
    let echoed = driven.during(|| {
        let exchanges: Vec<_> = guests
            .into_iter()
            .zip(0..)
            .map(|(guest, seed)| spawn(move || exchange(guest, pattern(20_000, seed))))
            .collect();
        let echoed = exchanges.into_iter().map(|exchange| exchange.join());
        echoed.map(Result::unwrap).collect::<Vec<_>>()
    });
    for (echoed, seed) in echoed.into_iter().zip(0..) {
        assert!(echoed == pattern(20_000, seed), "connection {seed}");
    }
    driven.until(|relay| relay.connections() == 0);
    assert!(driven.relay.guests.is_empty());
}

#[test]
fn a_slow_target_slows_the_guest_down() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let mut guest = driven.connect();
    let target = driven.during(|| accepted.join().unwrap());
    guest.set_nonblocking(true).unwrap();
    let data = pattern(64 << 20, 4);
    let mut sent = 0;
    loop {
        match guest.write(&data[sent..]) {
            Ok(length) => sent += length,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                if driven.settle() == 0 {
                    break;
                }
            }
        }
        assert!(sent < data.len(), "nothing holds the guest back");
        let memory = |connection: &Connection| connection.memory();
        let held: usize = driven.relay.connections.values().map(memory).sum();
        assert!(held <= CAPACITY, "{held} bytes");
    }
    guest.set_nonblocking(false).unwrap();
    let received = driven.during(move || {
        guest.shutdown(Shutdown::Write).unwrap();
        drain(target).0
    });
    assert!(received == data[..sent]);
}

#[test]
fn a_slow_guest_gets_everything_although_the_target_is_gone() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let guest = driven.connect();
    let mut target = driven.during(|| accepted.join().unwrap());
    let sender = spawn(move || target.write_all(&pattern(8 << 20, 5)));
    // As much as fits on the way; the relay rests although there is more.
    driven.settle();
    assert_eq!(driven.settle(), 0);
    let received = driven.during(|| {
        guest.shutdown(Shutdown::Write).unwrap();
        drain(guest)
    });
    assert!(received == (pattern(8 << 20, 5), false));
    sender.join().unwrap().unwrap();
    driven.until(|relay| relay.connections() == 0);
}

#[test]
fn what_is_over_the_limit_is_closed_at_once() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[service(echo)]);
    driven.relay.limit = 2;
    let mut guests: Vec<_> = (0..3).map(|_| driven.connect()).collect();
    let last = guests.pop().unwrap();
    assert_eq!(driven.during(|| drain(last)), (Vec::new(), false));
    assert_eq!(driven.relay.connections(), 2);
    drop(guests);
    driven.until(|relay| relay.connections() == 0);
    let guest = driven.connect();
    assert_eq!(driven.during(|| exchange(guest, vec![7])), [7]);
}

#[test]
fn a_listener_that_had_to_wait_is_looked_at_in_every_turn() {
    if !is_possible() {
        return;
    }
    let mut driven = Driven::new(&[service(echo)]);
    driven.relay.watch(false);
    let guest = driven.connect();
    assert_eq!(driven.turn(Duration::from_millis(50)), 0);
    assert!(driven.relay.is_watched);
    assert_eq!(driven.during(|| exchange(guest, vec![7])), [7]);
}

#[test]
fn stale_and_foreign_events_do_no_harm() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let guest = driven.connect();
    driven.relay.accept();
    assert_eq!(driven.relay.connections(), 1);
    driven.relay.turn(&everything());
    let target = driven.during(|| accepted.join().unwrap());
    driven.settle();
    driven.relay.turn(&everything());
    assert_eq!(driven.relay.connections(), 1);
    spawn(move || echo(target));
    assert!(driven.during(|| exchange(guest, pattern(9000, 6))) == pattern(9000, 6));
}

#[test]
fn drop_leaves_nothing() {
    if !is_possible() {
        return;
    }
    let (address, accepted) = one_connection();
    let mut driven = Driven::new(&[address]);
    let guest = driven.connect();
    let target = driven.during(|| accepted.join().unwrap());
    driven.settle();
    let Driven {
        relay,
        poller,
        mut ready,
        place,
    } = driven;
    let directory = relay.path().parent().unwrap().to_owned();
    let socket = place.path().join("socket");
    std::fs::hard_link(relay.path(), &socket).unwrap();
    let waiting = UnixStream::connect(&socket).unwrap();
    drop(relay);
    assert!(!directory.exists());
    // Somebody who still listened would let this one in.
    let refused = UnixStream::connect(&socket).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(drain(guest), (Vec::new(), false));
    assert_eq!(drain(target), (Vec::new(), true));
    // Nobody accepted it: an end, a reset or a broken pipe (FreeBSD), but it does end.
    let _ended = { waiting }.read_to_end(&mut Vec::new());
    poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
    assert_eq!(ready, []);
}
