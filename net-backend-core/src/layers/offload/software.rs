use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use crate::offload::{
    Checksum, FragmentCutter, Headers, LONGEST_FRAME, Malformed, Protocol, SegmentCutter, checksum,
};
use crate::{HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader};

/// Length of the two Ethernet addresses, in bytes.
const ADDRESSES: usize = 12;
/// Length of a VLAN tag, in bytes.
const TAG: usize = 4;
/// VLAN tags before the IP header; frames with more are not cut.
const MOST_TAGS: usize = 2;
/// Longest frame without virtio-net header that is worked on, in bytes.
const CAPACITY: usize = LONGEST_FRAME + MOST_TAGS * TAG;

/// One frame in own memory, and the frames that it becomes: made one after the other, when they are asked for.
#[derive(Debug)]
pub(super) struct Software {
    /// The frame, without virtio-net header. Empty until the first comes.
    memory: Vec<u8>,
    /// Virtio-net header, Ethernet header and all that every frame has of its own.
    head: Vec<u8>,
    /// The VLAN tags that were taken out of the frame, the Ethernet addresses being moved behind them.
    tags: [u8; MOST_TAGS * TAG],
    tags_length: usize,
    work: Option<Work>,
    /// For the identification of IPv6 fragments.
    identification: u32,
}

impl Software {
    pub(super) fn new() -> Self {
        // Identifications should differ between queues of the same guest, and not be told beforehand (RFC 7739).
        let [i0, i1, i2, i3, ..] = RandomState::new().hash_one(0_u8).to_ne_bytes();
        Self {
            memory: Vec::new(),
            head: Vec::new(),
            tags: [0; MOST_TAGS * TAG],
            tags_length: 0,
            work: None,
            identification: u32::from_ne_bytes([i0, i1, i2, i3]),
        }
    }

    /// Where the next frame is to be put: `length` bytes, `None` when that is longer than any frame that can be
    /// worked on. Nothing may be left of the one before.
    pub(super) fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        if length > CAPACITY {
            return None;
        }
        if self.memory.is_empty() {
            self.memory.resize(CAPACITY, 0);
        }
        self.memory.get_mut(..length)
    }

    /// Begins what `header` asks of the frame with which the [`room`](Self::room) was filled. Segments get
    /// checksums of that kind, everything else complete ones.
    pub(super) fn begin(
        &mut self,
        length: usize,
        header: &VirtioNetHeader,
        kind: Checksum,
    ) -> Result<(), Malformed> {
        self.tags_length = 0;
        let work = match header.segmentation {
            Segmentation::None => self.complete(length, header),
            Segmentation::UdpFragments => self.fragments(length, header),
            _ => self.segments(length, header, kind),
        };
        self.work = work;
        self.work.as_ref().map(|_| ()).ok_or(Malformed)
    }

    /// Length of the next frame without virtio-net header; `None` when nothing is left.
    #[inline]
    pub(super) fn next_length(&self) -> Option<usize> {
        let work = self.work.as_ref()?;
        Some(self.tags_length + work.head_length() + work.part().len())
    }

    /// The next frame in two pieces, the first of which begins with a virtio-net header of that length; `None`
    /// when nothing is left. It stays the next until [`advance`](Self::advance).
    pub(super) fn next(&mut self, native: HeaderLength) -> Option<(&[u8], &[u8])> {
        let work = self.work.as_ref()?;
        let at = native.bytes() + self.tags_length;
        let length = at + work.head_length();
        if self.head.len() < length {
            self.head.resize(length, 0);
        }
        let head = self.head.get_mut(..length)?;
        let frame = self.memory.get(self.tags_length..)?;
        let part = work.part();
        let header = match work {
            Work::Whole { .. } => VirtioNetHeader::default(),
            Work::Segments(cutter, _) => cutter.cut(frame, part.clone(), head.get_mut(at..)?)?,
            Work::Fragments(cutter, _) => {
                cutter.cut(frame, part.clone(), head.get_mut(at..)?)?;
                VirtioNetHeader::default()
            }
        };
        put_start(head, native, header, self.tags.get(..self.tags_length)?)?;
        Some((head, frame.get(part)?))
    }

    /// The next frame is done with.
    pub(super) fn advance(&mut self) {
        if self.work.as_mut().and_then(Work::advance).is_none() {
            self.work = None;
        }
    }

    /// Nothing is left.
    pub(super) fn clear(&mut self) {
        self.work = None;
    }

    fn complete(&mut self, length: usize, header: &VirtioNetHeader) -> Option<Work> {
        checksum::complete(self.memory.get_mut(..length)?, &mut { *header }).ok()?;
        Some(Work::Whole { length })
    }

    fn segments(
        &mut self,
        length: usize,
        header: &VirtioNetHeader,
        kind: Checksum,
    ) -> Option<Work> {
        let tags_length = self.take_tags(length)?;
        let mut header = *header;
        if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
            header.checksum_start = moved(header.checksum_start, tags_length, u16::checked_sub)?;
        }
        let frame = self.memory.get(tags_length..length)?;
        let cutter = SegmentCutter::new(frame, &header, header.segment_size.into(), kind)?;
        Some(Work::Segments(cutter, cutter.head_length()))
    }

    /// As Linux does, each fragment has as many bytes behind its IP headers as the header says, or a few fewer:
    /// multiples of 8.
    fn fragments(&mut self, length: usize, header: &VirtioNetHeader) -> Option<Work> {
        let whole = self.complete(length, header)?;
        let tags_length = self.take_tags(length)?;
        let frame = self.memory.get(tags_length..length)?;
        let headers = Headers::parse(frame).filter(|it| !it.is_fragment)?;
        let is_udp = headers.protocol == Protocol::Udp;
        let size = usize::from(header.segment_size);
        if !is_udp || size < 8 {
            return None;
        }
        if headers.transport_length() <= size {
            self.return_tags();
            return Some(whole);
        }
        self.identification = self.identification.wrapping_add(1);
        let fragment_header = if headers.version() == 6 { 8 } else { 0 };
        let mtu = headers.transport - Headers::NETWORK + fragment_header + size;
        let cutter = FragmentCutter::new(frame, &headers, mtu, self.identification)?;
        Some(Work::Fragments(cutter, cutter.first()))
    }

    /// Takes the VLAN tags out of the frame, which begins where they ended then; returns their length.
    fn take_tags(&mut self, length: usize) -> Option<usize> {
        let frame = self.memory.get_mut(..length)?;
        let tags = frame.get(ADDRESSES..)?.chunks_exact(TAG).take(MOST_TAGS);
        let count = tags.take_while(|tag| is_tag(tag)).count();
        let tags_length = count * TAG;
        let tags = frame.get(ADDRESSES..ADDRESSES + tags_length)?;
        self.tags.get_mut(..tags_length)?.copy_from_slice(tags);
        frame.copy_within(..ADDRESSES, tags_length);
        self.tags_length = tags_length;
        Some(tags_length)
    }

    fn return_tags(&mut self) {
        let end = ADDRESSES + self.tags_length;
        self.memory.copy_within(self.tags_length..end, 0);
        let tags = self.tags.get(..self.tags_length).unwrap_or_default();
        if let Some(place) = self.memory.get_mut(ADDRESSES..end) {
            place.copy_from_slice(tags);
        }
        self.tags_length = 0;
    }
}

