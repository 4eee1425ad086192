//! TCP out of the guest: bytes arrive as they were sent, ends arrive as ends, refusals as refusals.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use smoltcp::socket::tcp;

use crate::guest::{Guest, Setup};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{accept, echo, pattern, read_to_end, same, serve};
use crate::machine;
use crate::packets::GATEWAY;
use crate::talk::Talk;
use net_backend_core::{Activation, HeaderLength};

pub(super) const CASES: &[Case] = &[
    Case::new("tcp/megabytes-go-out", uploads),
    Case::new("tcp/megabytes-come-in", downloads),
    Case::new("tcp/megabytes-pass-both-ways-at-once", both_ways),
    Case::new("tcp/behind-a-header-of-any-length", with_headers),
    Case::new("tcp/the-guest-finishes-first", guest_finishes),
    Case::new("tcp/the-host-finishes-first", host_finishes),
    Case::new("tcp/a-closed-port-refuses", closed_port),
    Case::new("tcp/a-reset-by-the-host-arrives", host_resets),
    Case::new("tcp/a-reset-by-the-guest-arrives", guest_resets),
    Case::new("tcp/a-slow-reader-loses-nothing", slow_reader),
    Case::new("tcp/an-answer-from-idle-needs-no-timer", from_idle),
    Case::new("tcp/an-address-outside-is-reached", outside),
    Case::new("tcp/another-network-works-as-well", other_network),
];

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const MEGABYTES: usize = 4 << 20;

/// The host's loopback, as the guest sees it.
pub(super) fn through_gateway(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(GATEWAY.into(), address.port())
}

fn uploads(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, |mut stream| read_to_end(&mut stream))?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    let bytes = pattern(1, MEGABYTES);
    let mut talk = Talk::says(socket, &bytes);
    let (got, ()) = guest.both("an upload", job, |guest| talk.step(guest).then_some(()))?;
    same("the upload", &got, &bytes)
}

fn downloads(mode: Mode) -> Outcome {
    let bytes = pattern(2, MEGABYTES);
    let sent = bytes.clone();
    let (server, job) = serve(LOCALHOST, move |mut stream| Ok(stream.write_all(&sent)?))?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    let mut talk = Talk::listens(socket);
    guest.both("a download", job, |guest| talk.step(guest).then_some(()))?;
    same("the download", &talk.incoming, &bytes)
}

fn both_ways(mode: Mode) -> Outcome {
    pass_both_ways(&mut Guest::open(mode, "slirp:")?, MEGABYTES)
}

pub(super) fn pass_both_ways(guest: &mut Guest, length: usize) -> Outcome {
    let (server, job) = serve(LOCALHOST, echo)?;
    let socket = guest.connect(through_gateway(server))?;
    let bytes = pattern(3, length);
    let mut talk = Talk::says(socket, &bytes);
    let (count, ()) = guest.both("an echo", job, |guest| talk.step(guest).then_some(()))?;
    ensure!(count == length, "{count} bytes arrived instead of {length}");
    same("the echo", &talk.incoming, &bytes)
}

fn with_headers(mode: Mode) -> Outcome {
    for header in HeaderLength::ALL {
        let with = Activation {
            header,
            ..Activation::plain()
        };
        let setup = Setup {
            with,
            ..Setup::default()
        };
        pass_both_ways(&mut Guest::with(mode, "slirp:", &setup)?, 100_000)?;
    }
    Ok(())
}

