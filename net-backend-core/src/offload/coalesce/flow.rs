use super::Segment;
use super::template::{Beginning, HEAD, Layout, Template, has_right_request};
use crate::offload::TcpFlags;
use crate::offload::bytes::{be16, be32, chunk, put};
use crate::offload::checksum::Sum;
use crate::offload::headers::NETWORK;
use crate::offload::segment::be_bytes;
use crate::{HeaderFlags, Segmentation, VirtioNetHeader, gather};

/// What became of a segment.
pub(super) enum Appended {
    /// It does not continue this flow.
    No,
    /// It was appended.
    Open,
    /// It was appended, and is the last.
    Full,
}

/// Consecutive segments of a flow.
#[derive(Debug)]
pub(super) struct Flow {
    /// The frame, and room for more.
    buffer: Vec<u8>,
    /// The most bytes that the frame may have.
    room: usize,
    /// Length of the frame in bytes.
    length: usize,
    layout: Layout,
    template: Template,
    /// Of the first segment.
    header: VirtioNetHeader,
    segments: usize,
    /// Payload bytes of each segment but the last.
    segment_size: usize,
    next_sequence: u32,
    /// IPv4 identification of the last segment.
    identification: u16,
    /// The numbers in the option of the last segment.
    timestamps: Timestamps,
    /// The last segment has PSH.
    has_push: bool,
    /// Sum of the payload, going by the checksums.
    sum: Sum,
}

impl Flow {
    /// One for frames of at most `room` bytes.
    pub(super) fn new(room: usize) -> Self {
        Self {
            buffer: vec![0; room],
            room,
            length: 0,
            layout: Layout::default(),
            template: Template::default(),
            header: VirtioNetHeader::default(),
            segments: 0,
            segment_size: 0,
            next_sequence: 0,
            identification: 0,
            timestamps: Timestamps::default(),
            has_push: false,
            sum: Sum::ZERO,
        }
    }

