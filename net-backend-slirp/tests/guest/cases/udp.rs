//! UDP out of the guest.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::tcp::through_gateway;
use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{Job, pattern, same, udp};
use crate::machine;

pub(super) const CASES: &[Case] = &[
    Case::new("udp/datagrams-of-every-length-come-back", lengths),
    Case::new("udp/long-datagrams-are-put-together", fragments),
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
