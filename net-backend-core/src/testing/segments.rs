//! Frames that need an offload: real TCP and UDP, since kernels look into them.

use super::frames::{Frame, ethernet, pattern};
use crate::{HeaderFlags, Segmentation, VirtioNetHeader};

/// A kind of frame that needs an offload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    version: u8,
    protocol: u8,
    segmentation: Segmentation,
    ecn: bool,
}

/// Protocol numbers of IP (IANA).
const TCP: u8 = 6;
const UDP: u8 = 17;
/// Payload bytes in a segment.
const SEGMENT: u16 = 1000;

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::new("TCP/IPv4 checksum", 4, TCP, Segmentation::None),
        Self::new("TCP/IPv6 checksum", 6, TCP, Segmentation::None),
        Self::new("UDP/IPv4 checksum", 4, UDP, Segmentation::None),
        Self::new("TCP/IPv4 segments", 4, TCP, Segmentation::Tcp4),
        Self::new("TCP/IPv6 segments", 6, TCP, Segmentation::Tcp6),
        Self::new("UDP/IPv4 fragments", 4, UDP, Segmentation::UdpFragments),
        Self::new("UDP/IPv4 segments", 4, UDP, Segmentation::Udp),
        Self::new("UDP/IPv6 segments", 6, UDP, Segmentation::Udp),
        Self {
            ecn: true,
            ..Self::new("TCP/IPv4 segments with ECN", 4, TCP, Segmentation::Tcp4)
        },
    ];

    const fn new(
        name: &'static str,
        version: u8,
        protocol: u8,
        segmentation: Segmentation,
    ) -> Self {
        Self {
            name,
            version,
            protocol,
            segmentation,
            ecn: false,
        }
    }

    /// A frame of this kind: of three and a half segments, or an ordinary one without checksum.
    pub(super) fn frame(&self, number: u32) -> Frame {
        let payload: u16 = match self.segmentation {
            Segmentation::None => 200,
            _ => 3 * SEGMENT + SEGMENT / 2,
        };
        let transport = self.transport(payload);
        let length = u16::try_from(transport.len()).unwrap_or(u16::MAX) + payload;
        let (kind, network) = match self.version {
            4 => ([0x08, 0x00], ipv4(self.protocol, length)),
            _ => ([0x86, 0xdd], ipv6(self.protocol, length)),
        };
        let mut bytes = ethernet(number, kind);
        bytes.extend(network);
        let checksum_start = bytes.len();
        bytes.extend(transport);
        let header_length = bytes.len();
        bytes.extend(pattern(number).take(usize::from(payload)));
        let header = self.header(checksum_start, header_length);
        Frame {
            number,
            header,
            bytes,
            answer: None,
        }
    }

    fn header(&self, checksum_start: usize, header_length: usize) -> VirtioNetHeader {
        let plain = self.segmentation == Segmentation::None;
        VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM,
            segmentation: self.segmentation,
            ecn: self.ecn,
            header_length: match plain {
                true => 0,
                false => u16::try_from(header_length).unwrap_or(0),
            },
            segment_size: if plain { 0 } else { SEGMENT },
            checksum_start: u16::try_from(checksum_start).unwrap_or(0),
            checksum_offset: if self.protocol == TCP { 16 } else { 6 },
            buffers: 1,
        }
    }

    /// The transport header, with the sum of the pseudo-header where the checksum goes.
    fn transport(&self, payload: u16) -> Vec<u8> {
        let header = if self.protocol == TCP { 20 } else { 8 };
        let length = payload + header;
        let addresses = match self.version {
            4 => [SOURCE4, DESTINATION4].concat(),
            _ => [SOURCE6, DESTINATION6].concat(),
        };
        let [l0, l1] = length.to_be_bytes();
        let pseudo = [&addresses[..], &[0, self.protocol, l0, l1]].concat();
        let [c0, c1] = sum(&pseudo).to_be_bytes();
        // Ports 4000 and 9 (discard).
        let ports = [0x0f, 0xa0, 0x00, 0x09];
        let rest: &[u8] = match self.protocol {
            // Sequence number, acknowledgement, length, flags (ACK, or ACK and CWR), window, checksum.
            TCP => &[
                0,
                0,
                0,
                1,
                0,
                0,
                0,
                1,
                0x50,
                self.flags(),
                0xff,
                0xff,
                c0,
                c1,
                0,
                0,
            ],
            _ => &[l0, l1, c0, c1],
        };
        [&ports, rest].concat()
    }

    fn flags(&self) -> u8 {
        if self.ecn { 0x90 } else { 0x10 }
    }
}

/// TEST-NET-1 (RFC 5737).
const SOURCE4: [u8; 4] = [192, 0, 2, 1];
const DESTINATION4: [u8; 4] = [192, 0, 2, 2];
/// The documentation prefix (RFC 3849).
const SOURCE6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const DESTINATION6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn ipv4(protocol: u8, length: u16) -> Vec<u8> {
    let [l0, l1] = (length + 20).to_be_bytes();
    let fixed = |c0, c1| {
        let head = [0x45, 0, l0, l1, 0, 1, 0, 0, 64, protocol, c0, c1];
        [&head[..], &SOURCE4, &DESTINATION4].concat()
    };
    let [c0, c1] = (!sum(&fixed(0, 0))).to_be_bytes();
    fixed(c0, c1)
}

fn ipv6(protocol: u8, length: u16) -> Vec<u8> {
    let [l0, l1] = length.to_be_bytes();
    let head = [0x60, 0, 0, 0, l0, l1, protocol, 64];
    [&head[..], &SOURCE6, &DESTINATION6].concat()
}

/// The sum of the Internet checksum (RFC 1071), not complemented.
pub(super) fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_lengths_fit() {
        let frame = Kind::ALL[3].frame(7);
        assert_eq!(frame.bytes.len(), 14 + 20 + 20 + 3500);
        assert_eq!(frame.header.checksum_start, 34);
        assert_eq!(frame.header.header_length, 54);
        assert_eq!(sum(&frame.bytes[14..34]), 0xffff);
        assert_eq!(u16::from_be_bytes([frame.bytes[16], frame.bytes[17]]), 3540);
        let frame = Kind::ALL[7].frame(8);
        assert_eq!(frame.bytes.len(), 14 + 40 + 8 + 3500);
        assert_eq!(frame.header.checksum_start, 54);
    }

    #[test]
    fn sums_as_in_the_rfc() {
        // RFC 1071, section 3.
        assert_eq!(
            sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]),
            0xddf2
        );
    }
}
