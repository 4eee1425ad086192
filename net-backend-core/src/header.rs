use std::fmt;

use bitflags::bitflags;

use crate::{Features, TxSlice, gather};

/// Length of the virtio-net header in front of every frame (virtio 1.2, 5.1.6).
///
/// It is part of the frame that [`send`](crate::TxQueue::send) takes and [`recv`](crate::RxQueue::recv)
/// gives, and is counted in the lengths there. It is not counted in [`FrameLength`](crate::FrameLength).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum HeaderLength {
    /// No header: frames begin with the Ethernet header.
    #[default]
    None,
    /// 10 bytes: a legacy device without mergeable receive buffers.
    Ten,
    /// 12 bytes, with `num_buffers`: every device since virtio 1.0, or one with mergeable receive buffers.
    Twelve,
}

impl HeaderLength {
    /// All lengths, shortest first.
    pub const ALL: [Self; 3] = [Self::None, Self::Ten, Self::Twelve];

    /// The length in bytes: 0, 10 or 12.
    pub const fn bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Ten => 10,
            Self::Twelve => 12,
        }
    }

    /// The length that a device has after the driver acknowledged `features` (virtio 1.2, 5.1.6.1).
    pub const fn negotiated(features: Features) -> Self {
        if features.intersects(Features::VERSION_1.union(Features::MRG_RXBUF)) {
            Self::Twelve
        } else {
            Self::Ten
        }
    }
}

impl fmt::Display for HeaderLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

bitflags! {
    /// `flags` of a [`VirtioNetHeader`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct HeaderFlags: u8 {
        /// The checksum field holds a partial sum; whoever puts the frame on a wire completes it.
        const NEEDS_CSUM = 1;
        /// The checksum was found to be right.
        const DATA_VALID = 2;
        /// Receive segment coalescing counts are present.
        const RSC_INFO = 4;
        const _ = !0;
    }
}

/// `gso_type` of a [`VirtioNetHeader`], without the ECN bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Segmentation {
    /// An ordinary frame.
    #[default]
    None = 0,
    /// TCP over IPv4.
    Tcp4 = 1,
    /// UDP, to become IP fragments.
    UdpFragments = 3,
    /// TCP over IPv6.
    Tcp6 = 4,
    /// UDP, to become datagrams.
    Udp = 5,
}

impl Segmentation {
    fn from_wire(value: u8) -> Option<Self> {
        [
            Self::None,
            Self::Tcp4,
            Self::UdpFragments,
            Self::Tcp6,
            Self::Udp,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == value)
    }
}

/// `VIRTIO_NET_HDR_GSO_ECN`: a bit of the `gso_type` byte.
const ECN_BIT: u8 = 0x80;

/// The virtio-net header (virtio 1.2, 5.1.6), little-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VirtioNetHeader {
    /// What the receiver has to know or to do about the checksum.
    pub flags: HeaderFlags,
    /// Whether the frame is a super-frame, and of what.
    pub segmentation: Segmentation,
    /// Segments other than the first may carry CWR.
    pub ecn: bool,
    /// Length of Ethernet, IP and transport headers together, in bytes; a hint.
    pub header_length: u16,
    /// Payload bytes in each segment of a super-frame.
    pub segment_size: u16,
    /// Where the checksummed bytes begin, in bytes from the Ethernet header.
    pub checksum_start: u16,
    /// Where the checksum field is, in bytes from `checksum_start`.
    pub checksum_offset: u16,
    /// Receive buffers that the frame was spread over; 1 unless the device merges buffers. Only in 12 bytes.
    pub buffers: u16,
}

impl Default for VirtioNetHeader {
    /// The header of a frame that asks for nothing: all zero, one buffer.
    fn default() -> Self {
        Self {
            flags: HeaderFlags::empty(),
            segmentation: Segmentation::None,
            ecn: false,
            header_length: 0,
            segment_size: 0,
            checksum_start: 0,
            checksum_offset: 0,
            buffers: 1,
        }
    }
}

impl VirtioNetHeader {
    /// Reads the header from the 12 bytes of `wire`; of a 10-byte header the last two are ignored when `length` says so.
    ///
    /// `None` for an unknown `gso_type`: such a frame is malformed.
    pub fn decode(wire: [u8; 12], length: HeaderLength) -> Option<Self> {
        let [flags, kind, h0, h1, s0, s1, c0, c1, o0, o1, b0, b1] = wire;
        Some(Self {
            flags: HeaderFlags::from_bits_retain(flags),
            segmentation: Segmentation::from_wire(kind & !ECN_BIT)?,
            ecn: kind & ECN_BIT != 0,
            header_length: u16::from_le_bytes([h0, h1]),
            segment_size: u16::from_le_bytes([s0, s1]),
            checksum_start: u16::from_le_bytes([c0, c1]),
            checksum_offset: u16::from_le_bytes([o0, o1]),
            buffers: match length {
                HeaderLength::Twelve => u16::from_le_bytes([b0, b1]),
                HeaderLength::None | HeaderLength::Ten => 1,
            },
        })
    }

