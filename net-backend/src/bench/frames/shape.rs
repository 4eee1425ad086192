//! What frames are like.

use std::net::{IpAddr, Ipv4Addr};

use crate::offload::checksum::{Sum, pseudo_header};
use crate::{Activation, Features, HeaderFlags, HeaderLength, Mtu, Segmentation, VirtioNetHeader};

/// What the frames of a case are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// So many bytes from the Ethernet header on: a broadcast of a protocol that no host knows, unless the far end asks for
    /// another one ([`Opened::with_frame`](super::Opened::with_frame)).
    Plain(usize),
    /// A super-frame: 44 segments of TCP over IPv4 in one frame, without checksum.
    Super,
}

/// Payload bytes of each segment of a super-frame, and how many there are.
const SEGMENT: u16 = 1460;
const SEGMENTS: u16 = 44;
/// Bytes of the headers of Ethernet, IPv4 (RFC 791) and TCP (RFC 9293).
const ETHERNET: u16 = 14;
const IPV4: u16 = 20;
const TCP: u16 = 20;
/// The protocol number of TCP (IANA), and where its checksum is.
const PROTOCOL: u8 = 6;
const CHECKSUM: u16 = 16;
const MEBIBYTE: usize = 1 << 20;
/// In TEST-NET-1 (RFC 5737).
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

impl Shape {
    /// The lengths that are measured, shortest first.
    pub const ALL: [Self; 5] = [
        Self::Plain(64),
        Self::Plain(512),
        Self::Plain(1514),
        Self::Plain(9014),
        Self::Super,
    ];

    /// Bytes of a frame, from the Ethernet header on.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::Plain(length) => length,
            Self::Super => usize::from(ETHERNET + IPV4 + TCP) + Self::payload(),
        }
    }

    /// The MTU that a link needs for it, at least 1500.
    #[must_use]
    pub fn mtu(self) -> Mtu {
        let bytes = match self {
            Self::Plain(length) => length.saturating_sub(ETHERNET.into()),
            Self::Super => 0,
        };
        let mtu = u16::try_from(bytes).map_or(Some(Mtu::MAX), Mtu::new);
        mtu.unwrap_or(Mtu::ETHERNET).max(Mtu::ETHERNET)
    }

    /// How many frames to send or to receive in one go: 256, and 1 MiB at most, so that they stay in a cache as they
    /// would with a guest that takes them at once.
    #[must_use]
    pub fn burst(self) -> usize {
        (MEBIBYTE / self.length().max(1)).clamp(1, 256)
    }

    /// The offloads that a NIC needs to send and to receive it.
    #[must_use]
    pub fn features(self) -> Features {
        match self {
            Self::Plain(_) => Features::empty(),
            Self::Super => {
                let checksums = Features::CSUM | Features::GUEST_CSUM;
                checksums | Features::HOST_TSO4 | Features::GUEST_TSO4
            }
        }
    }

    /// How a NIC is activated: one queue pair, the header of 12 bytes, and the [`features`](Self::features).
    #[must_use]
    pub fn activation(self) -> Activation {
        Activation {
            queue_pairs: 1,
            header: HeaderLength::Twelve,
            features: self.features(),
        }
    }

    /// What the virtio-net header says.
    #[must_use]
    pub fn header(self) -> VirtioNetHeader {
        match self {
            Self::Plain(_) => VirtioNetHeader::default(),
            Self::Super => VirtioNetHeader {
                flags: HeaderFlags::NEEDS_CSUM,
                segmentation: Segmentation::Tcp4,
                header_length: ETHERNET + IPV4 + TCP,
                segment_size: SEGMENT,
                checksum_start: ETHERNET + IPV4,
                checksum_offset: CHECKSUM,
                ..VirtioNetHeader::default()
            },
        }
    }

    /// The frame, from the Ethernet header on.
    #[must_use]
    pub fn frame(self) -> Vec<u8> {
        let mut frame = match self {
            // Local experimental EtherType 1 (IEEE 802-2014, 9.2.3).
            Self::Plain(_) => ethernet([0xff; 6], [0x88, 0xb5]),
            // For a host that is not there: whoever hears it looks no further.
            Self::Super => {
                let ethernet = ethernet([2, 0, 0, 0, 0, 2], [0x08, 0x00]);
                [&ethernet[..], &ipv4(), &tcp()].concat()
            }
        };
        frame.resize(self.length(), 0x5a);
        frame
    }

    /// The virtio-net header of `length` and a frame behind it.
    #[must_use]
    pub fn on_wire(self, frame: &[u8], length: HeaderLength) -> Vec<u8> {
        let header = self.header().encode();
        let header = header.get(..length.bytes()).unwrap_or_default();
        [header, frame].concat()
    }

    fn payload() -> usize {
        usize::from(SEGMENT) * usize::from(SEGMENTS)
    }
}

