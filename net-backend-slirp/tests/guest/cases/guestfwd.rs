//! Addresses of the guest's network that something on the host answers.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use net_backend_core::DropReason;
use tempfile::TempDir;

use super::hostfwd::LOCALHOST;
use super::tcp::through_gateway;
use crate::guest::Guest;
use crate::handshake::{Begun, syn};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{Job, accept, echo, pattern, read_to_end, same, serve};
use crate::machine::ShortQueues;
use crate::packets::{GATEWAY, GUEST, arp};
use crate::wire::{PATIENCE, Wire};

pub(super) const CASES: &[Case] = &[
    Case::new("guestfwd/a-command-answers-each-connection", command),
    Case::new("guestfwd/a-command-has-arguments", arguments),
    Case::new("guestfwd/a-tcp-server-answers", tcp_server),
    Case::new("guestfwd/a-unix-server-answers", unix_server),
    Case::new("guestfwd/connections-do-not-wait-for-each-other", at_once),
    Case::new("guestfwd/a-server-that-is-away-ends-the-connection", away),
    Case::new("guestfwd/it-is-there-for-a-restricted-guest", restricted),
    Case::new(
        "guestfwd/handshakes-that-end-at-once-do-not-wait-for-a-tcp-server",
        tcp_burst,
    )
    .alone(),
    Case::new(
        "guestfwd/handshakes-that-end-at-once-do-not-wait-for-a-unix-server",
        unix_burst,
    )
    .alone(),
    Case::new(
        "guestfwd/connections-that-only-begin-are-bounded",
        only_begun,
    ),
];

/// What the guest connects to.
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 2, 100)), 1234);

fn guest(mode: Mode, target: &str) -> Outcome<Guest> {
    Guest::open(mode, &format!("slirp:?guestfwd=tcp:{SERVER}-{target}"))
}

fn ask(guest: &mut Guest, question: &[u8]) -> Outcome<Vec<u8>> {
    let socket = guest.connect(SERVER)?;
    let answer = guest.ask(socket, question)?;
    guest.remove(socket);
    Ok(answer)
}

fn command(mode: Mode) -> Outcome {
    let mut guest = guest(mode, "cmd:cat")?;
    for length in [1, 1000, 200_000] {
        let question = pattern(11, length);
        same("what cat says", &ask(&mut guest, &question)?, &question)?;
    }
    Ok(())
}

fn arguments(mode: Mode) -> Outcome {
    let mut guest = guest(mode, "cmd:echo%20'two%20words'%20and%20more")?;
    let answer = ask(&mut guest, b"")?;
    same("what echo says", &answer, b"two words and more\n")
}

fn tcp_server(mode: Mode) -> Outcome {
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let mut guest = guest(mode, &format!("tcp:{}", listener.local_addr()?))?;
    for length in [1, 300_000] {
        let question = pattern(12, length);
        let server = listener.try_clone()?;
        let job = Job::start(move || echo(accept(&server)?))?;
        let socket = guest.connect(SERVER)?;
        let answer = guest.ask(socket, &question)?;
        let count = guest.during(job)?;
        ensure!(count == length, "{count} of {length} bytes");
        same("the echo", &answer, &question)?;
    }
    Ok(())
}

fn unix_server(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("server.sock");
    let listener = UnixListener::bind(&path)?;
    let mut guest = guest(mode, &format!("unix:{}", path.display()))?;
    let question = pattern(13, 100_000);
    let job = Job::start(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let question = read_to_end(&mut stream)?;
        stream.write_all(b"understood")?;
        Ok(question)
    })?;
    let socket = guest.connect(SERVER)?;
    let mut talk = crate::talk::Talk::says(socket, &question);
    let (got, ()) = guest.both("an answer", job, |guest| talk.step(guest).then_some(()))?;
    same("the question", &got, &question)?;
    same("the answer", &talk.incoming, b"understood")
}

fn at_once(mode: Mode) -> Outcome {
    let mut guest = guest(mode, "cmd:cat")?;
    let sockets: Vec<_> = (0..5)
        .map(|_| guest.connect(SERVER))
        .collect::<Result<_, _>>()?;
    for (number, socket) in (0..).zip(sockets.iter().rev()) {
        let answer = guest.exchange(*socket, &[number; 10], 10)?;
        same("what cat says", &answer, &[number; 10])?;
    }
    Ok(())
}

fn away(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("nobody.sock");
    let closed = TcpListener::bind((LOCALHOST, 0))?.local_addr()?;
    for target in [format!("unix:{}", path.display()), format!("tcp:{closed}")] {
        let mut guest = guest(mode, &target)?;
        let socket = guest.begin(SERVER)?;
        guest.until("the end of a connection to nobody", |guest| {
            guest.settled(socket)?;
            guest.is_finished(socket).then_some(())
        })?;
    }
    Ok(())
}

