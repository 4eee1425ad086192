//! IPv6: who tells the guest its addresses, and what passes.

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::guest::{GATEWAY6, GUEST6, Guest, LOCAL6};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{pattern, read_to_end, same, serve};
use crate::machine;
use crate::packets::{self, GATEWAY, ICMP6, Packet, arp, neighbour_solicitation};
use crate::talk::Talk;
use crate::wire::{Arrived, Wire};

pub(super) const CASES: &[Case] = &[
    Case::new("ipv6/a-router-tells-the-prefix", router),
    Case::new("ipv6/a-router-tells-the-name-server", name_server),
    Case::new("ipv6/the-gateway-is-a-neighbour", neighbour),
    Case::new("ipv6/switched-off-nobody-is-there", off),
    Case::new("ipv6/ipv4-can-be-switched-off", without_ipv4),
    Case::new("ipv6/megabytes-pass-over-tcp", tcp),
    Case::new("ipv6/datagrams-come-back", udp),
];

const LOCALHOST: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// Type of an ICMPv6 message, and what is behind the checksum.
fn icmp6(arrived: &Arrived) -> Option<(u8, Vec<u8>)> {
    let packet = Packet::of(&arrived.bytes).filter(|it| it.protocol == ICMP6)?;
    let (head, rest) = packet.transport.split_first_chunk::<4>()?;
    Some((head[0], rest.to_vec()))
}

#[derive(Debug, Default)]
struct Advertisement {
    prefix: Option<(u8, Ipv6Addr)>,
    name_server: Option<Ipv6Addr>,
    router_lifetime: u16,
}

impl Advertisement {
    /// RFC 4861, 4.2, and RFC 8106, 5.1.
    fn of(arrived: &Arrived) -> Option<Self> {
        let (134, message) = icmp6(arrived)? else {
            return None;
        };
        let (head, mut options) = message.split_first_chunk::<12>()?;
        let mut found = Self {
            router_lifetime: u16::from_be_bytes([head[2], head[3]]),
            ..Self::default()
        };
        let address = |option: &[u8], at: usize| {
            let bytes: Option<[u8; 16]> = option.get(at..at + 16)?.try_into().ok();
            bytes.map(Ipv6Addr::from)
        };
        while let [kind, length, ..] = options {
            let (option, rest) = options.split_at_checked(8 * usize::from(*length))?;
            match *kind {
                3 => found.prefix = Some((*option.get(2)?, address(option, 16)?)),
                25 => found.name_server = address(option, 8),
                _ => {}
            }
            options = rest;
            if option.is_empty() {
                break;
            }
        }
        Some(found)
    }
}

/// Asks for routers (RFC 4861, 4.1).
fn solicitation() -> Vec<u8> {
    let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    packets::icmp6(LOCAL6, to, &[133, 0, 0, 0, 0, 0, 0, 0], 255)
}

fn advertisement(mode: Mode, uri: &str) -> Outcome<Advertisement> {
    let mut wire = Wire::open(mode, uri)?;
    wire.send(&neighbour_solicitation(LOCAL6, GATEWAY6))?;
    wire.send(&solicitation())?;
    wire.expect("a router advertisement", Advertisement::of)
}

/// `slirp:` and a network with other addresses, and the last words of their addresses.
const NETWORKS: [(&str, Ipv6Addr, u16); 2] = [
    ("slirp:", Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0), 3),
    (
        "slirp:?ipv6-net=fd12:3456:789a:1::/64&ipv6-host=fd12:3456:789a:1::9&ipv6-dns=fd12:3456:789a:1::53",
        Ipv6Addr::new(0xfd12, 0x3456, 0x789a, 1, 0, 0, 0, 0),
        0x53,
    ),
];

fn router(mode: Mode) -> Outcome {
    for (uri, prefix, _) in NETWORKS {
        let got = advertisement(mode, uri)?;
        ensure!(got.prefix == Some((64, prefix)), "{uri}: {got:?}");
        ensure!(got.router_lifetime > 0, "no default router: {got:?}");
    }
    Ok(())
}

/// libslirp names one only when the host has one for IPv6.
fn name_server(mode: Mode) -> Outcome {
    machine::has_name_server()?;
    for (uri, prefix, last) in NETWORKS {
        let got = advertisement(mode, uri)?;
        let [a, b, c, d, ..] = prefix.segments();
        let expected = Ipv6Addr::new(a, b, c, d, 0, 0, 0, last);
        ensure!(got.name_server == Some(expected), "{uri}: {got:?}");
    }
    Ok(())
}

/// Whom a neighbour advertisement is about.
fn neighbour_of(arrived: &Arrived) -> Option<Ipv6Addr> {
    let (136, message) = icmp6(arrived)? else {
        return None;
    };
    let target: [u8; 16] = message.get(4..20)?.try_into().ok()?;
    Some(target.into())
}

fn neighbour(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    let name_server = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 3);
    for address in [GATEWAY6, crate::guest::ROUTER6, name_server] {
        wire.send(&neighbour_solicitation(GUEST6, address))?;
        let who = wire.expect("a neighbour", neighbour_of)?;
        ensure!(who == address, "{who} instead of {address}");
    }
    Ok(())
}

fn off(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?ipv6=off")?;
    for _ in 0..3 {
        wire.send(&neighbour_solicitation(GUEST6, GATEWAY6))?;
        wire.send(&solicitation())?;
    }
    wire.send(&arp(GATEWAY))?;
    let is_silent = wire.expect("an answer to ARP", |arrived| {
        let is_arp = arrived.bytes.get(12..14) == Some(&[8, 6]);
        (is_arp || icmp6(arrived).is_some()).then_some(is_arp)
    })?;
    ensure!(is_silent, "switched off, and somebody speaks IPv6");
    Ok(())
}

fn without_ipv4(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?ipv4=off")?;
    for _ in 0..3 {
        wire.send(&arp(GATEWAY))?;
    }
    wire.send(&neighbour_solicitation(GUEST6, GATEWAY6))?;
    wire.expect("a neighbour", neighbour_of)?;
    let arp = wire.within(Duration::from_millis(50), |arrived| {
        (arrived.bytes.get(12..14) == Some(&[8, 6])).then_some(())
    })?;
    ensure!(arp.is_none(), "switched off, and somebody speaks ARP");
    Ok(())
}

fn tcp(mode: Mode) -> Outcome {
    let (server, job) = serve(LOCALHOST, |mut stream| {
        let question = read_to_end(&mut stream)?;
        stream.write_all(&question)?;
        Ok(question)
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.connect(SocketAddr::new(GATEWAY6.into(), server.port()))?;
    let bytes = pattern(20, 2 << 20);
    let mut talk = Talk::says(socket, &bytes);
    let (question, ()) = guest.both("an echo", job, |guest| talk.step(guest).then_some(()))?;
    same("the question", &question, &bytes)?;
    same("the echo", &talk.incoming, &bytes)
}

fn udp(mode: Mode) -> Outcome {
    let (server, job) = super::udp::echo(LOCALHOST, 4)?;
    let server = SocketAddr::new(GATEWAY6.into(), server.port());
    let mut guest = Guest::open(mode, "slirp:")?;
    let socket = guest.udp(4000)?;
    for length in [1, 20, 1000, 1452] {
        let payload = pattern(length as u64, length);
        guest.send_to(socket, server, &payload)?;
        let (from, answer) = guest.until("an answer", |guest| guest.datagram(socket))?;
        ensure!(from == server, "{from} answers for {server}");
        same("the answer", &answer, &payload)?;
    }
    guest.during(job)?;
    Ok(())
}