/// The guest has said everything; the host answers only then.
fn guest_finishes(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, |mut stream| {
        let question = read_to_end(&mut stream)?;
        stream.write_all(&pattern(4, 100_000))?;
        Ok(question)
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    let question = pattern(5, 100_000);
    let mut talk = Talk::says(socket, &question);
    let (got, ()) = guest.both("an answer", job, |guest| talk.step(guest).then_some(()))?;
    same("the question", &got, &question)?;
    same("the answer", &talk.incoming, &pattern(4, 100_000))
}

/// The host has said everything; the guest answers only then.
fn host_finishes(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, |mut stream| {
        stream.write_all(&pattern(6, 100_000))?;
        stream.shutdown(Shutdown::Write)?;
        read_to_end(&mut stream)
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    let mut question = Talk::listens(socket);
    guest.until("the end of the question", |guest| {
        question.step(guest).then_some(())
    })?;
    same("the question", &question.incoming, &pattern(6, 100_000))?;
    let answer = pattern(7, 100_000);
    let mut talk = Talk::says(socket, &answer);
    let (got, ()) = guest.both("an answer", job, |guest| talk.step(guest).then_some(()))?;
    same("the answer", &got, &answer)
}

fn closed_port(mode: Mode) -> Outcome {
    // Nobody listens where somebody has just stopped.
    let address = TcpListener::bind((LOCALHOST, 0))?.local_addr()?;
    let mut guest = Guest::open(mode, "slirp:")?;
    for _ in 0..5 {
        let state = guest.try_connect(through_gateway(address))?;
        ensure!(state == tcp::State::Closed, "nobody listens: {state}");
    }
    Ok(())
}

/// Makes a close a reset: bytes are lost that nobody has read.
fn reset(stream: TcpStream) -> Outcome {
    let mut byte = [0];
    ensure!(stream.peek(&mut byte)? == 1, "nothing to lose");
    drop(stream);
    Ok(())
}

fn host_resets(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, reset)?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    guest.put(socket, b"this is lost");
    let (_, state) = guest.both("a reset", job, |guest| {
        let state = guest.socket::<tcp::Socket>(socket).state();
        (state != tcp::State::Established).then_some(state)
    })?;
    let is_over = matches!(state, tcp::State::Closed | tcp::State::CloseWait);
    ensure!(is_over, "the host has reset it: {state}");
    Ok(())
}

fn guest_resets(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, |mut stream| {
        let mut buffer = [0; 100];
        let first = stream.read(&mut buffer)?;
        // An error or the end, but not for ever.
        let second = stream.read(&mut buffer).unwrap_or(0);
        Ok((first, second))
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    guest.put(socket, b"and then nothing");
    guest.until("an acknowledgement", |guest| {
        let socket = guest.socket::<tcp::Socket>(socket);
        (socket.send_queue() == 0).then(|| socket.abort())
    })?;
    let (first, second) = guest.during(job)?;
    ensure!((first, second) == (16, 0), "{first} bytes, then {second}");
    Ok(())
}

/// The guest's window closes, and opens again.
fn slow_reader(mode: Mode) -> Outcome {
    let bytes = pattern(8, 1 << 20);
    let sent = bytes.clone();
    let (server, job) = serve(LOCALHOST, move |mut stream| Ok(stream.write_all(&sent)?))?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    let mut talk = Talk::listens(socket);
    let mut full = 0;
    guest.both("a slow download", job, |guest| {
        let room = guest.socket::<tcp::Socket>(socket);
        // A sender keeps what is less than a segment until there is room for one (RFC 1122, 4.2.3.4).
        let is_full = room.recv_capacity() - room.recv_queue() < 2 * 1460;
        full += usize::from(is_full);
        // Reads only when there is no room left, and then everything.
        let reads = is_full || room.state() != tcp::State::Established;
        (reads && talk.step(guest)).then_some(())
    })?;
    ensure!(full > 3, "the window was closed {full} times only");
    same("the download", &talk.incoming, &bytes)
}

/// Each answer comes when the frame that it answers opened a socket, not when some timer runs out. A busy machine delays
/// some of them, so the faster half counts.
fn from_idle(mode: Mode) -> Outcome {
    const ROUNDS: usize = 20;
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let server = listener.local_addr()?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        // Idle: whatever was on its way has arrived.
        let _nothing = guest.within(Duration::from_millis(30), |_| None::<()>)?;
        let begin = Instant::now();
        let socket = guest.connect(through_gateway(server))?;
        times.push(begin.elapsed());
        drop(accept(&listener)?);
        guest.remove(socket);
    }
    times.sort_unstable();
    let faster: Duration = times.iter().take(ROUNDS / 2).sum();
    // With libslirp's timer of 499 ms it would be more than a second.
    let most = Duration::from_millis(500);
    ensure!(faster < most, "the faster half took {faster:?}: {times:?}");
    Ok(())
}

fn outside(mode: Mode) -> Outcome {
    let outside = machine::outside()?;
    let (server, job) = serve(outside.into(), echo)?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(server)?;
    let mut talk = Talk::says(socket, b"hello");
    guest.both("an echo", job, |guest| talk.step(guest).then_some(()))?;
    same("the echo", &talk.incoming, b"hello")
}

fn other_network(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, echo)?;
    let setup = Setup {
        address: Ipv4Addr::new(172, 16, 200, 7),
        prefix: 16,
        gateway: Ipv4Addr::new(172, 16, 9, 1),
        ..Setup::default()
    };
    let mut guest = Guest::with(mode, "slirp:172.16.0.0/16?host=172.16.9.1", &setup)?;
    let socket = guest.connect(SocketAddr::new(setup.gateway.into(), server.port()))?;
    let mut talk = Talk::says(socket, b"hello");
    guest.both("an echo", job, |guest| talk.step(guest).then_some(()))?;
    same("the echo", &talk.incoming, b"hello")
}