/// What is left of the frame.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// All of it, as it is, with a header that asks for nothing.
    Whole { length: usize },
    /// The segments from the one that begins there on.
    Segments(SegmentCutter, usize),
    /// The fragments from the one that begins there on.
    Fragments(FragmentCutter, usize),
}

impl Work {
    /// Length of what the next frame has of its own.
    #[inline]
    fn head_length(&self) -> usize {
        match self {
            Self::Whole { .. } => 0,
            Self::Segments(cutter, _) => cutter.head_length(),
            Self::Fragments(cutter, _) => cutter.head_length(),
        }
    }

    /// What the next frame has of the one in memory, without VLAN tags.
    #[inline]
    fn part(&self) -> Range<usize> {
        match self {
            Self::Whole { length } => 0..*length,
            Self::Segments(cutter, start) => cutter.part(*start),
            Self::Fragments(cutter, start) => cutter.part(*start),
        }
    }

    /// `None` when nothing is left.
    fn advance(&mut self) -> Option<()> {
        let part = self.part();
        let (start, next) = match self {
            Self::Whole { .. } => return None,
            Self::Segments(cutter, start) => (start, cutter.following(&part)?),
            Self::Fragments(cutter, start) => (start, cutter.following(&part)?),
        };
        *start = next;
        Some(())
    }
}

/// Puts the virtio-net header and the VLAN tags where they belong in `head`, which has an Ethernet header behind
/// room for both.
fn put_start(
    head: &mut [u8],
    native: HeaderLength,
    mut header: VirtioNetHeader,
    tags: &[u8],
) -> Option<()> {
    if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        header.checksum_start = moved(header.checksum_start, tags.len(), u16::checked_add)?;
    }
    let wire = header.encode();
    let (place, frame) = head.split_at_mut_checked(native.bytes())?;
    place.copy_from_slice(wire.get(..native.bytes())?);
    if !tags.is_empty() {
        frame.copy_within(tags.len()..tags.len() + ADDRESSES, 0);
        let place = frame.get_mut(ADDRESSES..ADDRESSES + tags.len())?;
        place.copy_from_slice(tags);
    }
    Some(())
}

fn moved(offset: u16, by: usize, how: fn(u16, u16) -> Option<u16>) -> Option<u16> {
    how(offset, u16::try_from(by).ok()?)
}

/// IEEE 802.1Q, 9.5: a tag of a customer or of a service provider.
fn is_tag(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x81, 0]) || bytes.starts_with(&[0x88, 0xa8])
}
