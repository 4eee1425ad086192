use std::ops::Range;
use std::time::Instant;

use super::super::LONGEST_FRAME;
use super::super::headers::NETWORK;
use super::LONGEST;
use super::fragment::{Fragment, Key};

/// A packet of which fragments came.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) key: Key,
    pub(super) since: Instant,
    /// What comes of it is dropped.
    pub(super) is_refused: bool,
    /// The headers and the payloads of fragments, as they came.
    bytes: Vec<u8>,
    /// Where in `bytes` the headers are; empty before the first fragment came.
    head: Range<usize>,
    /// The fragments, by their offsets.
    pieces: Vec<Piece>,
    /// Length of their payloads.
    received: usize,
    /// Length of the packet's payload, once the last fragment came.
    length: Option<usize>,
}

#[derive(Debug)]
struct Piece {
    part: Range<usize>,
    /// Where in the packet's `bytes` it is.
    at: usize,
}

impl Packet {
    pub(super) fn new(key: Key, since: Instant) -> Self {
        Self {
            key,
            since,
            is_refused: false,
            bytes: Vec::new(),
            head: 0..0,
            pieces: Vec::new(),
            received: 0,
            length: None,
        }
    }

    /// Begins another packet with the buffers of this one.
    pub(super) fn begin(&mut self, key: Key, since: Instant) {
        let (mut bytes, mut pieces) = (
            std::mem::take(&mut self.bytes),
            std::mem::take(&mut self.pieces),
        );
        bytes.clear();
        pieces.clear();
        *self = Self {
            bytes,
            pieces,
            ..Self::new(key, since)
        };
    }

    /// Adds a fragment; whether the packet is complete with it.
    pub(super) fn add(&mut self, fragment: &Fragment<'_>) -> bool {
        let part = &fragment.part;
        let index = self.pieces.partition_point(|it| it.part.start < part.start);
        if self.is_refused || self.contradicts(fragment) {
            self.refuse();
            return false;
        }
        if self.has(index, fragment) {
            return false;
        }
        if self.overlaps(index, part) {
            self.refuse();
            return false;
        }
        if part.start == 0 {
            self.reserve(fragment.head.len() + part.len());
            self.head.start = self.bytes.len();
            fragment.put_head(&mut self.bytes);
            self.head.end = self.bytes.len();
        }
        self.reserve(part.len());
        let at = self.bytes.len();
        self.bytes.extend_from_slice(fragment.payload);
        let part = part.clone();
        self.received += part.len();
        if fragment.is_last {
            self.length = Some(part.end);
        }
        self.pieces.insert(index, Piece { part, at });
        self.length == Some(self.received)
    }

    /// Whether the packet cannot end where it has to with this fragment.
    fn contradicts(&self, fragment: &Fragment<'_>) -> bool {
        let reached = self.pieces.last().map_or(0, |it| it.part.end);
        let end = fragment.part.end;
        let is_elsewhere = match self.length {
            Some(length) if fragment.is_last => end != length,
            Some(length) => end >= length,
            None => fragment.is_last && end <= reached,
        };
        let head = match fragment.part.start {
            0 => fragment.head.len(),
            _ => self.head.len(),
        };
        let uncounted = NETWORK + if self.key.source.is_ipv4() { 0 } else { 40 };
        is_elsewhere || head.saturating_sub(uncounted) + reached.max(end) > LONGEST
    }

    /// Whether the fragment is there already, at that index.
    fn has(&self, index: usize, fragment: &Fragment<'_>) -> bool {
        self.pieces.get(index).is_some_and(|it| {
            it.part == fragment.part
                && self.bytes.get(it.at..it.at + it.part.len()) == Some(fragment.payload)
        })
    }

    /// Whether that part, whose index is given, has bytes in common with what is there.
    fn overlaps(&self, index: usize, part: &Range<usize>) -> bool {
        let before = index.checked_sub(1).and_then(|it| self.pieces.get(it));
        before.is_some_and(|it| it.part.end > part.start)
            || self
                .pieces
                .get(index)
                .is_some_and(|it| it.part.start < part.end)
    }

    fn refuse(&mut self) {
        *self = Self {
            is_refused: true,
            ..Self::new(self.key, self.since)
        };
    }

    /// Makes room for more bytes, but not for more than a packet can have.
    fn reserve(&mut self, more: usize) {
        let least = self.bytes.len() + more;
        if least > self.bytes.capacity() {
            let most = LONGEST_FRAME.min(2 * self.bytes.capacity());
            self.bytes.reserve_exact(least.max(most) - self.bytes.len());
        }
    }

    /// Appends the headers and the payload of a complete packet.
    pub(super) fn put(&self, into: &mut Vec<u8>) -> Option<()> {
        into.reserve(self.head.len() + self.received);
        into.extend_from_slice(self.bytes.get(self.head.clone())?);
        for piece in &self.pieces {
            into.extend_from_slice(self.bytes.get(piece.at..piece.at + piece.part.len())?);
        }
        Some(())
    }

    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity() + self.pieces.capacity() * size_of::<Piece>()
    }
}
