use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bitflags::bitflags;

use super::bytes::{be16, be32, chunk};

/// Length of the Ethernet header, in bytes: where the IP header begins.
pub(super) const NETWORK: usize = 14;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// IPv6 extension headers before a transport header; more are not looked through.
const MOST_EXTENSIONS: usize = 8;

/// What an Ethernet frame with an IP packet consists of. Offsets are in bytes from the Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Headers {
    /// Source address of the IP header.
    pub source: IpAddr,
    /// Destination address of the IP header, which a routing header does not change.
    pub destination: IpAddr,
    /// What the packet carries, behind IPv6 hop-by-hop, routing, destination and fragment headers.
    pub protocol: Protocol,
    /// Where the transport header begins, or in a later fragment the rest of the payload.
    pub transport: usize,
    /// Where the payload of TCP or UDP begins; `transport` for other protocols and for fragments.
    pub payload: usize,
    /// Where the IP packet ends by its own length. The frame may be longer: short frames are padded.
    pub end: usize,
    /// A fragment, also the first of a packet, and also one that is the whole packet (RFC 6946). Only the IP
    /// header is looked at.
    pub is_fragment: bool,
    /// The don't-fragment bit of IPv4; true for IPv6.
    pub dont_fragment: bool,
    /// Port of TCP or UDP, else 0.
    pub source_port: u16,
    /// Port of TCP or UDP, else 0.
    pub destination_port: u16,
    /// TCP's sequence number, else 0.
    pub sequence: u32,
    /// TCP's acknowledgement number, else 0.
    pub acknowledgement: u32,
    /// TCP's flags, else none.
    pub flags: TcpFlags,
    /// TCP's window as it is in the header, unscaled, else 0.
    pub window: u16,
}

impl Headers {
    /// Where the IP header begins.
    pub const NETWORK: usize = NETWORK;

