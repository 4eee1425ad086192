use std::fmt;

use bitflags::bitflags;

bitflags! {
    /// Virtio-net feature bits, numbered as on the wire (virtio 1.2, 5.1.3).
    ///
    /// Directions are the guest's: `HOST_*` and [`CSUM`](Self::CSUM) are about frames that the guest sends,
    /// `GUEST_*` about frames that it receives. Backends offer only bits of [`OFFLOADS`](Self::OFFLOADS); the
    /// others are here for device models.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Features: u64 {
        /// Bit 0: the backend takes frames with a partial checksum.
        const CSUM = 1 << 0;
        /// Bit 1: the guest takes frames with a partial checksum.
        const GUEST_CSUM = 1 << 1;
        /// Bit 2: the guest may change its receive offloads at run time.
        const CTRL_GUEST_OFFLOADS = 1 << 2;
        /// Bit 3: the device announces an MTU.
        const MTU = 1 << 3;
        /// Bit 5: the device announces a MAC address.
        const MAC = 1 << 5;
        /// Bit 7: the guest takes TCP/IPv4 super-frames.
        const GUEST_TSO4 = 1 << 7;
        /// Bit 8: the guest takes TCP/IPv6 super-frames.
        const GUEST_TSO6 = 1 << 8;
        /// Bit 9: the guest takes super-frames with ECN.
        const GUEST_ECN = 1 << 9;
        /// Bit 10: the guest takes UDP super-frames that are to become IP fragments.
        const GUEST_UFO = 1 << 10;
        /// Bit 11: the backend takes TCP/IPv4 super-frames.
        const HOST_TSO4 = 1 << 11;
        /// Bit 12: the backend takes TCP/IPv6 super-frames.
        const HOST_TSO6 = 1 << 12;
        /// Bit 13: the backend takes super-frames with ECN.
        const HOST_ECN = 1 << 13;
        /// Bit 14: the backend takes UDP super-frames that are to become IP fragments.
        const HOST_UFO = 1 << 14;
        /// Bit 15: the guest merges receive buffers.
        const MRG_RXBUF = 1 << 15;
        /// Bit 16: the device has a link status field.
        const STATUS = 1 << 16;
        /// Bit 17: there is a control queue.
        const CTRL_VQ = 1 << 17;
        /// Bit 22: there are several queue pairs.
        const MQ = 1 << 22;
        /// Bit 32: the device follows virtio 1.0 or newer, so that its header is always 12 bytes.
        const VERSION_1 = 1 << 32;
        /// Bit 54: the guest takes UDP/IPv4 super-frames that are to become datagrams.
        const GUEST_USO4 = 1 << 54;
        /// Bit 55: the guest takes UDP/IPv6 super-frames that are to become datagrams.
        const GUEST_USO6 = 1 << 55;
        /// Bit 56: the backend takes UDP super-frames that are to become datagrams.
        const HOST_USO = 1 << 56;
    }
}

/// A feature and the features of which it needs at least one (virtio 1.2, 5.1.3.1).
const DEPENDENCIES: [(Features, Features); 13] = [
    (Features::GUEST_TSO4, Features::GUEST_CSUM),
    (Features::GUEST_TSO6, Features::GUEST_CSUM),
    (Features::GUEST_UFO, Features::GUEST_CSUM),
    (Features::GUEST_USO4, Features::GUEST_CSUM),
    (Features::GUEST_USO6, Features::GUEST_CSUM),
    (
        Features::GUEST_ECN,
        Features::GUEST_TSO4.union(Features::GUEST_TSO6),
    ),
    (Features::HOST_TSO4, Features::CSUM),
    (Features::HOST_TSO6, Features::CSUM),
    (Features::HOST_UFO, Features::CSUM),
    (Features::HOST_USO, Features::CSUM),
    (
        Features::HOST_ECN,
        Features::HOST_TSO4.union(Features::HOST_TSO6),
    ),
    (Features::CTRL_GUEST_OFFLOADS, Features::CTRL_VQ),
    (Features::MQ, Features::CTRL_VQ),
];

impl Features {
    /// What a backend may offer for frames that the guest sends.
    pub const TRANSMIT_OFFLOADS: Self = Self::CSUM
        .union(Self::HOST_TSO4)
        .union(Self::HOST_TSO6)
        .union(Self::HOST_ECN)
        .union(Self::HOST_UFO)
        .union(Self::HOST_USO);

    /// What a backend may offer for frames that the guest receives.
    pub const RECEIVE_OFFLOADS: Self = Self::GUEST_CSUM
        .union(Self::GUEST_TSO4)
        .union(Self::GUEST_TSO6)
        .union(Self::GUEST_ECN)
        .union(Self::GUEST_UFO)
        .union(Self::GUEST_USO4)
        .union(Self::GUEST_USO6);

    /// Every bit that a backend may offer; each of them needs the virtio-net header.
    pub const OFFLOADS: Self = Self::TRANSMIT_OFFLOADS.union(Self::RECEIVE_OFFLOADS);

    /// The first feature of the set whose dependency is missing, with the features of which it needs one
    /// (virtio 1.2, 5.1.3.1); `None` when the set is complete.
    pub fn missing_dependency(self) -> Option<(Self, Self)> {
        DEPENDENCIES
            .into_iter()
            .find(|(feature, needs)| self.contains(*feature) && !self.intersects(*needs))
    }

    /// The largest subset in which every dependency is met.
    #[must_use]
    pub fn with_dependencies_met(mut self) -> Self {
        while let Some((feature, _)) = self.missing_dependency() {
            self.remove(feature);
        }
        self
    }
}

impl fmt::Display for Features {
    /// Names joined by ` | `; `none` for the empty set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        bitflags::parser::to_writer(self, f)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_have_the_numbers_of_the_specification() {
        let numbered = [
            (Features::CSUM, 0),
            (Features::GUEST_CSUM, 1),
            (Features::GUEST_TSO4, 7),
            (Features::HOST_UFO, 14),
            (Features::MRG_RXBUF, 15),
            (Features::MQ, 22),
            (Features::VERSION_1, 32),
            (Features::GUEST_USO4, 54),
            (Features::HOST_USO, 56),
        ];
        for (feature, bit) in numbered {
            assert_eq!(feature.bits(), 1 << bit, "{feature}");
        }
    }

    #[test]
    fn segmentation_needs_checksums() {
        assert_eq!(
            Features::GUEST_TSO4.missing_dependency(),
            Some((Features::GUEST_TSO4, Features::GUEST_CSUM))
        );
        assert_eq!(
            (Features::HOST_USO | Features::CSUM).missing_dependency(),
            None
        );
    }

    #[test]
    fn dropping_a_dependency_drops_what_needs_it() {
        let ecn_without_checksum = Features::GUEST_TSO4 | Features::GUEST_ECN | Features::CSUM;
        assert_eq!(ecn_without_checksum.with_dependencies_met(), Features::CSUM);
        assert_eq!(Features::all().missing_dependency(), None);
    }

    #[test]
    fn prints_names() {
        assert_eq!(Features::empty().to_string(), "none");
        assert_eq!(
            (Features::CSUM | Features::HOST_TSO4).to_string(),
            "CSUM | HOST_TSO4"
        );
    }
}
