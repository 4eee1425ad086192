//! Frames made and read by hand, for what no well-behaved stack sends or shows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The guest's Ethernet address.
pub(crate) const GUEST_MAC: [u8; 6] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
/// libslirp's address for 10.0.2.2.
pub(crate) const GATEWAY_MAC: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];
/// The first address that DHCP gives.
pub(crate) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub(crate) const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP6: u8 = 58;

/// Flags of TCP.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// A frame from the guest to the gateway.
pub(crate) fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&GATEWAY_MAC, &GUEST_MAC, &kind.to_be_bytes()[..], payload].concat()
}

/// A frame around an IP packet of either version.
pub(crate) fn ip(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (from, to) = (octets(from), octets(to));
    if from.len() == 16 {
        let [l0, l1] = length(payload.len());
        let head = [0x60, 0, 0, 0, l0, l1, protocol, 64];
        return ethernet(0x86dd, &[&head[..], &from, &to, payload].concat());
    }
    let [l0, l1] = length(20 + payload.len());
    let head = |[c0, c1]: [u8; 2]| {
        let head = [0x45, 0, l0, l1, 0, 1, 0, 0, 64, protocol, c0, c1];
        [&head[..], &from, &to].concat()
    };
    let head = head(checksum(&[&head([0, 0])]));
    ethernet(0x0800, &[&head[..], payload].concat())
}

pub(crate) fn udp(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = length(8 + payload.len());
    let datagram = |sum: [u8; 2]| {
        let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
        [&ports[..], &[l0, l1], &sum, payload].concat()
    };
    let sum = transport_checksum(from.ip(), to.ip(), UDP, &datagram([0, 0]));
    ip(from.ip(), to.ip(), UDP, &datagram(sum))
}

/// A frame around an IPv4 packet, as frames around fragments of at most `size` bytes, a multiple of 8 (RFC 791, 3.2).
pub(crate) fn fragments(frame: &[u8], identification: u16, size: usize) -> Vec<Vec<u8>> {
    let (head, payload) = frame.split_at_checked(34).unwrap_or((frame, &[]));
    let last = payload.len().saturating_sub(1) / size;
    let pieces = payload.chunks(size).enumerate();
    let fragment = |(number, piece): (usize, &[u8])| {
        let more = if number < last { 0x2000 } else { 0 };
        let offset = u16::try_from(number * size / 8).unwrap_or(u16::MAX) | more;
        let mut frame = [head, piece].concat();
        frame.splice(16..18, length(20 + piece.len()));
        frame.splice(18..20, identification.to_be_bytes());
        frame.splice(20..22, offset.to_be_bytes());
        frame.splice(24..26, [0, 0]);
        let sum = checksum(&[frame.get(14..34).unwrap_or_default()]);
        frame.splice(24..26, sum);
        frame
    };
    pieces.map(fragment).collect()
}

/// What a TCP segment says beside its addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Segment<'a> {
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    pub(crate) urgent: u16,
    /// A multiple of 4 bytes.
    pub(crate) options: &'a [u8],
    pub(crate) payload: &'a [u8],
}

pub(crate) fn tcp(from: SocketAddr, to: SocketAddr, segment: Segment<'_>) -> Vec<u8> {
    let words = 5 + u8::try_from(segment.options.len() / 4).unwrap_or(0);
    let bytes = |sum: [u8; 2]| {
        [
            &from.port().to_be_bytes()[..],
            &to.port().to_be_bytes(),
            &segment.sequence.to_be_bytes(),
            &segment.acknowledgement.to_be_bytes(),
            &[words << 4, segment.flags, 0xff, 0xff],
            &sum,
            &segment.urgent.to_be_bytes(),
            segment.options,
            segment.payload,
        ]
        .concat()
    };
    let sum = transport_checksum(from.ip(), to.ip(), TCP, &bytes([0, 0]));
    ip(from.ip(), to.ip(), TCP, &bytes(sum))
}

/// An echo request of ICMP or ICMPv6.
pub(crate) fn ping(from: IpAddr, to: IpAddr, identifier: u16, payload: &[u8]) -> Vec<u8> {
    let [i0, i1] = identifier.to_be_bytes();
    let is_ipv4 = from.is_ipv4();
    let kind = if is_ipv4 { 8 } else { 128 };
    let message = |[c0, c1]: [u8; 2]| [&[kind, 0, c0, c1, i0, i1, 0, 1], payload].concat();
    let plain = message([0, 0]);
    match is_ipv4 {
        true => ip(from, to, ICMP, &message(checksum(&[&plain]))),
        false => {
            let sum = transport_checksum(from, to, ICMP6, &plain);
            ip(from, to, ICMP6, &message(sum))
        }
    }
}

/// Asks who has `target`; of the asker's own address it tells everybody who that is.
pub(crate) fn arp(target: Ipv4Addr) -> Vec<u8> {
    arp_from(GUEST, target)
}

pub(crate) fn arp_from(guest: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = [
        &[0xff; 6][..],
        &GUEST_MAC,
        &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1],
        &GUEST_MAC,
        &guest.octets(),
        &[0; 6],
        &target.octets(),
    ]
    .concat();
    frame.resize(60, 0);
    frame
}

/// Asks who has `target`, and tells who asks (RFC 4861, 4.3).
pub(crate) fn neighbour_solicitation(from: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = [word(&[0xff, a], 0), word(&[b, c], 0)];
    let to = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, group[0], group[1]);
    let head = [135, 0, 0, 0, 0, 0, 0, 0];
    let message = [&head[..], &target.octets(), &[1, 1], &GUEST_MAC].concat();
    icmp6(from, to, &message, 255)
}

