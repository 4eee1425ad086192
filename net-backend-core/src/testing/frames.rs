//! Frames that the suite knows again: they have an EtherType and a source address of their own, a number, and
//! bytes that follow from the number.

use super::failure::ensure;
use super::segments::sum;
use super::{Failure, Path, ping};
use crate::{HeaderLength, MacAddr, VirtioNetHeader};

/// What every source address of the suite begins with; the number of the frame follows.
const PREFIX: [u8; 3] = [0x06, 0x4e, 0x42];
/// Local experimental EtherType 1 (IEEE 802-2014, 9.2.3).
const EXPERIMENTAL: [u8; 2] = [0x88, 0xb5];
/// Ethernet header, in bytes.
const ETHERNET: usize = 14;

/// A frame with its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) number: u32,
    pub(super) header: VirtioNetHeader,
    /// As it is sent.
    pub(super) bytes: Vec<u8>,
    /// What arrives instead of it, where that is something else.
    pub(super) answer: Option<Vec<u8>>,
}

impl Frame {
    /// An ordinary frame of `length` bytes, at least 14. Numbers count modulo 2^24.
    pub(super) fn plain(number: u32, length: usize) -> Self {
        let mut bytes = ethernet(number, EXPERIMENTAL);
        bytes.extend(pattern(number).take(length.saturating_sub(ETHERNET)));
        Self {
            number,
            header: VirtioNetHeader::default(),
            bytes,
            answer: None,
        }
    }

    /// A frame of `length` bytes that passes on such a path, to a receiver that need not look at that.
    pub(super) fn on(path: Path, receiver: MacAddr, number: u32, length: usize) -> Self {
        let mut plain = Self::plain(number, length);
        let Path::Ping(ping) = path else {
            let to = plain.bytes.iter_mut().zip(receiver.bytes());
            to.for_each(|(to, octet)| *to = octet);
            return plain;
        };
        match ping.frames(number, length) {
            None => plain,
            Some((bytes, answer)) => Self {
                bytes,
                answer: Some(answer),
                ..plain
            },
        }
    }

    /// The frame as a queue with such headers takes it.
    pub(super) fn on_wire(&self, header: HeaderLength) -> Vec<u8> {
        let wire = self.header.encode();
        let mut bytes = wire.get(..header.bytes()).unwrap_or_default().to_vec();
        bytes.extend_from_slice(&self.bytes);
        bytes
    }

    /// Complains unless `bytes` are this frame as it arrives.
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), Failure> {
        let (number, length) = (self.number, self.bytes.len());
        let other = number_of(bytes);
        ensure!(
            other == Some(number & 0x00ff_ffff),
            "expected frame {number} of {length} bytes, got frame {other:?} of {} bytes",
            bytes.len()
        );
        ensure!(
            bytes.len() == length,
            "frame {number} has {} bytes instead of {length}",
            bytes.len()
        );
        let wrong = self.difference(bytes);
        ensure!(
            wrong.is_none(),
            "frame {number} of {length} bytes differs at byte {wrong:?}"
        );
        Ok(())
    }

    /// Whether what arrives begins like this.
    pub(super) fn begins_with(&self, stored: &[u8]) -> bool {
        stored.len() <= self.bytes.len() && self.difference(stored).is_none()
    }

    /// The first byte in which the beginning of what arrived is wrong.
    fn difference(&self, stored: &[u8]) -> Option<usize> {
        let expected = self.answer.as_ref().unwrap_or(&self.bytes);
        let mut pairs = stored.iter().zip(expected).enumerate();
        let is_free = |at: &usize| ping::FREE.iter().any(|free| free.contains(at));
        let is_answer = self.answer.is_some();
        let wrong = pairs.find(|(at, (a, b))| a != b && !(is_answer && is_free(at)));
        let header = stored.get(14..34).filter(|_| is_answer);
        let checksum = header.filter(|header| sum(header) != 0xffff).map(|_| 24);
        wrong.map(|(at, _)| at).or(checksum)
    }
}

/// Destination (everybody), source (with the number) and type.
pub(super) fn ethernet(number: u32, kind: [u8; 2]) -> Vec<u8> {
    let [_, a, b, c] = number.to_be_bytes();
    let [p, q, r] = PREFIX;
    let [s, t] = kind;
    vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff, p, q, r, a, b, c, s, t]
}

/// The number of a frame of the suite as it arrives; `None` for any other frame.
pub(super) fn number_of(bytes: &[u8]) -> Option<u32> {
    number_in_source(bytes).or_else(|| ping::number_of(bytes))
}

fn number_in_source(bytes: &[u8]) -> Option<u32> {
    let (_, rest) = bytes.split_first_chunk::<6>()?;
    let (prefix, rest) = rest.split_first_chunk::<3>()?;
    let ([a, b, c], rest) = rest.split_first_chunk::<3>()?;
    (rest.len() >= 2 && *prefix == PREFIX).then(|| u32::from_be_bytes([0, *a, *b, *c]))
}

/// Splits what a queue gave into its header, padded to 12 bytes, and the frame.
pub(super) fn split(frame: &[u8], header: HeaderLength) -> Result<([u8; 12], &[u8]), Failure> {
    let length = header.bytes();
    let (head, bytes) = frame.split_at_checked(length).ok_or_else(|| {
        Failure::new(format!(
            "{} bytes received, the header has {length}",
            frame.len()
        ))
    })?;
    let mut wire = VirtioNetHeader::default().encode();
    for (place, byte) in wire.iter_mut().zip(head) {
        *place = *byte;
    }
    Ok((wire, bytes))
}

/// Bytes without end that follow from the number, with a period longer than any frame.
pub(super) fn pattern(number: u32) -> impl Iterator<Item = u8> {
    let mut random = super::random::Random::new(u64::from(number & 0x00ff_ffff));
    std::iter::repeat_with(move || random.next().to_le_bytes()).flatten()
}
