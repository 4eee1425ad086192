//! What datagrams say to one another's senders: which run they belong to, and in the end how many there were.

/// The beginning of every datagram here; the rest is padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// What was begun before is not counted with what was begun later.
    pub(super) run: u32,
    /// What the kind says.
    pub(super) number: u64,
}

/// What a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// To be counted.
    Data,
    /// Asks the host for data in datagrams of `number` bytes, or, when these were sent, for their number.
    Request,
    /// Tells the host how many datagrams of this run have come so far.
    Heard,
    /// Asks the host how many datagrams of this run it has counted.
    End,
    /// How many datagrams the host has counted, or sent.
    Count,
}

impl Message {
    /// Bytes of the shortest datagram.
    pub(super) const BYTES: usize = 16;

    /// As bytes, with padding up to `length` of them.
    pub(super) fn encode(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![self.kind.code(), 0, 0, 0];
        bytes.extend(self.run.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.resize(length.max(Self::BYTES), 0x5a);
        bytes
    }

    /// What a datagram says, if it is one of these.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let [code, 0, 0, 0, a, b, c, d, number @ ..] = *bytes.first_chunk::<{ Self::BYTES }>()?
        else {
            return None;
        };
        Some(Self {
            kind: Kind::ALL.into_iter().find(|kind| kind.code() == code)?,
            run: u32::from_be_bytes([a, b, c, d]),
            number: u64::from_be_bytes(number),
        })
    }
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Data,
        Self::Request,
        Self::Heard,
        Self::End,
        Self::Count,
    ];

    fn code(self) -> u8 {
        match self {
            Self::Data => b'd',
            Self::Request => b'r',
            Self::Heard => b'h',
            Self::End => b'e',
            Self::Count => b'c',
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_understood_whatever_follows() {
        for kind in Kind::ALL {
            let message = Message {
                kind,
                run: 7,
                number: 1 << 40,
            };
            let bytes = message.encode(22);
            assert_eq!(bytes.len(), 22);
            assert_eq!(Message::decode(&bytes), Some(message));
            assert_eq!(Message::decode(&bytes[..15]), None);
        }
        assert_eq!(Message::decode(&[0; 16]), None);
    }
}
