use std::fmt;

use crate::HeaderLength;

/// An IP MTU: the largest IP packet in bytes, without the Ethernet header.
///
/// This is what interfaces, DHCP and virtio-net's `mtu` field mean. What a buffer must hold is a
/// [`FrameLength`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mtu(u16);

/// The length of an Ethernet frame in bytes: Ethernet header included, checksum and virtio-net header not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameLength(usize);

/// Destination, source and type, in bytes.
const ETHERNET_HEADER: usize = 14;
/// One 802.1Q tag, in bytes.
const VLAN_TAG: usize = 4;

impl Mtu {
    /// 68 bytes, the smallest MTU of IPv4 (RFC 791) and of virtio-net (virtio 1.2, 5.1.4.1).
    pub const MIN: Self = Self(68);
    /// 1500 bytes.
    pub const ETHERNET: Self = Self(1500);
    /// 65535 bytes.
    pub const MAX: Self = Self(u16::MAX);

    /// An MTU of `bytes`; `None` below [`Mtu::MIN`].
    pub const fn new(bytes: u16) -> Option<Self> {
        if bytes < Self::MIN.0 {
            None
        } else {
            Some(Self(bytes))
        }
    }

    /// The MTU in bytes.
    pub const fn bytes(self) -> u16 {
        self.0
    }

    /// The longest untagged frame on a link with this MTU.
    pub const fn frame_length(self) -> FrameLength {
        FrameLength(self.0 as usize + ETHERNET_HEADER)
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FrameLength {
    /// 14 bytes: a frame without payload. Anything shorter is malformed.
    pub const MIN: Self = Self(ETHERNET_HEADER);
    /// The longest frame that anybody sends: a tagged super-frame around an IP packet of 65535 bytes.
    pub const MAX: Self = Mtu::MAX.frame_length().with_vlan_tag();

    /// A length of `bytes`.
    pub const fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    /// The length in bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }

    /// The length with one 802.1Q tag more.
    #[must_use]
    pub const fn with_vlan_tag(self) -> Self {
        Self(self.0 + VLAN_TAG)
    }

    /// Bytes that a buffer needs for such a frame behind its virtio-net header.
    pub const fn buffer_length(self, header: HeaderLength) -> usize {
        self.0 + header.bytes()
    }
}

impl fmt::Display for FrameLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_longer_than_its_packet() {
        assert_eq!(Mtu::ETHERNET.frame_length().bytes(), 1514);
        assert_eq!(Mtu::ETHERNET.frame_length().with_vlan_tag().bytes(), 1518);
        assert_eq!(
            FrameLength::MAX.buffer_length(HeaderLength::Twelve),
            65535 + 14 + 4 + 12
        );
    }

    #[test]
    fn an_mtu_below_68_is_none() {
        assert_eq!(Mtu::new(67), None);
        assert_eq!(Mtu::new(68), Some(Mtu::MIN));
    }
}
