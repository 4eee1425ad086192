//! Commands of the control queue (virtio 1.2, 5.1.6.5).

use net_backend::Features;

/// Bytes of a command that are looked at: class, command, and up to eight bytes of data.
pub(crate) const LONGEST: usize = 10;

/// What a driver asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// `VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET`: use so many queue pairs.
    Pairs(u16),
    /// `VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET`: receive with these offloads.
    Offloads(Features),
}

impl Command {
    /// What these bytes mean; `None` if nothing, or nothing that was offered.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        match *bytes {
            [4, 0, low, high] => Some(Self::Pairs(u16::from_le_bytes([low, high]))),
            [5, 0, a, b, c, d, e, f, g, h] => {
                let bits = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                let features = Features::from_bits(bits)?;
                let is_known = Features::RECEIVE_OFFLOADS.contains(features);
                is_known.then_some(Self::Offloads(features))
            }
            _ => None,
        }
    }
}

/// What a driver is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `VIRTIO_NET_OK`
    Done,
    /// `VIRTIO_NET_ERR`
    Refused,
}

impl Answer {
    /// The byte that says it.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_the_standard_says() {
        assert_eq!(Command::decode(&[4, 0, 2, 0]), Some(Command::Pairs(2)));
        let offloads = Features::GUEST_CSUM | Features::GUEST_TSO4;
        let mut bytes = vec![5, 0];
        bytes.extend(offloads.bits().to_le_bytes());
        assert_eq!(Command::decode(&bytes), Some(Command::Offloads(offloads)));
    }

    #[test]
    fn others_are_refused() {
        for bytes in [
            &[][..],
            &[4],
            &[4, 0, 2],
            &[4, 1, 2, 0],
            &[0, 0, 1],
            &[5, 0, 1],
        ] {
            assert_eq!(Command::decode(bytes), None, "{bytes:?}");
        }
        let mut sends = vec![5, 0];
        sends.extend(Features::HOST_TSO4.bits().to_le_bytes());
        assert_eq!(Command::decode(&sends), None);
    }
}
