//! Frames that are on their way, and what is said when they do not arrive as they should.

use std::collections::{BTreeMap, BTreeSet};

use net_backend_core::{RxSlice, TxSlice};

use super::random::Random;

/// Frames on their way in one direction, on several lanes. Frames of a lane that go to the same place stay in order.
#[derive(Debug, Default)]
pub(super) struct Way {
    waiting: BTreeMap<u32, Vec<u8>>,
    /// Frames that need not arrive, since the queue was dropped before they were flushed.
    forgotten: BTreeSet<u32>,
    last: BTreeMap<(u32, usize), u32>,
    next: u32,
    /// Frames of a lane are spread over rings, so that they may overtake each other.
    is_spread: bool,
}

/// Bits of a frame's number that count; the lane is above them.
const LANE: u32 = 24;

impl Way {
    pub(super) fn new(is_spread: bool) -> Self {
        Self {
            is_spread,
            ..Self::default()
        }
    }

    /// A frame of `length` bytes, at least 14, for everybody. It is not on its way yet.
    pub(super) fn make(&mut self, lane: usize, length: usize) -> (u32, Vec<u8>) {
        self.next += 1;
        let number = ((lane as u32) << LANE) | self.next;
        let mut bytes = vec![0xff; 6];
        bytes.extend([2, 0]);
        bytes.extend(number.to_be_bytes());
        let mut random = Random(u64::from(number));
        while bytes.len() < length {
            bytes.extend_from_slice(&random.next().to_le_bytes());
        }
        bytes.truncate(length);
        (number, bytes)
    }

    pub(super) fn put(&mut self, number: u32, bytes: Vec<u8>) {
        assert!(self.waiting.insert(number, bytes).is_none());
    }

    /// These need not arrive.
    pub(super) fn forget(&mut self, numbers: &[u32]) {
        self.forgotten.extend(numbers);
    }

    /// How many slots of `buffer` bytes the frames take that are on their way.
    pub(super) fn slots(&self, buffer: usize) -> usize {
        let frames = self.waiting.values();
        frames.map(|frame| slots(frame.len(), buffer)).sum()
    }

    /// A frame arrived, or its beginning: `bytes` of the `length` that were announced.
    pub(super) fn arrive(&mut self, place: usize, bytes: &[u8], length: usize) {
        let number = number(bytes);
        let expected = self.waiting.remove(&number);
        let expected =
            expected.unwrap_or_else(|| panic!("frame {number:x} never was, or was here before"));
        assert_eq!(expected.len(), length, "length of frame {number:x}");
        let is_same = expected.starts_with(bytes);
        assert!(is_same, "frame {number:x} changed");
        let last = self.last.insert((number >> LANE, place), number);
        let is_behind = last.is_none_or(|last| last < number);
        assert!(
            is_behind || self.is_spread,
            "frame {number:x} after {last:x?}"
        );
    }

    pub(super) fn expect(&self, number: u32) -> &[u8] {
        &self.waiting[&number]
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Fails when frames are still on their way.
    pub(super) fn finish(&self, name: &str) {
        let lost = self
            .waiting
            .keys()
            .filter(|it| !self.forgotten.contains(it));
        let lost: Vec<String> = lost.map(|number| format!("{number:x}")).collect();
        assert!(lost.is_empty(), "{name}: lost {lost:?}");
    }
}

/// The number of a frame.
pub(super) fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[8..12].try_into().unwrap())
}

/// The most slots that a frame takes, with any header and headroom.
pub(super) fn slots(length: usize, buffer: usize) -> usize {
    (length + 12 + 128).div_ceil(buffer)
}

/// Calls `send` with the frame in pieces.
pub(super) fn in_pieces<R>(
    random: &mut Random,
    mut bytes: &[u8],
    send: impl FnOnce(&[TxSlice<'_>]) -> R,
) -> R {
    let mut pieces = Vec::new();
    for length in random.pieces(bytes.len()) {
        let (piece, rest) = bytes.split_at(length);
        pieces.push(TxSlice::new(piece));
        bytes = rest;
    }
    send(&pieces)
}

/// Calls `receive` with the buffer in pieces.
pub(super) fn into_pieces<R>(
    random: &mut Random,
    mut buffer: &mut [u8],
    receive: impl FnOnce(&mut [RxSlice<'_>]) -> R,
) -> R {
    let mut pieces = Vec::new();
    for length in random.pieces(buffer.len()) {
        let (piece, rest) = buffer.split_at_mut(length);
        pieces.push(RxSlice::new(piece));
        buffer = rest;
    }
    receive(&mut pieces)
}
