//! Frames of a guest, and what its network answers.

use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const GUEST_MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
pub(crate) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;

const BROADCAST: [u8; 6] = [0xff; 6];
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const UDP: u8 = 17;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;

/// Asks who has `address`.
pub(crate) fn arp_request(address: Ipv4Addr) -> Vec<u8> {
    let mut packet = vec![0, 1, 8, 0, 6, 4, 0, 1];
    packet.extend(GUEST_MAC);
    packet.extend(GUEST.octets());
    packet.extend([0; 6]);
    packet.extend(address.octets());
    ethernet(BROADCAST, ARP, &packet)
}

/// The address that an ARP reply is about.
pub(crate) fn arp_reply_of(frame: &[u8]) -> Option<Ipv4Addr> {
    let packet = of_type(frame, ARP)?;
    let address: [u8; 4] = packet.get(14..18)?.try_into().ok()?;
    (packet.get(6..8)? == [0, 2]).then(|| address.into())
}

/// A DHCP discover (RFC 2131).
pub(crate) fn dhcp_discover() -> Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe];
    message.resize(28, 0);
    message.extend(GUEST_MAC);
    message.resize(236, 0);
    message.extend([99, 130, 83, 99, 53, 1, 1, 255]);
    let datagram = udp(68, 67, &message);
    let (from, to) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    ethernet(BROADCAST, IPV4, &ipv4(UDP, from, to, datagram))
}

/// The address that a DHCP offer offers.
pub(crate) fn dhcp_offer_of(frame: &[u8]) -> Option<Ipv4Addr> {
    let message = udp_payload(frame)?;
    let address: [u8; 4] = message.get(16..20)?.try_into().ok()?;
    (message.get(240..243)? == [53, 1, 2]).then(|| address.into())
}

/// A router solicitation (RFC 4861).
pub(crate) fn router_solicitation() -> Vec<u8> {
    let from: Ipv6Addr = "fe80::5054:ff:fe12:3456".parse().expect("an address");
    let to: Ipv6Addr = "ff02::2".parse().expect("an address");
    let mut message = vec![133, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    message.extend(GUEST_MAC);
    let sum = checksum(&[&from.octets(), &to.octets(), &[0, ICMPV6, 0, 16], &message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x60, 0, 0, 0, 0, 16, ICMPV6, 255];
    packet.extend(from.octets());
    packet.extend(to.octets());
    packet.extend(message);
    ethernet([0x33, 0x33, 0, 0, 0, 2], IPV6, &packet)
}

pub(crate) fn is_router_advertisement(frame: &[u8]) -> bool {
    let packet = of_type(frame, IPV6).unwrap_or_default();
    packet.get(6) == Some(&ICMPV6) && packet.get(40) == Some(&134)
}

/// A datagram of the guest.
pub(crate) fn udp_frame(from: u16, to: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let datagram = udp(from, to.1, payload);
    ethernet(BROADCAST, IPV4, &ipv4(UDP, GUEST, to.0, datagram))
}

/// What a UDP datagram carries.
pub(crate) fn udp_payload(frame: &[u8]) -> Option<&[u8]> {
    transport(frame, UDP)?.1.get(8..)
}

/// A TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The other side's address and port.
    pub(crate) peer: (Ipv4Addr, u16),
    /// The guest's port.
    pub(crate) port: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
}

impl Segment {
    /// The frame that carries it from the guest.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut segment = Vec::new();
        segment.extend(self.port.to_be_bytes());
        segment.extend(self.peer.1.to_be_bytes());
        segment.extend(self.sequence.to_be_bytes());
        segment.extend(self.acknowledgement.to_be_bytes());
        segment.extend([0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(&self.payload);
        let length = u16::try_from(segment.len()).expect("a short segment");
        let sum = checksum(&[
            &GUEST.octets(),
            &self.peer.0.octets(),
            &[0, TCP],
            &length.to_be_bytes(),
            &segment,
        ]);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        ethernet(BROADCAST, IPV4, &ipv4(TCP, GUEST, self.peer.0, segment))
    }

    /// Reads a segment to the guest.
    pub(crate) fn parse(frame: &[u8]) -> Option<Self> {
        let (from, segment) = transport(frame, TCP)?;
        let two = |at| {
            Some(u16::from_be_bytes(
                segment.get(at..at + 2)?.try_into().ok()?,
            ))
        };
        let four = |at| {
            Some(u32::from_be_bytes(
                segment.get(at..at + 4)?.try_into().ok()?,
            ))
        };
        let header = usize::from(segment.get(12)? >> 4) * 4;
        Some(Self {
            peer: (from, two(0)?),
            port: two(2)?,
            sequence: four(4)?,
            acknowledgement: four(8)?,
            flags: *segment.get(13)?,
            payload: segment.get(header..)?.to_vec(),
        })
    }
}

fn ethernet(to: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = to.to_vec();
    frame.extend(GUEST_MAC);
    frame.extend(kind.to_be_bytes());
    frame.extend(payload);
    frame
}

fn ipv4(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, payload: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).expect("a short packet");
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

/// Without a checksum, which IPv4 allows.
fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).expect("a short datagram");
    let mut datagram = Vec::new();
    for field in [from, to, length, 0] {
        datagram.extend(field.to_be_bytes());
    }
    datagram.extend(payload);
    datagram
}

fn of_type(frame: &[u8], kind: u16) -> Option<&[u8]> {
    let (header, payload) = frame.split_at_checked(14)?;
    header.ends_with(&kind.to_be_bytes()).then_some(payload)
}

/// The sender and the content of an IPv4 packet of that protocol, without padding.
fn transport(frame: &[u8], protocol: u8) -> Option<(Ipv4Addr, &[u8])> {
    let packet = of_type(frame, IPV4)?;
    let length = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
    let from: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let header = usize::from(packet.first()? & 15) * 4;
    let content = packet.get(header..length)?;
    (packet.get(9) == Some(&protocol)).then(|| (from.into(), content))
}

/// The Internet checksum of pieces of even length, but for the last.
fn checksum(pieces: &[&[u8]]) -> u16 {
    let words = pieces.iter().flat_map(|piece| piece.chunks(2));
    let mut sum: u32 = words
        .map(|word| (u32::from(word[0]) << 8) | word.get(1).map_or(0, |low| u32::from(*low)))
        .sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded")
}
