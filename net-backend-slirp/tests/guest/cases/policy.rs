//! What a guest may not do.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use net_backend_core::DropReason;

use super::hostfwd::{LOCALHOST, bound, echo_in_guest};
use super::tcp::through_gateway;
use crate::guest::{GATEWAY6, GUEST6, Guest};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{connect, serve};
use crate::machine;
use crate::packets::{
    self, GATEWAY, GUEST, ICMP, Packet, RST, SYN, Segment, arp, neighbour_solicitation, ping,
};
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "host-loopback/off-the-gateway-is-only-a-gateway",
        loopback_off,
    ),
    Case::new(
        "host-loopback/on-crafted-addresses-reach-the-host",
        loopback_on,
    ),
    Case::new(
        "host-loopback/off-no-crafted-tcp-reaches-the-host",
        crafted_tcp,
    ),
    Case::new(
        "host-loopback/off-no-crafted-udp-reaches-the-host",
        crafted_udp,
    ),
    Case::new(
        "host-loopback/off-an-address-outside-is-reached",
        loopback_off_outside,
    ),
    Case::new(
        "host-loopback/off-forwarded-ports-still-work",
        loopback_off_forward,
    ),
    Case::new("outbound-addr/is-where-connections-come-from", outbound_tcp),
    Case::new("outbound-addr/is-where-datagrams-come-from", outbound_udp),
    Case::new("outbound-addr/each-ip-version-has-its-own", outbound_ipv6),
];

/// A listener that says at once whether somebody has connected.
pub(super) fn listener(address: IpAddr) -> Outcome<TcpListener> {
    let listener = TcpListener::bind((address, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

pub(super) fn receiver(address: IpAddr) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind((address, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(super) fn expect_nobody(listener: &TcpListener, what: &str) -> Outcome {
    let accepted = listener.accept();
    let is_silent = matches!(&accepted, Err(error) if error.kind() == ErrorKind::WouldBlock);
    ensure!(is_silent, "{what} reaches the host: {accepted:?}");
    Ok(())
}

pub(super) fn expect_nothing(socket: &UdpSocket, what: &str) -> Outcome {
    let received = socket.recv_from(&mut [0; 100]);
    let is_silent = matches!(&received, Err(error) if error.kind() == ErrorKind::WouldBlock);
    ensure!(is_silent, "{what} reaches the host: {received:?}");
    Ok(())
}

/// Waits until libslirp has done everything before: it answers a ping.
pub(super) fn settle(wire: &mut Wire) -> Outcome {
    wire.send(&arp(GUEST))?;
    wire.send(&ping(GUEST.into(), GATEWAY.into(), 99, b"done?"))?;
    wire.expect("an answer to a ping", |arrived| {
        let packet = Packet::of(&arrived.bytes)?;
        (packet.protocol == ICMP && packet.transport.first() == Some(&0)).then_some(())
    })
}

fn loopback_off(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?host-loopback=off")?;
    settle(&mut wire)?;
    let (listener, receiver) = (listener(LOCALHOST)?, receiver(LOCALHOST)?);
    wire.send(&syn(through_gateway(listener.local_addr()?), 50_000))?;
    // It is told, and does not have to find out by waiting.
    wire.expect("a refusal", |arrived| {
        let packet = Packet::of(&arrived.bytes)?;
        let is_reset = packet.tcp().is_some_and(|it| it.flags & RST != 0);
        let is_unreachable = packet.protocol == ICMP && packet.transport.first() == Some(&3);
        (is_reset || is_unreachable).then_some(())
    })?;
    expect_nobody(&listener, "the gateway")?;
    let from = SocketAddr::new(GUEST.into(), 4000);
    let to = through_gateway(receiver.local_addr()?);
    let _any = wire.offer(&Default::default(), &packets::udp(from, to, b"let me in"))?;
    settle(&mut wire)?;
    expect_nothing(&receiver, "the gateway")
}

/// Destinations that are the host's loopback, or are taken for it by some part of the host or of libslirp.
const CRAFTED: [IpAddr; 11] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
    IpAddr::V4(Ipv4Addr::new(127, 255, 255, 254)),
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V4(Ipv4Addr::BROADCAST),
    IpAddr::V4(GATEWAY),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped()),
    IpAddr::V6(GATEWAY6),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x77)),
];

fn guest_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => GUEST.into(),
        IpAddr::V6(_) => GUEST6.into(),
    }
}

fn syn(to: SocketAddr, port: u16) -> Vec<u8> {
    let segment = Segment {
        sequence: 1000,
        flags: SYN,
        options: &[2, 4, 5, 180],
        ..Segment::default()
    };
    packets::tcp(SocketAddr::new(guest_of(to.ip()), port), to, segment)
}

/// Sends a SYN to each address; returns how many were refused by a rule.
fn send_crafted(wire: &mut Wire, make: impl Fn(IpAddr, u16) -> Vec<u8>) -> Outcome<u64> {
    settle(wire)?;
    wire.send(&neighbour_solicitation(GUEST6, GATEWAY6))?;
    let before = wire.sent().dropped(DropReason::Policy);
    for (address, port) in CRAFTED.into_iter().zip(50_000..) {
        let _any = wire.offer(&Default::default(), &make(address, port))?;
    }
    settle(wire)?;
    Ok(wire.sent().dropped(DropReason::Policy) - before)
}