fn ethernet(to: [u8; 6], kind: [u8; 2]) -> Vec<u8> {
    [&to[..], &[2, 0, 0, 0, 0, 1], &kind].concat()
}

fn ipv4() -> Vec<u8> {
    let [l0, l1] = (IPV4 + TCP + SEGMENT * SEGMENTS).to_be_bytes();
    let head = |[c0, c1]: [u8; 2]| {
        let head = [0x45, 0, l0, l1, 0, 1, 0, 0, 64, PROTOCOL, c0, c1];
        [&head[..], &SOURCE.octets(), &DESTINATION.octets()].concat()
    };
    head(Sum::of(&head([0, 0])).checksum().to_be_bytes())
}

/// With the sum of the pseudo-header where the checksum goes.
fn tcp() -> Vec<u8> {
    const ACK: u8 = 0x10;
    let [source, destination] = [SOURCE, DESTINATION].map(IpAddr::V4);
    let length = usize::from(TCP) + Shape::payload();
    let pseudo = pseudo_header(source, destination, PROTOCOL, length);
    let [c0, c1] = pseudo.value().to_be_bytes();
    // Ports 4000 and 9 (discard), sequence number, acknowledgement, length, flags, window, checksum, no urgent data.
    let ports = [0x0f, 0xa0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1];
    let rest = [0x50, ACK, 0xff, 0xff, c0, c1, 0, 0];
    [&ports[..], &rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TxSlice;
    use crate::offload::checksum::{complete, is_valid};
    use crate::offload::{Headers, segments};

    #[test]
    fn frames_have_their_length() {
        for shape in Shape::ALL {
            assert_eq!(shape.frame().len(), shape.length());
            assert!(shape.mtu().bytes() >= 1500);
            let wire = shape.on_wire(&shape.frame(), HeaderLength::Twelve);
            assert_eq!(wire.len(), shape.length() + 12);
            let header = VirtioNetHeader::sent(&[TxSlice::new(&wire)], HeaderLength::Twelve);
            assert_eq!(header, Some(shape.header()));
        }
        assert_eq!(Shape::Plain(9014).mtu().bytes(), 9000);
        assert_eq!(Shape::Super.mtu(), Mtu::ETHERNET);
    }

    #[test]
    fn a_super_frame_says_so_and_needs_what_is_negotiated() {
        let header = Shape::Super.header();
        let needed = header.transmit_features() | header.receive_features();
        assert_eq!(needed, Shape::Super.features());
        let mut frame = Shape::Super.frame();
        assert_eq!(Sum::of(&frame[14..34]), Sum::ZERO);
        let headers = Headers::parse(&frame).unwrap();
        assert_eq!(headers.payload_length(), Shape::payload());
        let count = segments(&headers, &header, SEGMENT.into());
        assert_eq!(count, usize::from(SEGMENTS));
        complete(&mut frame, &mut header.clone()).unwrap();
        assert!(is_valid(&frame, &headers));
    }
}