    /// Reads the headers of a whole frame.
    ///
    /// `None` when it is not IP, or when a length in it is too small or reaches beyond what it is a part of.
    /// VLAN tags are not looked through.
    #[inline]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        Self::parse_prefix(frame, frame.len())
    }

    /// Reads the headers of a frame of `length` bytes, of which `prefix` is the beginning.
    ///
    /// `None` for what [`parse`](Self::parse) refuses, and when the headers do not end within `prefix`.
    #[inline]
    pub fn parse_prefix(prefix: &[u8], length: usize) -> Option<Self> {
        let headers = match be16(prefix, 12)? {
            ETHERTYPE_IPV4 => Self::ipv4(prefix)?,
            ETHERTYPE_IPV6 => Self::ipv6(prefix)?,
            _ => return None,
        };
        if headers.end > length {
            return None;
        }
        headers.with_transport(prefix)
    }

    /// 4 or 6.
    #[inline]
    pub fn version(&self) -> u8 {
        if self.source.is_ipv4() { 4 } else { 6 }
    }

    /// Where the options of the TCP header are; an empty range when there are none, or no TCP header.
    #[inline]
    pub fn tcp_options(&self) -> Range<usize> {
        match self.protocol {
            Protocol::Tcp if !self.is_fragment => self.transport + 20..self.payload,
            _ => self.payload..self.payload,
        }
    }

    /// Length of the transport header and its payload, in bytes: what the pseudo-header says.
    #[inline]
    pub fn transport_length(&self) -> usize {
        self.end - self.transport
    }

    /// Length of the payload of TCP or UDP, in bytes.
    #[inline]
    pub fn payload_length(&self) -> usize {
        self.end - self.payload
    }

    /// Where the checksum field of TCP or UDP is, from `transport`; `None` for other protocols and for
    /// fragments.
    #[inline]
    pub fn checksum_offset(&self) -> Option<usize> {
        match self.protocol {
            _ if self.is_fragment => None,
            Protocol::Tcp => Some(16),
            Protocol::Udp => Some(6),
            Protocol::Other(_) => None,
        }
    }

    /// Where the transport header begins without IPv4 options and IPv6 extension headers.
    #[inline]
    pub(super) fn plain_transport(&self) -> usize {
        NETWORK + if self.source.is_ipv4() { 20 } else { 40 }
    }

    fn ipv4(frame: &[u8]) -> Option<Self> {
        let header: [u8; 20] = chunk(frame, NETWORK)?;
        let [
            first,
            _,
            l0,
            l1,
            _,
            _,
            f0,
            f1,
            _,
            protocol,
            _,
            _,
            addresses @ ..,
        ] = header;
        let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
        let header_length = usize::from(first & 0xf) * 4;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if first >> 4 != 4 || header_length < 20 || length < header_length {
            return None;
        }
        let fragment = u16::from_be_bytes([f0, f1]);
        Some(Self {
            protocol: Protocol::from_number(protocol),
            transport: NETWORK + header_length,
            end: NETWORK + length,
            is_fragment: fragment & 0x3fff != 0,
            dont_fragment: fragment & 0x4000 != 0,
            ..Self::between(
                IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
                IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
            )
        })
    }

    fn ipv6(frame: &[u8]) -> Option<Self> {
        let [first, _, _, _, l0, l1, next, _] = chunk(frame, NETWORK)?;
        if first >> 4 != 6 {
            return None;
        }
        let source: [u8; 16] = chunk(frame, NETWORK + 8)?;
        let destination: [u8; 16] = chunk(frame, NETWORK + 24)?;
        let mut headers = Self {
            transport: NETWORK + 40,
            end: NETWORK + 40 + usize::from(u16::from_be_bytes([l0, l1])),
            dont_fragment: true,
            ..Self::between(
                IpAddr::V6(Ipv6Addr::from(source)),
                IpAddr::V6(Ipv6Addr::from(destination)),
            )
        };
        headers.skip_extensions(frame, next)?;
        Some(headers)
    }

    #[inline]
    fn skip_extensions(&mut self, frame: &[u8], first: u8) -> Option<()> {
        let mut next = first;
        for _ in 0..=MOST_EXTENSIONS {
            if !matches!(
                next,
                extension::HOP_BY_HOP
                    | extension::ROUTING
                    | extension::DESTINATION
                    | extension::FRAGMENT
            ) {
                self.protocol = Protocol::from_number(next);
                return (self.transport <= self.end).then_some(());
            }
            let [following, units] = chunk(frame, self.transport)?;
            if next == extension::FRAGMENT {
                self.is_fragment = true;
                self.transport += 8;
                self.protocol = Protocol::from_number(following);
                return (self.transport <= self.end).then_some(());
            }
            self.transport += 8 + 8 * usize::from(units);
            next = following;
        }
        None
    }

    #[inline]
    fn with_transport(mut self, frame: &[u8]) -> Option<Self> {
        self.payload = self.transport;
        match self.protocol {
            _ if self.is_fragment => {}
            Protocol::Tcp => {
                self.payload += usize::from(*frame.get(self.transport + 12)? >> 4) * 4;
                if self.payload < self.transport + 20 || self.payload > frame.len() {
                    return None;
                }
                self.sequence = be32(frame, self.transport + 4)?;
                self.acknowledgement = be32(frame, self.transport + 8)?;
                self.flags = TcpFlags::from_bits_retain(*frame.get(self.transport + 13)?);
                self.window = be16(frame, self.transport + 14)?;
            }
            Protocol::Udp => {
                self.payload += 8;
                let length = usize::from(be16(frame, self.transport + 4)?);
                if length < 8 || self.transport + length > self.end || self.payload > frame.len() {
                    return None;
                }
            }
            Protocol::Other(_) => {}
        }
        if self.payload > self.transport {
            self.source_port = be16(frame, self.transport)?;
            self.destination_port = be16(frame, self.transport + 2)?;
        }
        (self.payload <= self.end).then_some(self)
    }

    #[inline]
    fn between(source: IpAddr, destination: IpAddr) -> Self {
        Self {
            source,
            destination,
            protocol: Protocol::Other(0),
            transport: 0,
            payload: 0,
            end: 0,
            is_fragment: false,
            dont_fragment: false,
            source_port: 0,
            destination_port: 0,
            sequence: 0,
            acknowledgement: 0,
            flags: TcpFlags::empty(),
            window: 0,
        }
    }
}

/// What an IP packet carries (IANA's protocol numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// 6: TCP (RFC 9293).
    Tcp,
    /// 17: UDP (RFC 768).
    Udp,
    /// Any other number.
    Other(u8),
}

impl Protocol {
    /// The number in the IP header.
    #[inline]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Other(number) => number,
        }
    }

    #[inline]
    const fn from_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            _ => Self::Other(number),
        }
    }
}

bitflags! {
    /// The flags of a TCP header: its byte 13 (RFC 9293, 3.1; RFC 3168).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct TcpFlags: u8 {
        /// The sender has no more data.
        const FIN = 1;
        /// The beginning of a connection.
        const SYN = 1 << 1;
        /// There is no such connection (any more).
        const RST = 1 << 2;
        /// The receiver should not wait for more data.
        const PSH = 1 << 3;
        /// The acknowledgement number counts.
        const ACK = 1 << 4;
        /// The urgent pointer counts.
        const URG = 1 << 5;
        /// Congestion was experienced on the way here.
        const ECE = 1 << 6;
        /// The sender has reduced its congestion window.
        const CWR = 1 << 7;
    }
}

/// IPv6 extension headers that may stand before a transport header (RFC 8200, 4).
pub(super) mod extension {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const DESTINATION: u8 = 60;
}

#[cfg(test)]
mod tests;