    /// The 12 bytes on the wire; the 10-byte header is their beginning.
    pub fn encode(&self) -> [u8; 12] {
        let [h0, h1] = self.header_length.to_le_bytes();
        let [s0, s1] = self.segment_size.to_le_bytes();
        let [c0, c1] = self.checksum_start.to_le_bytes();
        let [o0, o1] = self.checksum_offset.to_le_bytes();
        let [b0, b1] = self.buffers.to_le_bytes();
        let kind = self.segmentation as u8 | if self.ecn { ECN_BIT } else { 0 };
        [
            self.flags.bits(),
            kind,
            h0,
            h1,
            s0,
            s1,
            c0,
            c1,
            o0,
            o1,
            b0,
            b1,
        ]
    }

    /// Reads the header at the beginning of a frame as its sender means it: of the flags only
    /// [`NEEDS_CSUM`](HeaderFlags::NEEDS_CSUM) counts (virtio 1.2, 5.1.6.2), and the frame is in one buffer. `None` when
    /// it is malformed; the frame has to be as long as the header, at least.
    #[inline]
    pub fn sent(frame: &[TxSlice<'_>], length: HeaderLength) -> Option<Self> {
        let mut wire = Self::default().encode();
        gather(frame, 0, wire.get_mut(..length.bytes())?);
        let header = Self::decode(wire, length)?;
        Some(Self {
            flags: header.flags & HeaderFlags::NEEDS_CSUM,
            buffers: 1,
            ..header
        })
    }

    /// The features that a guest must have acknowledged to send a frame with this header.
    pub fn transmit_features(&self) -> Features {
        let segmentation = match self.segmentation {
            Segmentation::None => Features::empty(),
            Segmentation::Tcp4 => Features::HOST_TSO4,
            Segmentation::Tcp6 => Features::HOST_TSO6,
            Segmentation::UdpFragments => Features::HOST_UFO,
            Segmentation::Udp => Features::HOST_USO,
        };
        self.with_common(segmentation, Features::CSUM, Features::HOST_ECN)
    }

    /// The features that a guest must have acknowledged to be given an IPv4 or IPv6 frame with this header.
    ///
    /// The header does not tell the IP version of a UDP super-frame, so both USO bits are asked for.
    pub fn receive_features(&self) -> Features {
        let segmentation = match self.segmentation {
            Segmentation::None => Features::empty(),
            Segmentation::Tcp4 => Features::GUEST_TSO4,
            Segmentation::Tcp6 => Features::GUEST_TSO6,
            Segmentation::UdpFragments => Features::GUEST_UFO,
            Segmentation::Udp => Features::GUEST_USO4 | Features::GUEST_USO6,
        };
        self.with_common(segmentation, Features::GUEST_CSUM, Features::GUEST_ECN)
    }

    fn with_common(&self, segmentation: Features, checksum: Features, ecn: Features) -> Features {
        let mut needed = segmentation;
        needed.set(
            checksum,
            self.flags.contains(HeaderFlags::NEEDS_CSUM) || !segmentation.is_empty(),
        );
        needed.set(ecn, self.ecn);
        needed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_frame_is_zeros_and_one_buffer() {
        assert_eq!(
            VirtioNetHeader::default().encode(),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]
        );
    }

    #[test]
    fn fields_stand_where_the_specification_puts_them() {
        let header = VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM,
            segmentation: Segmentation::Tcp6,
            ecn: true,
            header_length: 0x0102,
            segment_size: 0x0304,
            checksum_start: 0x0506,
            checksum_offset: 0x0708,
            buffers: 0x090a,
        };
        assert_eq!(header.encode(), [1, 0x84, 2, 1, 4, 3, 6, 5, 8, 7, 0x0a, 9]);
    }

    #[test]
    fn ten_bytes_carry_no_buffer_count() {
        let wire = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        let header = VirtioNetHeader::decode(wire, HeaderLength::Ten).unwrap();
        assert_eq!(header, VirtioNetHeader::default());
    }

    #[test]
    fn an_unknown_segmentation_is_refused() {
        let mut wire = [0; 12];
        wire[1] = 2;
        assert_eq!(VirtioNetHeader::decode(wire, HeaderLength::Twelve), None);
    }

    #[test]
    fn super_frames_need_their_feature_and_checksums() {
        let header = VirtioNetHeader {
            segmentation: Segmentation::Tcp4,
            ecn: true,
            ..VirtioNetHeader::default()
        };
        assert_eq!(
            header.transmit_features(),
            Features::HOST_TSO4 | Features::CSUM | Features::HOST_ECN
        );
        assert_eq!(
            header.receive_features(),
            Features::GUEST_TSO4 | Features::GUEST_CSUM | Features::GUEST_ECN
        );
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(wire: [u8; 12]) {
            if let Some(header) = VirtioNetHeader::decode(wire, HeaderLength::Twelve) {
                prop_assert_eq!(header.encode(), wire);
            }
        }
    }
}
