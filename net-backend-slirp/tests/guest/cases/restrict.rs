//! What a guest of a restricted network may not do, and what it still may.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use net_backend_core::{DropReason, Sent};
use smoltcp::socket::tcp;

use super::hostfwd::{LOCALHOST, answer_questions, bound, bounds, echo_in_guest};
use super::policy::{expect_nobody, expect_nothing, listener, receiver, settle};
use super::tcp::through_gateway;
use crate::guest::Guest;
use crate::handshake::syn;
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{Job, connect, udp};
use crate::machine;
use crate::packets::{GUEST, Packet, neighbour_solicitation, ping};
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new("restrict/tcp-does-not-go-out", restricted_tcp),
    Case::new("restrict/udp-does-not-go-out", restricted_udp),
    Case::new("restrict/pings-do-not-go-out", restricted_ping),
    Case::new("restrict/forwarded-tcp-comes-in", restricted_forward),
    Case::new(
        "restrict/answers-of-forwarded-udp-go-out",
        restricted_answers,
    ),
    Case::new(
        "restrict/a-forwarded-udp-port-is-no-way-out",
        restricted_no_way_out,
    ),
    Case::new(
        "restrict/an-ipv6-address-with-a-server-in-it-is-no-way-out",
        server_in_source,
    ),
    Case::new(
        "restrict/udp-is-answered-from-where-it-was-asked",
        asked_twice,
    ),
];

/// How long to listen to be sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(100);

fn restricted_tcp(mode: Mode) -> Outcome {
    let mut addresses = vec![LOCALHOST];
    addresses.extend(machine::outside().ok().map(IpAddr::from));
    let mut guest = Guest::open(mode, "slirp:?restrict=on")?;
    for address in addresses {
        let listener = listener(address)?;
        let target = match address == LOCALHOST {
            true => through_gateway(listener.local_addr()?),
            false => listener.local_addr()?,
        };
        let state = guest.try_connect(target)?;
        ensure!(state == tcp::State::Closed, "to {target}: {state}");
        expect_nobody(&listener, "a restricted guest")?;
    }
    Ok(())
}

fn restricted_udp(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?restrict=on")?;
    let receiver = receiver(LOCALHOST)?;
    let socket = guest.udp(4000)?;
    let target = through_gateway(receiver.local_addr()?);
    for _ in 0..3 {
        guest.send_to(socket, target, b"let me out")?;
        let answer = guest.within(SILENCE, |guest| guest.datagram(socket))?;
        ensure!(answer.is_none(), "{answer:?}");
    }
    expect_nothing(&receiver, "a restricted guest")
}

fn restricted_ping(mode: Mode) -> Outcome {
    let outside = machine::outside()?;
    machine::may_ping()?;
    let mut wire = Wire::open(mode, "slirp:?restrict=on")?;
    settle(&mut wire)?;
    wire.send(&ping(GUEST.into(), outside.into(), 7, b"let me out"))?;
    let answer = wire.within(SILENCE, |arrived| {
        let packet = Packet::of(&arrived.bytes)?;
        (packet.from == IpAddr::from(outside)).then_some(())
    })?;
    ensure!(answer.is_none(), "somebody outside answers");
    Ok(())
}

fn restricted_forward(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?restrict=on&hostfwd=tcp:127.0.0.1:0-:80")?;
    let server = bound(&guest)?;
    echo_in_guest(&mut guest, 80, move || connect(server)).map(drop)
}

fn restricted_answers(mode: Mode) -> Outcome {
    let uri = "slirp:?restrict=on&hostfwd=udp:127.0.0.1:0-:53";
    let mut guest = Guest::open(mode, uri)?;
    let server = bound(&guest)?;
    let socket = guest.udp(53)?;
    let job = Job::start(move || {
        let client = udp(LOCALHOST)?;
        for number in 0..5_u8 {
            client.send_to(&[number; 20], server)?;
            let mut buffer = [0; 100];
            let (length, from) = client.recv_from(&mut buffer)?;
            let answer = buffer.get(..length);
            ensure!(from == server, "{from} answers for {server}");
            ensure!(answer == Some(&[number; 20][..]), "{answer:?}");
        }
        Ok(())
    })?;
    answer_questions(&mut guest, socket, job, 5)
}

