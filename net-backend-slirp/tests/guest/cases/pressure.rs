//! A guest that does not keep up: nothing grows without bound, nothing hangs, and afterwards everything is as before.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::hostfwd::{LOCALHOST, bound};
use super::tcp::through_gateway;
use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure, failed};
use crate::job::{pattern, same, serve, udp};
use crate::packets::{GATEWAY, GUEST, Packet, arp, ping};
use crate::talk::Talk;
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "pressure/a-guest-that-does-not-receive-stops-the-host",
        stops_the_host,
    ),
    Case::new(
        "pressure/answers-that-nobody-receives-are-bounded",
        unread_answers,
    ),
    Case::new(
        "pressure/datagrams-that-nobody-receives-are-bounded",
        unread_datagrams,
    ),
];

/// More than the kernel and libslirp keep for one connection.
const MUCH: usize = 48 << 20;

fn stops_the_host(mode: Mode) -> Outcome {
    let bytes = Arc::new(pattern(50, MUCH));
    let (sent, count) = (Arc::clone(&bytes), Arc::new(AtomicUsize::new(0)));
    let progress = Arc::clone(&count);
    let (server, job) = serve(LOCALHOST, move |mut stream| {
        for piece in sent.chunks(1 << 16) {
            stream.write_all(piece)?;
            progress.fetch_add(piece.len(), Ordering::Relaxed);
        }
        Ok(())
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(through_gateway(server))?;
    // Until the host makes no progress any more: whatever keeps the bytes is full.
    let mut before = usize::MAX;
    while before != count.load(Ordering::Relaxed) {
        before = count.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(200));
    }
    ensure!(before < MUCH, "all of it is kept somewhere");
    let mut talk = Talk::listens(socket);
    guest.both("the download", job, |guest| talk.step(guest).then_some(()))?;
    same("the download", &talk.incoming, &bytes)
}

/// Takes all frames that are there, and counts them.
fn take_all(wire: &mut Wire) -> Outcome<usize> {
    let mut count = 0;
    while wire.now()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn unread_answers(mode: Mode) -> Outcome {
    const COUNT: u16 = 50_000;
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&arp(GUEST))?;
    for number in 0..COUNT {
        let frame = ping(GUEST.into(), GATEWAY.into(), number, &[0; 1000]);
        let _queued = wire.offer(&Default::default(), &frame)?;
    }
    let kept = take_all(&mut wire)?;
    ensure!(
        kept > 0 && kept < usize::from(COUNT) / 2,
        "{kept} of {COUNT} answers are kept"
    );
    wire.send(&ping(GUEST.into(), GATEWAY.into(), 1, b"and now?"))?;
    wire.expect("an answer", |arrived| {
        let packet = Packet::of(&arrived.bytes)?;
        packet.transport.ends_with(b"and now?").then_some(())
    })
}

fn unread_datagrams(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=udp:127.0.0.1:0-:53")?;
    let server = bound(&guest)?;
    let client = udp(LOCALHOST)?;
    for _ in 0..50_000 {
        // The kernel drops what libslirp does not take.
        let _full = client.send_to(&[7; 1000], server);
    }
    let socket = guest.udp(53)?;
    let mut count = 0;
    let mut last = None;
    // What was kept comes first; the marker finds room once that is read.
    while last.is_none() {
        client.send_to(b"and now?", server)?;
        last = guest.within(Duration::from_millis(100), |guest| {
            let (from, question) = guest.datagram(socket)?;
            count += 1;
            (question == b"and now?").then_some(from)
        })?;
        ensure!(count < 25_000, "{count} datagrams were kept");
    }
    let from = last.ok_or_else(|| failed("nobody asked"))?;
    guest.send_to(socket, from, b"yes")?;
    let mut buffer = [0; 100];
    let answer = guest.during(crate::job::Job::start(move || {
        let (length, _): (usize, SocketAddr) = client.recv_from(&mut buffer)?;
        Ok(buffer.get(..length).unwrap_or_default().to_vec())
    })?)?;
    same("the answer", &answer, b"yes")
}