    /// What was collected so far; its header is that of the first segment.
    pub(super) fn frame(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// Begins a frame of at most `room` bytes.
    pub(super) fn begin(&mut self, segment: &Segment<'_>, beginning: &Beginning, room: usize) {
        self.room = room.min(self.buffer.len());
        let layout = beginning.layout;
        self.layout = layout;
        self.template = beginning.template.clone();
        self.header = *segment.header;
        self.segments = 0;
        self.segment_size = beginning.payload;
        self.length = layout.payload;
        self.sum = Sum::ZERO;
        if let (Some(to), Some(from)) = (
            self.buffer.get_mut(..layout.payload),
            segment.head.get(..layout.payload),
        ) {
            to.copy_from_slice(from);
        }
        self.take(segment, beginning.payload);
    }

    #[inline]
    pub(super) fn append(&mut self, segment: &Segment<'_>) -> Appended {
        // What is rarely that of another flow first.
        let sequence = be32(segment.head, self.layout.transport + 4);
        if sequence != Some(self.next_sequence) || !self.template.matches(segment.head) {
            return Appended::No;
        }
        match self.payload_if_next(segment) {
            Some(payload) => {
                self.take(segment, payload);
                let has_room = self.length + self.segment_size <= self.room;
                if payload < self.segment_size || self.has_push || !has_room {
                    Appended::Full
                } else {
                    Appended::Open
                }
            }
            None => Appended::No,
        }
    }

    /// Gives the frame out.
    pub(super) fn emit(&mut self, sink: &mut impl FnMut(&mut [u8], VirtioNetHeader)) {
        let mut header = self.header;
        if self.segments > 1 {
            header.segmentation = match self.layout.is_ipv6 {
                true => Segmentation::Tcp6,
                false => Segmentation::Tcp4,
            };
            header.segment_size = u16::try_from(self.segment_size).unwrap_or(0);
            header.header_length = u16::try_from(self.layout.payload).unwrap_or(0);
            self.finish();
        }
        sink(
            self.buffer.get_mut(..self.length).unwrap_or_default(),
            header,
        );
    }

    /// The payload bytes of a segment with the right headers and sequence number; `None` when it is not the
    /// next all the same.
    #[inline]
    fn payload_if_next(&self, segment: &Segment<'_>) -> Option<usize> {
        let (head, layout) = (segment.head, &self.layout);
        let end = match layout.is_ipv6 {
            true => NETWORK + 40 + usize::from(be16(head, NETWORK + 4)?),
            false => NETWORK + usize::from(be16(head, NETWORK + 2)?),
        };
        let payload = end.checked_sub(layout.payload)?;
        let fits = end <= segment.length
            && (1..=self.segment_size).contains(&payload)
            && self.length + payload <= self.room;
        let is_next = (!layout.counts
            || be16(head, NETWORK + 4)? == self.identification.wrapping_add(1))
            && (layout.timestamps == 0
                || self.timestamps.advance_to(Timestamps::read(head, layout)));
        let is_same_request = segment.header.segmentation == Segmentation::None
            && segment.header.flags == self.header.flags
            && has_right_request(segment, layout, &self.template, end - layout.transport);
        let is_right = self.template.has_right_network(head, layout);
        (fits && is_next && is_same_request && is_right).then_some(payload)
    }

    /// Appends the payload of a segment.
    #[inline]
    fn take(&mut self, segment: &Segment<'_>, payload: usize) {
        let (head, layout) = (segment.head, &self.layout);
        let length = layout.payload - layout.transport + payload;
        let claimed = self.template.claimed_payload(head, layout, length);
        self.sum = self.sum.followed_by(self.length - layout.payload, claimed);
        let sequence = be32(head, layout.transport + 4).unwrap_or(0);
        // A payload is shorter than 65536 bytes.
        self.next_sequence = sequence.wrapping_add(u32::try_from(payload).unwrap_or(0));
        self.identification = be16(head, NETWORK + 4).unwrap_or(0);
        self.timestamps = Timestamps::read(head, layout);
        let [flags] = chunk(head, layout.transport + 13).unwrap_or_default();
        self.has_push = flags & TcpFlags::PSH.bits() != 0;
        let room = self.buffer.get_mut(self.length..self.length + payload);
        gather(
            segment.frame,
            segment.skip + layout.payload,
            room.unwrap_or_default(),
        );
        self.length += payload;
        self.segments += 1;
    }

    /// Makes the headers those of the merged frame.
    fn finish(&mut self) -> Option<()> {
        let layout = self.layout;
        let head = self.buffer.get_mut(..layout.payload)?;
        if layout.is_ipv6 {
            put(head, NETWORK + 4, be_bytes(self.length - NETWORK - 40)?)?;
        } else {
            put(head, NETWORK + 2, be_bytes(self.length - NETWORK)?)?;
            let checksum = self.template.network_checksum(head);
            put(head, NETWORK + 10, checksum.to_be_bytes())?;
        }
        if self.has_push {
            let [flags] = chunk(head, layout.transport + 13)?;
            put(head, layout.transport + 13, [flags | TcpFlags::PSH.bits()])?;
        }
        if layout.timestamps > 0 {
            put(head, layout.timestamps, self.timestamps.value.to_be_bytes())?;
            put(
                head,
                layout.timestamps + 4,
                self.timestamps.echo.to_be_bytes(),
            )?;
        }
        let length = self.length - layout.transport;
        let checksum = if self.header.flags.contains(HeaderFlags::NEEDS_CSUM) {
            self.template.partial(length).value()
        } else {
            (self.template.without_payload(head, &layout, length) + self.sum).checksum()
        };
        put(head, layout.transport + 16, checksum.to_be_bytes())
    }
}

/// The numbers of a timestamp option (RFC 7323, 3.2).
#[derive(Clone, Copy, Debug, Default)]
struct Timestamps {
    value: u32,
    echo: u32,
}

impl Timestamps {
    /// Zeros when there is no such option.
    #[inline]
    fn read(head: &[u8; HEAD], layout: &Layout) -> Self {
        match layout.timestamps {
            0 => Self::default(),
            at => Self {
                value: be32(head, at).unwrap_or(0),
                echo: be32(head, at + 4).unwrap_or(0),
            },
        }
    }

    /// Whether neither number goes back, in the arithmetic of RFC 7323, 5.2.
    #[inline]
    fn advance_to(self, next: Self) -> bool {
        let goes_back = |from: u32, to: u32| to.wrapping_sub(from) >> 31 == 1;
        !goes_back(self.value, next.value) && !goes_back(self.echo, next.echo)
    }
}