/// The port that may answer may answer only those who asked.
fn restricted_no_way_out(mode: Mode) -> Outcome {
    let uri = "slirp:?restrict=on&hostfwd=udp:127.0.0.1:0-:53";
    let mut guest = Guest::open(mode, uri)?;
    let (asker, other) = (receiver(LOCALHOST)?, receiver(LOCALHOST)?);
    let socket = guest.udp(53)?;
    asker.send_to(b"who is there?", bound(&guest)?)?;
    let (from, _) = guest.until("a question", |guest| guest.datagram(socket))?;
    let target = through_gateway(other.local_addr()?);
    for _ in 0..3 {
        guest.send_to(socket, target, b"somebody who did not ask")?;
        guest.send_to(socket, from, b"me")?;
        let _nothing = guest.within(SILENCE, |guest| guest.datagram(socket))?;
    }
    expect_nothing(&other, "a restricted guest")
}

/// libslirp takes bytes 4 to 8 of an IPv6 guest's own address for the address of a guest forward.
fn server_in_source(mode: Mode) -> Outcome {
    let address = |last| Ipv6Addr::new(0xfd00, 0, 0x0a00, 0x0264, 0, 0, 0, last);
    let (network, gateway, from) = (address(0), address(2), address(0xf));
    for restrict in ["off", "on"] {
        let listener = listener(Ipv6Addr::LOCALHOST.into())?;
        let port = listener.local_addr()?.port();
        let uri = format!(
            "slirp:?restrict={restrict}&guestfwd=tcp:10.0.2.100:{port}-cmd:cat&ipv6-net={network}/64"
        );
        let mut wire = Wire::open(mode, &uri)?;
        wire.send(&neighbour_solicitation(from, gateway))?;
        let guest = |port| SocketAddr::new(from.into(), port);
        let targets = [gateway, Ipv6Addr::LOCALHOST];
        for (target, number) in targets.into_iter().zip(50_000..) {
            let target = SocketAddr::new(target.into(), port);
            let sent = wire.offer(&Default::default(), &syn(guest(number), target, &[]))?;
            let refused = Sent::Dropped(DropReason::Policy);
            ensure!(
                restrict == "off" || sent == refused,
                "restrict={restrict}: a SYN to {target}: {sent:?}"
            );
        }
        settle(&mut wire)?;
        match restrict {
            // It is a frame that gets there when it may.
            "off" => drop(listener.accept()?),
            _ => expect_nobody(&listener, "a restricted guest")?,
        }
    }
    Ok(())
}

/// Two ports of the host lead to the same port of the guest.
fn asked_twice(mode: Mode) -> Outcome {
    let rule = "hostfwd=udp:127.0.0.1:0-:53";
    let mut guest = Guest::open(mode, &format!("slirp:?restrict=on&{rule}&{rule}"))?;
    let servers = bounds(&guest)?;
    ensure!(servers.len() == 2, "{servers:?}");
    let socket = guest.udp(53)?;
    let clients = [udp(LOCALHOST)?, udp(LOCALHOST)?, udp(LOCALHOST)?];
    // The last one asks while it is known who has asked before.
    let asked = servers.iter().chain(servers.last());
    for (client, server) in clients.iter().zip(asked.clone()) {
        client.send_to(b"who?", *server)?;
        let (from, _) = guest.until("a question", |guest| guest.datagram(socket))?;
        ensure!(from.port() == client.local_addr()?.port(), "{from} asks");
    }
    for (client, server) in clients.into_iter().zip(asked.copied()) {
        let gateway = through_gateway(client.local_addr()?);
        guest.send_to(socket, gateway, b"me")?;
        let job = Job::start(move || Ok(client.recv_from(&mut [0; 100])?.1))?;
        let from = guest.during(job)?;
        ensure!(from == server, "{from} answers for {server}");
    }
    Ok(())
}
