//! One of each kind of frame that libslirp looks into.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::guest::{GATEWAY6, GUEST6, LOCAL6};
use crate::packets::{
    self, ACK, GATEWAY, GUEST, NAME_SERVER, PSH, SYN, Segment, arp, ethernet,
    neighbour_solicitation, ping,
};

/// All of them.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let multicast = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let solicitation = [133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2];
    let mut samples = vec![
        arp(GATEWAY),
        arp(GUEST),
        ping(GUEST.into(), GATEWAY.into(), 1, b"a payload of some length"),
        ping(
            GUEST6.into(),
            GATEWAY6.into(),
            1,
            b"a payload of some length",
        ),
        neighbour_solicitation(GUEST6, GATEWAY6),
        packets::icmp6(LOCAL6, multicast, &solicitation, 255),
        // NC-SI, and a frame with a VLAN tag.
        ethernet(
            0x88f8,
            &[0, 1, 0, 1, 0x80, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        ethernet(0x8100, &[0, 1, 8, 0, 0x45, 0, 0, 20]),
    ];
    samples.extend(tcp_samples());
    samples.extend(udp_samples());
    samples
}

fn tcp_samples() -> [Vec<u8>; 5] {
    let syn = Segment {
        sequence: 1,
        flags: SYN,
        options: &[2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 1, 1],
        ..Segment::default()
    };
    let data = Segment {
        sequence: 2,
        acknowledgement: 3,
        flags: ACK | PSH,
        payload: b"GET / HTTP/1.0\r\n\r\n",
        ..Segment::default()
    };
    let forward = four(Ipv4Addr::new(10, 0, 2, 4), 99);
    let (guest4, guest6) = (four(GUEST, 50_000), six(GUEST6, 50_000));
    let (host4, host6) = (four(GATEWAY, 9), six(GATEWAY6, 9));
    [
        packets::tcp(guest4, host4, syn),
        packets::tcp(guest4, host4, data),
        packets::tcp(guest4, forward, syn),
        packets::tcp(guest6, host6, syn),
        packets::tcp(guest6, host6, data),
    ]
}

fn udp_samples() -> [Vec<u8>; 7] {
    let mut dhcp = vec![1, 1, 6, 0, 1, 2, 3, 4];
    dhcp.resize(236, 0);
    // RFC 2132: a request, the address, a host name, the end.
    dhcp.extend([99, 130, 83, 99, 53, 1, 3, 50, 4, 10, 0, 2, 15]);
    dhcp.extend([12, 3, 97, 98, 99, 255]);
    // RFC 8415, 8: an information request with options for a client, a list and a time.
    let dhcp6 = [
        11, 1, 2, 3, 0, 1, 0, 4, 0, 3, 0, 1, 0, 6, 0, 2, 0, 23, 0, 8, 0, 2, 0, 0,
    ];
    let read = b"\0\x01file\0octet\0blksize\x001024\0";
    let (nobody, everybody) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    let agents = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let guest = four(GUEST, 2000);
    [
        packets::udp(four(nobody, 68), four(everybody, 67), &dhcp),
        packets::udp(guest, four(GATEWAY, 69), read),
        packets::udp(guest, four(GATEWAY, 69), b"\0\x04\0\x01"),
        packets::udp(guest, four(NAME_SERVER, 53), &[0x12, 0x34, 1, 0, 0, 1]),
        packets::udp(guest, four(GATEWAY, 9), b"discard"),
        packets::udp(six(GUEST6, 2001), six(GATEWAY6, 9), b"discard"),
        packets::udp(six(LOCAL6, 546), six(agents, 547), &dhcp6),
    ]
}

pub(crate) fn four(address: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::new(address.into(), port)
}

pub(crate) fn six(address: Ipv6Addr, port: u16) -> SocketAddr {
    SocketAddr::new(address.into(), port)
}