/// A message whose checksum is zero so far, to a group of nodes.
pub(crate) fn icmp6(from: Ipv6Addr, to: Ipv6Addr, message: &[u8], hop_limit: u8) -> Vec<u8> {
    let sum = transport_checksum(from.into(), to.into(), ICMP6, message);
    let mut message = message.to_vec();
    let [.., a, b, c, d] = to.octets();
    message.splice(2..4, sum);
    let mut frame = ip(from.into(), to.into(), ICMP6, &message);
    // The hop limit, and the group's Ethernet address (RFC 2464, 7).
    frame.splice(21..22, [hop_limit]);
    frame.splice(0..6, [0x33, 0x33, a, b, c, d]);
    frame
}

/// An IP packet out of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) from: IpAddr,
    pub(crate) to: IpAddr,
    pub(crate) protocol: u8,
    /// Where in the frame the transport header begins.
    pub(crate) start: usize,
    /// The transport header and what is behind it, without padding.
    pub(crate) transport: &'a [u8],
}

impl<'a> Packet<'a> {
    /// `None` for a frame that is no whole IP packet.
    pub(crate) fn of(frame: &'a [u8]) -> Option<Self> {
        let (ethernet, packet) = frame.split_first_chunk::<14>()?;
        match [ethernet[12], ethernet[13]] {
            [0x08, 0x00] => {
                let (head, _) = packet.split_first_chunk::<20>()?;
                let length = u16::from_be_bytes([head[2], head[3]]);
                let begin = 4 * usize::from(head[0] & 0x0f);
                Some(Self {
                    from: IpAddr::from([head[12], head[13], head[14], head[15]]),
                    to: IpAddr::from([head[16], head[17], head[18], head[19]]),
                    protocol: head[9],
                    start: 14 + begin,
                    transport: packet.get(begin..usize::from(length))?,
                })
            }
            [0x86, 0xdd] => {
                let (head, rest) = packet.split_first_chunk::<40>()?;
                let length = u16::from_be_bytes([head[4], head[5]]);
                let address = |at| {
                    let bytes: Option<[u8; 16]> = head.get(at..at + 16)?.try_into().ok();
                    bytes.map(IpAddr::from)
                };
                Some(Self {
                    from: address(8)?,
                    to: address(24)?,
                    protocol: head[6],
                    start: 14 + 40,
                    transport: rest.get(..usize::from(length))?,
                })
            }
            _ => None,
        }
    }

    /// Where it comes from and goes to, if it is TCP.
    pub(crate) fn ports(&self) -> Option<(SocketAddr, SocketAddr)> {
        let head = self.transport.first_chunk::<20>()?;
        let from = SocketAddr::new(self.from, word(head, 0));
        let to = SocketAddr::new(self.to, word(head, 2));
        (self.protocol == TCP).then_some((from, to))
    }

    /// Ends and payload, if this is UDP.
    pub(crate) fn udp(&self) -> Option<(SocketAddr, SocketAddr, &'a [u8])> {
        let (head, payload) = self.transport.split_first_chunk::<8>()?;
        let port = |at| SocketAddr::new(if at == 0 { self.from } else { self.to }, word(head, at));
        (self.protocol == UDP).then(|| (port(0), port(2), payload))
    }

    /// What the header says, and the payload, if this is TCP.
    pub(crate) fn tcp(&self) -> Option<TcpHead<'a>> {
        let (head, _) = self.transport.split_first_chunk::<20>()?;
        let begin = 4 * usize::from(head[12] >> 4);
        Some(TcpHead {
            sequence: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            flags: head[13],
            options: self.transport.get(20..begin)?,
            payload: self.transport.get(begin..)?,
        })
        .filter(|_| self.protocol == TCP)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpHead<'a> {
    pub(crate) sequence: u32,
    pub(crate) flags: u8,
    pub(crate) options: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl TcpHead<'_> {
    /// The maximum segment size option.
    pub(crate) fn segment_size(&self) -> Option<u16> {
        let at = self.options.windows(2).position(|it| it == [2, 4])?;
        let value = self.options.get(at + 2..at + 4)?;
        Some(word(value, 0))
    }
}

/// The Internet checksum of the pieces (RFC 1071), the way it goes into a header.
pub(crate) fn checksum(pieces: &[&[u8]]) -> [u8; 2] {
    (!sum(pieces)).to_be_bytes()
}

/// The sum of the pieces, each of which but the last has an even length.
pub(crate) fn sum(pieces: &[&[u8]]) -> u16 {
    let words = pieces.iter().flat_map(|piece| piece.chunks(2));
    let mut sum: u64 = words
        .map(|pair| match *pair {
            [high, low] => u64::from(u16::from_be_bytes([high, low])),
            [high] => u64::from(high) << 8,
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

/// The pseudo-header of a transport checksum.
pub(crate) fn pseudo_header(from: IpAddr, to: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [
        &octets(from)[..],
        &octets(to),
        &length,
        &[0, 0, 0, protocol],
    ]
    .concat()
}

fn transport_checksum(from: IpAddr, to: IpAddr, protocol: u8, bytes: &[u8]) -> [u8; 2] {
    checksum(&[&pseudo_header(from, to, protocol, bytes.len()), bytes])
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    let byte = |at| bytes.get(at).copied().unwrap_or(0);
    u16::from_be_bytes([byte(at), byte(at + 1)])
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}
