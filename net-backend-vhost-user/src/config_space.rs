//! The device's configuration space (virtio 1.2, 5.1.4).

use net_backend::{LinkState, MacAddr, Mtu};

/// What the driver reads there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConfigSpace {
    /// The NIC's address; zeros if the driver is to choose one.
    pub(crate) mac: Option<MacAddr>,
    /// Whether frames pass.
    pub(crate) link: LinkState,
    /// Queue pairs at most.
    pub(crate) pairs: u16,
    /// The MTU of the link.
    pub(crate) mtu: Option<Mtu>,
}

impl ConfigSpace {
    /// Bytes of it: up to and including the MTU.
    const LENGTH: usize = 12;
    /// Bit 0 of the status: the link is up (virtio 1.2, 5.1.4).
    const LINK_UP: u16 = 1;

    /// `size` bytes from `offset`, zeros behind its end; empty where there is nothing at all, which refuses the request.
    pub(crate) fn read(&self, offset: u32, size: u32) -> Vec<u8> {
        let bytes = self.encode();
        let (Ok(offset), Ok(size)) = (usize::try_from(offset), usize::try_from(size)) else {
            return Vec::new();
        };
        if size > Self::MOST {
            return Vec::new();
        }
        let known = bytes.iter().skip(offset).copied();
        known.chain(std::iter::repeat(0)).take(size).collect()
    }

    /// Bytes that a message can have at most (vhost-user, `VHOST_USER_MAX_CONFIG_SIZE`).
    const MOST: usize = 256;

    fn encode(&self) -> [u8; Self::LENGTH] {
        let status = match self.link {
            LinkState::Up => Self::LINK_UP,
            LinkState::Down => 0,
        };
        let mac = self.mac.map_or([0; 6], |mac| mac.bytes());
        let mtu = self.mtu.map_or(0, Mtu::bytes);
        let mut bytes = [0; Self::LENGTH];
        let fields = mac
            .into_iter()
            .chain(status.to_le_bytes())
            .chain(self.pairs.to_le_bytes())
            .chain(mtu.to_le_bytes());
        bytes
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPACE: ConfigSpace = ConfigSpace {
        mac: Some(MacAddr::new([2, 3, 4, 5, 6, 7])),
        link: LinkState::Up,
        pairs: 2,
        mtu: Some(Mtu::ETHERNET),
    };

    #[test]
    fn fields_are_where_the_standard_has_them() {
        let bytes = [2, 3, 4, 5, 6, 7, 1, 0, 2, 0, 0xdc, 5];
        assert_eq!(SPACE.read(0, 12), bytes);
        assert_eq!(SPACE.read(6, 2), [1, 0]);
        let down = ConfigSpace {
            link: LinkState::Down,
            ..SPACE
        };
        assert_eq!(down.read(6, 2), [0, 0]);
    }

    #[test]
    fn behind_the_end_there_are_zeros_and_too_much_is_refused() {
        assert_eq!(SPACE.read(10, 6), [0xdc, 5, 0, 0, 0, 0]);
        assert_eq!(SPACE.read(u32::MAX, 2), [0, 0]);
        assert!(SPACE.read(0, 257).is_empty());
    }
}