fn restricted(mode: Mode) -> Outcome {
    let mut guest = Guest::open(
        mode,
        &format!("slirp:?restrict=on&guestfwd=tcp:{SERVER}-cmd:cat"),
    )?;
    same(
        "what cat says",
        &ask(&mut guest, b"let me out")?,
        b"let me out",
    )
}

/// Connections that may wait at a listener of libslirp's or of the backend.
const WAITING: usize = 8;
/// Handshakes that end at the same time.
const BURST: u16 = 100;

fn tcp_burst(mode: Mode) -> Outcome {
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let target = format!("tcp:{}", listener.local_addr()?);
    burst(mode, &target, move || Ok(listener.accept()?.0))
}

fn unix_burst(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("server.sock");
    let listener = UnixListener::bind(&path)?;
    let target = format!("unix:{}", path.display());
    burst(mode, &target, move || Ok(listener.accept()?.0))
}

/// libslirp connects, and waits for that, when a handshake ends: with all that went before nobody must be waited for.
fn burst<S: Write + Send + 'static>(
    mode: Mode,
    target: &str,
    accept: impl Fn() -> Outcome<S> + Send + 'static,
) -> Outcome {
    let _short = ShortQueues::new(WAITING)?;
    let mut wire = Wire::open(mode, &format!("slirp:?guestfwd=tcp:{SERVER}-{target}"))?;
    wire.send(&arp(GUEST))?;
    let job = Job::start(move || {
        let greeted = (0..=BURST).map(|_| {
            let mut stream = accept()?;
            stream.write_all(b"welcome")?;
            Ok(stream)
        });
        greeted.collect::<Outcome<Vec<S>>>()
    })?;
    let begun = begin(&mut wire, 2000..2000 + BURST)?;
    for connection in &begun {
        wire.queue(&Default::default(), &connection.acknowledge())?;
    }
    while !wire.flush()? {
        wire.wait(Duration::from_millis(1))?;
    }
    expect_welcome(&mut wire, begun)?;
    let later = begin(&mut wire, 1999..2000)?;
    for connection in &later {
        wire.send(&connection.acknowledge())?;
    }
    expect_welcome(&mut wire, later)?;
    job.join().map(drop)
}

/// Begins connections from these ports; none of them is complete.
fn begin(wire: &mut Wire, ports: Range<u16>) -> Outcome<Vec<Begun>> {
    for port in ports.clone() {
        wire.send(&syn(SocketAddr::new(GUEST.into(), port), SERVER, &[]))?;
    }
    let mut begun = BTreeMap::new();
    wire.expect("an answer to each SYN", |arrived| {
        let one = Begun::of(arrived)?;
        begun.insert(one.guest.port(), one);
        (begun.len() == ports.len()).then_some(())
    })?;
    Ok(begun.into_values().collect())
}

fn expect_welcome(wire: &mut Wire, mut silent: Vec<Begun>) -> Outcome {
    wire.expect("a welcome to each", |arrived| {
        silent.retain_mut(|one| one.take(arrived).is_none_or(|it| it != b"welcome"));
        silent.is_empty().then_some(())
    })
}

/// Nothing of the host stands behind such a connection, so that descriptors do not bound them.
fn only_begun(mode: Mode) -> Outcome {
    const COUNT: u16 = 5000;
    let mut wire = Wire::open(mode, &format!("slirp:?guestfwd=tcp:{SERVER}-cmd:cat"))?;
    wire.send(&arp(GUEST))?;
    for port in (1024..).take(COUNT.into()) {
        let guest = SocketAddr::new(GUEST.into(), port);
        let _refused = wire.offer(&Default::default(), &syn(guest, SERVER, &[]))?;
        while wire.now()?.is_some() {}
    }
    let refused = wire.sent().dropped(DropReason::Policy);
    ensure!(
        refused > u64::from(COUNT) / 2 && refused < u64::from(COUNT),
        "{refused} of {COUNT} are refused"
    );
    wire.send(&arp(GATEWAY))?;
    wire.expect("an answer of ARP", |arrived| {
        // RFC 826: the EtherType, the operation, and the sender's address.
        let is_reply = arrived.bytes.get(12..14)? == [8, 6] && arrived.bytes.get(20..22)? == [0, 2];
        (is_reply && arrived.bytes.get(28..32)? == GATEWAY.octets()).then_some(())
    })?;
    let (server, job) = serve(LOCALHOST, |_| Ok(()))?;
    let server = through_gateway(server);
    let guest = SocketAddr::new(GUEST.into(), 1023);
    wire.send(&syn(guest, server, &[]))?;
    wire.expect("an answer of somebody else", |arrived| {
        let begun = Begun::of(arrived)?;
        ((begun.guest, begun.server) == (guest, server)).then_some(())
    })?;
    job.join()
}