/// Shows that the crafted frames are ones that get there when they may.
fn loopback_on(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    let (four, six) = (listener(LOCALHOST)?, listener(Ipv6Addr::LOCALHOST.into())?);
    let (port4, port6) = (four.local_addr()?.port(), six.local_addr()?.port());
    send_crafted(&mut wire, |address, port| {
        let to = if address.is_ipv4() { port4 } else { port6 };
        syn(SocketAddr::new(address, to), port)
    })?;
    for (listener, what) in [(&four, "127.0.0.1"), (&six, "::1")] {
        let accepted = listener.accept();
        ensure!(accepted.is_ok(), "nobody reaches {what}: {accepted:?}");
    }
    Ok(())
}

fn crafted_tcp(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?host-loopback=off")?;
    let four = listener(Ipv4Addr::UNSPECIFIED.into())?;
    let six = listener(Ipv6Addr::UNSPECIFIED.into())?;
    let (port4, port6) = (four.local_addr()?.port(), six.local_addr()?.port());
    let refused = send_crafted(&mut wire, |address, port| {
        let to = if address.is_ipv4() { port4 } else { port6 };
        syn(SocketAddr::new(address, to), port)
    })?;
    expect_nobody(&four, "a crafted SYN")?;
    expect_nobody(&six, "a crafted SYN")?;
    // All but those that libslirp refuses itself.
    ensure!(refused >= 6, "{refused} frames are counted as refused");
    Ok(())
}

fn crafted_udp(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?host-loopback=off")?;
    let four = receiver(Ipv4Addr::UNSPECIFIED.into())?;
    let six = receiver(Ipv6Addr::UNSPECIFIED.into())?;
    let (port4, port6) = (four.local_addr()?.port(), six.local_addr()?.port());
    let refused = send_crafted(&mut wire, |address, port| {
        let to = if address.is_ipv4() { port4 } else { port6 };
        let from = SocketAddr::new(guest_of(address), port);
        packets::udp(from, SocketAddr::new(address, to), b"let me in")
    })?;
    expect_nothing(&four, "a crafted datagram")?;
    expect_nothing(&six, "a crafted datagram")?;
    ensure!(refused >= 6, "{refused} frames are counted as refused");
    Ok(())
}

fn loopback_off_outside(mode: Mode) -> Outcome {
    let outside = machine::outside()?;
    let (server, job) = serve(outside.into(), crate::job::echo)?;
    let mut guest = Guest::open(mode, "slirp:?host-loopback=off")?;
    let socket = guest.connect(server)?;
    let mut talk = crate::talk::Talk::says(socket, b"hello");
    guest.both("an echo", job, |guest| talk.step(guest).then_some(()))?;
    crate::job::same("the echo", &talk.incoming, b"hello")
}

fn loopback_off_forward(mode: Mode) -> Outcome {
    let uri = "slirp:?host-loopback=off&hostfwd=tcp:127.0.0.1:0-:80";
    let mut guest = Guest::open(mode, uri)?;
    let server = bound(&guest)?;
    echo_in_guest(&mut guest, 80, move || connect(server)).map(drop)
}

/// An address of the host's loopback that nothing uses by itself.
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Skips the case where the loopback has one address only.
fn other_address() -> Outcome {
    let bound = UdpSocket::bind((OTHER, 0));
    let error = |error| crate::harness::skipped(format!("bind to {OTHER}: {error}"));
    bound.map(drop).map_err(error)
}

fn outbound_tcp(mode: Mode) -> Outcome {
    other_address()?;
    for (uri, expected) in [
        ("slirp:?outbound-addr=127.0.0.2", OTHER),
        ("slirp:", LOCALHOST),
    ] {
        let (server, job) = serve(LOCALHOST, |stream| Ok(stream.peer_addr()?))?;
        let mut guest = Guest::open(mode, uri)?;
        guest.connect(through_gateway(server))?;
        let from = guest.during(job)?;
        ensure!(from.ip() == expected, "{uri}: from {from}");
    }
    Ok(())
}

fn outbound_udp(mode: Mode) -> Outcome {
    other_address()?;
    let (server, job) = super::udp::echo(LOCALHOST, 1)?;
    let mut guest = Guest::open(mode, "slirp:?outbound-addr=127.0.0.2")?;
    let socket = guest.udp(4000)?;
    guest.send_to(socket, through_gateway(server), b"from where?")?;
    guest.until("an answer", |guest| guest.datagram(socket))?;
    let from = guest.during(job)?;
    ensure!(from.ip() == OTHER, "from {from}");
    Ok(())
}

/// Nothing leaves from an address that the host does not have (RFC 3849), but the other IP version is none the worse.
fn outbound_ipv6(mode: Mode) -> Outcome {
    for (uri, leaves) in [
        ("slirp:", true),
        ("slirp:?outbound-addr=2001:db8::77", false),
    ] {
        let mut guest = Guest::open(mode, uri)?;
        let socket = guest.udp(4000)?;
        let (four, job) = super::udp::echo(LOCALHOST, 1)?;
        let six = receiver(Ipv6Addr::LOCALHOST.into())?;
        let port = six.local_addr()?.port();
        guest.send_to(socket, SocketAddr::new(GATEWAY6.into(), port), b"six")?;
        guest.send_to(socket, through_gateway(four), b"four")?;
        let (_, answer) = guest.until("an answer", |guest| guest.datagram(socket))?;
        crate::job::same("the answer", &answer, b"four")?;
        guest.during(job)?;
        let received = six.recv_from(&mut [0; 100]);
        ensure!(received.is_ok() == leaves, "{uri}: {received:?}");
    }
    Ok(())
}
