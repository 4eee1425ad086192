//! Frames that the guest receives.

use std::net::Ipv4Addr;

use super::checksum::{fold, length, sum};
use super::frame::{ETHERTYPE_ARP, ETHERTYPE_IPV4, HEADERS, TCP, TCP_AT, UDP};

/// What arrived.
#[derive(Debug)]
pub(super) enum Arrived<'a> {
    Segment(Segment<'a>),
    Datagram(Datagram<'a>),
    ArpRequest(Arp),
    ArpReply(Arp),
    /// Nothing that the guest knows.
    Other,
}

/// The sender of an ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arp {
    pub(super) mac: [u8; 6],
    pub(super) address: Ipv4Addr,
    /// Whom it is about.
    pub(super) target: Ipv4Addr,
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// Source and destination.
    pub(super) ports: [u16; 2],
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    pub(super) options: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// A UDP datagram.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram<'a> {
    /// Source and destination.
    pub(super) ports: [u16; 2],
    pub(super) payload: &'a [u8],
}

impl Segment<'_> {
    /// The value of an option of the SYN (RFC 9293, 3.1).
    pub(super) fn option<const N: usize>(&self, kind: u8) -> Option<[u8; N]> {
        let mut rest = self.options;
        loop {
            match *rest.first()? {
                0 => return None,
                1 => rest = rest.get(1..)?,
                found => {
                    let length = usize::from(*rest.get(1)?).max(2);
                    if found == kind {
                        return rest.get(2..length)?.try_into().ok();
                    }
                    rest = rest.get(length..)?;
                }
            }
        }
    }
}

/// Looks at a frame.
pub(super) fn parse(frame: &[u8]) -> Arrived<'_> {
    let parsed = match frame.get(12..14) {
        Some(kind) if kind == ETHERTYPE_IPV4 && frame.get(23) == Some(&UDP) => {
            parse_datagram(frame)
        }
        Some(kind) if kind == ETHERTYPE_IPV4 => parse_segment(frame),
        Some(kind) if kind == ETHERTYPE_ARP => parse_arp(frame),
        _ => None,
    };
    parsed.unwrap_or(Arrived::Other)
}

/// Whether IP and TCP or UDP checksum of a frame are right; the latter is not looked at when it is the receiver's to
/// complete.
pub(super) fn is_intact(frame: &[u8], partial: bool) -> bool {
    let check = || {
        let ip = frame.get(14..TCP_AT)?;
        let [high, low]: [u8; 2] = ip.get(2..4)?.try_into().ok()?;
        let end = 14 + usize::from(u16::from_be_bytes([high, low]));
        let inner = frame.get(TCP_AT..end)?;
        let protocol = u32::from(*ip.get(9)?);
        let pseudo = sum(ip.get(12..20)?) + protocol + length(inner);
        Some(fold(sum(ip)) == 0xffff && (partial || fold(pseudo + sum(inner)) == 0xffff))
    };
    check().unwrap_or(false)
}

fn parse_segment(frame: &[u8]) -> Option<Arrived<'_>> {
    let head: &[u8; HEADERS] = frame.first_chunk()?;
    // No options of IP, no fragment.
    if head[14] != 0x45 || head[23] != TCP || head[20] & 0x3f != 0 || head[21] != 0 {
        return None;
    }
    let end = 14 + usize::from(u16::from_be_bytes([head[16], head[17]]));
    let payload_at = TCP_AT + usize::from(head[46] >> 4) * 4;
    Some(Arrived::Segment(Segment {
        ports: [
            u16::from_be_bytes([head[34], head[35]]),
            u16::from_be_bytes([head[36], head[37]]),
        ],
        sequence: u32::from_be_bytes([head[38], head[39], head[40], head[41]]),
        acknowledged: u32::from_be_bytes([head[42], head[43], head[44], head[45]]),
        flags: head[47],
        window: u16::from_be_bytes([head[48], head[49]]),
        options: frame.get(HEADERS..payload_at)?,
        payload: frame.get(payload_at..end)?,
    }))
}

fn parse_datagram(frame: &[u8]) -> Option<Arrived<'_>> {
    /// All headers.
    const BEFORE: usize = TCP_AT + 8;
    let head: &[u8; BEFORE] = frame.first_chunk()?;
    // No options of IP, no fragment.
    if head[14] != 0x45 || head[20] & 0x3f != 0 || head[21] != 0 {
        return None;
    }
    let end = TCP_AT + usize::from(u16::from_be_bytes([head[38], head[39]]));
    Some(Arrived::Datagram(Datagram {
        ports: [
            u16::from_be_bytes([head[34], head[35]]),
            u16::from_be_bytes([head[36], head[37]]),
        ],
        payload: frame.get(BEFORE..end)?,
    }))
}

fn parse_arp(frame: &[u8]) -> Option<Arrived<'_>> {
    let address = |at: usize| -> Option<Ipv4Addr> {
        let bytes: [u8; 4] = frame.get(at..at + 4)?.try_into().ok()?;
        Some(bytes.into())
    };
    let arp = Arp {
        mac: frame.get(22..28)?.try_into().ok()?,
        address: address(28)?,
        target: address(38)?,
    };
    match frame.get(20..22)? {
        [0, 1] => Some(Arrived::ArpRequest(arp)),
        [0, 2] => Some(Arrived::ArpReply(arp)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{Addresses, VIRTIO, flags, once};
    use super::*;

    fn bytes(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let addresses = Addresses::new(Ipv4Addr::new(10, 0, 2, 15), Ipv4Addr::new(10, 0, 2, 2));
        let bytes = once(&addresses, [1025, 80], flags, [9, 8], options, payload);
        bytes[VIRTIO..].to_vec()
    }

    #[test]
    fn what_was_made_is_parsed_again() {
        let bytes = bytes(flags::SYN, &[2, 4, 5, 0xb4, 1, 3, 3, 7], b"x");
        let Arrived::Segment(segment) = parse(&bytes) else {
            panic!("no segment");
        };
        assert_eq!(segment.ports, [1025, 80]);
        assert_eq!((segment.sequence, segment.acknowledged), (9, 8));
        assert_eq!((segment.flags, segment.window), (flags::SYN, 0xffff));
        assert_eq!(segment.payload, b"x");
        assert_eq!(segment.option(2), Some(1460_u16.to_be_bytes()));
        assert_eq!(segment.option(3), Some([7]));
        assert_eq!(segment.option::<1>(8), None);
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut bytes = bytes(flags::ACK, &[], &[5; 100]);
        *bytes.last_mut().unwrap() ^= 1;
        assert!(!is_intact(&bytes, false));
        assert!(is_intact(&bytes, true));
        assert!(matches!(parse(&bytes[..40]), Arrived::Other));
    }
}
