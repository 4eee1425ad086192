//! UDP out of the guest.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::tcp::through_gateway;
use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{Job, pattern, same, udp};
use crate::machine;
use crate::packets::{self, GUEST, arp};
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new("udp/datagrams-of-every-length-come-back", lengths),
    Case::new("udp/long-datagrams-are-put-together", fragments),
    Case::new("udp/fragments-may-come-in-any-order", any_order),
    Case::new(
        "udp/fragments-that-contradict-each-other-are-no-datagram",
        contradiction,
    ),
    Case::new("udp/megabytes-come-back-one-by-one", many),
    Case::new(
        "udp/one-socket-speaks-with-several-servers",
        several_servers,
    ),
    Case::new("udp/an-address-outside-is-reached", outside),
];

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Gives back `count` datagrams; where they came from.
pub(super) fn echo(address: IpAddr, count: usize) -> Outcome<(SocketAddr, Job<SocketAddr>)> {
    let socket = udp(address)?;
    let server = socket.local_addr()?;
    let job = Job::start(move || {
        let mut buffer = vec![0; 65_536];
        let mut last = server;
        for _ in 0..count {
            let (length, from) = socket.recv_from(&mut buffer)?;
            socket.send_to(buffer.get(..length).unwrap_or_default(), from)?;
            last = from;
        }
        Ok(last)
    })?;
    Ok((server, job))
}

fn come_back(guest: &mut Guest, lengths: &[usize]) -> Outcome {
    let (server, job) = echo(LOCALHOST, lengths.len())?;
    let server = through_gateway(server);
    let socket = guest.udp(4000)?;
    for length in lengths {
        let payload = pattern(*length as u64, *length);
        guest.send_to(socket, server, &payload)?;
        let what = format!("a datagram of {length} bytes");
        let (from, answer) = guest.until(&what, |guest| guest.datagram(socket))?;
        ensure!(from == server, "{from} answers for {server}");
        same(&what, &answer, &payload)?;
    }
    guest.during(job)?;
    guest.remove(socket);
    Ok(())
}

fn lengths(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    come_back(&mut guest, &[1, 2, 17, 18, 19, 500, 1471, 1472])
}

/// Longer than a frame: IP fragments in both directions (RFC 791, 3.2).
fn fragments(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    come_back(&mut guest, &[1473, 2000, 4000, 8192, 12_000])
}

/// A NIC that knows the guest, and a socket of the host that it may send to.
fn fragmenting(mode: Mode) -> Outcome<(Wire, UdpSocket, SocketAddr)> {
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&arp(GUEST))?;
    let socket = udp(LOCALHOST)?;
    let server = through_gateway(socket.local_addr()?);
    Ok((wire, socket, server))
}

fn send_fragments(wire: &mut Wire, fragments: &[Vec<u8>]) -> Outcome {
    for fragment in fragments {
        let _any = wire.offer(&Default::default(), fragment)?;
    }
    Ok(())
}

fn expect_datagram(socket: &UdpSocket, payload: &[u8]) -> Outcome {
    let mut buffer = vec![0; 65_536];
    let (length, _) = socket.recv_from(&mut buffer)?;
    same(
        "the datagram",
        buffer.get(..length).unwrap_or_default(),
        payload,
    )
}

fn any_order(mode: Mode) -> Outcome {
    let (mut wire, socket, server) = fragmenting(mode)?;
    let guest = SocketAddr::new(GUEST.into(), 4000);
    for (identification, rotation) in (100..).zip(0..6) {
        let payload = pattern(u64::from(identification), 7000);
        let frame = packets::udp(guest, server, &payload);
        let mut fragments = packets::fragments(&frame, identification, 1480);
        fragments.rotate_left(rotation % 5);
        if rotation > 2 {
            fragments.reverse();
        }
        // One of them twice.
        let again = fragments.get(1).cloned();
        fragments.splice(1..1, again);
        send_fragments(&mut wire, &fragments)?;
        expect_datagram(&socket, &payload)?;
    }
    Ok(())
}

fn contradiction(mode: Mode) -> Outcome {
    let (mut wire, socket, server) = fragmenting(mode)?;
    let guest = SocketAddr::new(GUEST.into(), 4000);
    let frame = packets::udp(guest, server, &pattern(1, 4000));
    let fragments = packets::fragments(&frame, 1, 1480);
    let other = packets::fragments(&packets::udp(guest, server, &pattern(2, 4000)), 1, 1000);
    let (first, rest) = fragments.split_at(1);
    send_fragments(&mut wire, first)?;
    send_fragments(&mut wire, other.get(1..2).unwrap_or_default())?;
    send_fragments(&mut wire, rest)?;
    let good = pattern(3, 4000);
    let frame = packets::udp(guest, server, &good);
    send_fragments(&mut wire, &packets::fragments(&frame, 2, 1480))?;
    // The good one, and not a mixture before it.
    expect_datagram(&socket, &good)
}

fn many(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    come_back(&mut guest, &[1400; 1500])
}

fn several_servers(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.udp(4000)?;
    let mut ports = Vec::new();
    for number in 0..5 {
        let (server, job) = echo(LOCALHOST, 1)?;
        guest.send_to(socket, through_gateway(server), &[number; 10])?;
        let (from, answer) = guest.until("an answer", |guest| guest.datagram(socket))?;
        ensure!(from == through_gateway(server), "{from} answers");
        same("the answer", &answer, &[number; 10])?;
        ports.push(guest.during(job)?.port());
    }
    // One port of the host for one of the guest, whoever it speaks with (RFC 4787, 4.1).
    ports.dedup();
    ensure!(ports.len() == 1, "from the ports {ports:?}");
    Ok(())
}

fn outside(mode: Mode) -> Outcome {
    let outside = machine::outside()?;
    let (server, job) = echo(outside.into(), 1)?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.udp(4000)?;
    guest.send_to(socket, server, b"hello")?;
    let (from, answer) = guest.until("an answer", |guest| guest.datagram(socket))?;
    ensure!(from == server, "{from} answers for {server}");
    same("the answer", &answer, b"hello")?;
    guest.during(job)?;
    Ok(())
}
