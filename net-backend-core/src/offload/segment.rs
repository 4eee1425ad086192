use std::ops::Range;

use super::bytes::{be16, be32, put};
use super::checksum::{self, Sum};
use super::headers::NETWORK;
use super::{Headers, Malformed, Protocol, TcpFlags};
use crate::{HeaderFlags, Segmentation, VirtioNetHeader};

/// What the checksum fields of the frames that [`segment()`] makes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Checksum {
    /// The whole checksum; the header asks for nothing.
    #[default]
    Complete,
    /// The sum of the pseudo-header; the header asks for the rest ([`HeaderFlags::NEEDS_CSUM`]).
    Partial,
}

/// Cuts a super-frame of TCP or UDP (`TSO4`, `TSO6`, `USO`) into frames with at most `size` bytes of payload,
/// each of which goes to `sink` with its virtio-net header, in order.
///
/// With a `size` of `header.segment_size` nothing of them remains to be cut. With a larger one each is a
/// super-frame of as many whole segments as fit, for a consumer with a limit; with a smaller one segments are
/// smaller than asked for. `scratch` is where they are built: it grows to the largest, and no allocation is
/// needed once it has.
///
/// As Linux does, the identification of IPv4 counts segments, FIN and PSH stay with the last frame, CWR with
/// the first, and all else is in every frame: options, and URG with its pointer, as it was.
///
/// Checksums are computed from the payload, whatever the super-frame asked for. Only when it came with a
/// complete checksum, and that is wrong, the frames have wrong (complete) checksums too.
///
/// # Errors
///
/// When `header` is none of a TCP or UDP super-frame, or does not fit the frame, or for a `size` of 0. Nothing
/// went to `sink`.
pub fn segment(
    frame: &[u8],
    header: &VirtioNetHeader,
    size: usize,
    checksum: Checksum,
    scratch: &mut Vec<u8>,
    sink: &mut impl FnMut(&[u8], &VirtioNetHeader),
) -> Result<(), Malformed> {
    let cutter = Cutter::new(frame, header, size, checksum).ok_or(Malformed)?;
    let head_length = cutter.head_length();
    let largest = head_length + cutter.step.min(cutter.headers.payload_length());
    if scratch.len() < largest {
        scratch.resize(largest, 0);
    }
    let mut next = Some(head_length);
    while let Some(part) = next.map(|start| cutter.part(start)) {
        let length = head_length + part.len();
        let built = scratch.get_mut(..length).ok_or(Malformed)?;
        let (head, payload) = built.split_at_mut_checked(head_length).ok_or(Malformed)?;
        payload.copy_from_slice(frame.get(part.clone()).ok_or(Malformed)?);
        let header = cutter.cut(frame, part.clone(), head).ok_or(Malformed)?;
        sink(built, &header);
        next = cutter.following(&part);
    }
    Ok(())
}

/// How many frames [`segment()`] makes of a super-frame with that payload when it cuts it at `size` bytes; 1
/// when there is nothing to cut.
pub fn segments(headers: &Headers, header: &VirtioNetHeader, size: usize) -> usize {
    match step(header, size) {
        Some(step) => headers.payload_length().div_ceil(step).max(1),
        None => 1,
    }
}

/// Payload bytes in each frame: whole segments.
fn step(header: &VirtioNetHeader, size: usize) -> Option<usize> {
    let segment = usize::from(header.segment_size);
    match size.checked_div(segment)? {
        0 => (size > 0).then_some(size),
        count => Some(count * segment),
    }
}

/// How one super-frame is cut into segments, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutter {
    header: VirtioNetHeader,
    headers: Headers,
    checksum: Checksum,
    /// Payload bytes in each frame but the last.
    step: usize,
    /// The sum of the pseudo-header of a segment without its length.
    pseudo: Sum,
    /// The checksum was complete and wrong.
    is_spoilt: bool,
}

impl Cutter {
    /// As [`segment()`]; `None` for what it refuses.
    pub(crate) fn new(
        frame: &[u8],
        header: &VirtioNetHeader,
        size: usize,
        checksum: Checksum,
    ) -> Option<Self> {
        let headers = Headers::parse(frame)?;
        let fits = match header.segmentation {
            Segmentation::Tcp4 => headers.protocol == Protocol::Tcp && headers.version() == 4,
            Segmentation::Tcp6 => headers.protocol == Protocol::Tcp && headers.version() == 6,
            Segmentation::Udp => headers.protocol == Protocol::Udp,
            Segmentation::None | Segmentation::UdpFragments => false,
        };
        if !fits || headers.is_fragment {
            return None;
        }
        let pseudo = pseudo_without_length(frame, header, &headers)?;
        let is_spoilt =
            !header.flags.contains(HeaderFlags::NEEDS_CSUM) && !checksum::is_valid(frame, &headers);
        Some(Self {
            header: *header,
            headers,
            checksum: if is_spoilt {
                Checksum::Complete
            } else {
                checksum
            },
            step: step(header, size)?,
            pseudo,
            is_spoilt,
        })
    }

    /// Length of the headers that every segment has, in bytes: where the payload of the super-frame begins.
    #[inline]
    pub(crate) fn head_length(&self) -> usize {
        self.headers.payload
    }

    /// The part of the super-frame that is the payload of the segment that begins at `start`.
    #[inline]
    pub(crate) fn part(&self, start: usize) -> Range<usize> {
        start..self.headers.end.min(start + self.step)
    }

    /// Where the part behind this one begins; `None` behind the last.
    #[inline]
    pub(crate) fn following(&self, part: &Range<usize>) -> Option<usize> {
        (part.end < self.headers.end).then_some(part.end)
    }

    /// Builds the headers of the segment with that part of the super-frame in `head`, which has their length;
    /// returns its virtio-net header.
    pub(crate) fn cut(
        &self,
        frame: &[u8],
        part: Range<usize>,
        head: &mut [u8],
    ) -> Option<VirtioNetHeader> {
        let before = part.start - self.headers.payload;
        let end = self.headers.payload + part.len();
        let payload = frame.get(part.clone())?;
        head.copy_from_slice(frame.get(..self.headers.payload)?);
        self.put_network(head, before, end)?;
        match self.headers.protocol {
            Protocol::Tcp => self.put_tcp(head, before, part.end)?,
            _ => put(
                head,
                self.headers.transport + 4,
                be_bytes(end - self.headers.transport)?,
            )?,
        }
        let mut header = self.put_checksum(head, payload)?;
        if payload.len() > usize::from(self.header.segment_size) {
            header.segmentation = self.header.segmentation;
            header.ecn = self.header.ecn && before == 0;
            header.segment_size = self.header.segment_size;
            header.header_length = u16::try_from(self.headers.payload).ok()?;
        }
        Some(header)
    }

    /// Length and identification in the IP header, for a frame that ends at `end`, `before` bytes into the
    /// payload.
    fn put_network(&self, head: &mut [u8], before: usize, end: usize) -> Option<()> {
        if self.headers.version() == 6 {
            return put(head, NETWORK + 4, be_bytes(end - NETWORK - 40)?);
        }
        let segments = before / self.step.min(usize::from(self.header.segment_size));
        let identification = be16(head, NETWORK + 4)?.wrapping_add(u16::try_from(segments).ok()?);
        put(head, NETWORK + 2, be_bytes(end - NETWORK)?)?;
        put(head, NETWORK + 4, identification.to_be_bytes())?;
        put_ipv4_checksum(head.get_mut(NETWORK..self.headers.transport)?)
    }

    /// Sequence number and flags, for payload that ends at `end` of the super-frame.
    fn put_tcp(&self, head: &mut [u8], before: usize, end: usize) -> Option<()> {
        let transport = self.headers.transport;
        let sequence = be32(head, transport + 4)?.wrapping_add(u32::try_from(before).ok()?);
        let mut flags = self.headers.flags;
        if end < self.headers.end {
            flags -= TcpFlags::FIN | TcpFlags::PSH;
        }
        if before > 0 {
            flags -= TcpFlags::CWR;
        }
        put(head, transport + 4, sequence.to_be_bytes())?;
        put(head, transport + 13, [flags.bits()])
    }

    fn put_checksum(&self, head: &mut [u8], payload: &[u8]) -> Option<VirtioNetHeader> {
        let transport = self.headers.transport;
        let at = transport + self.headers.checksum_offset()?;
        let pseudo = self.pseudo + length_sum(head.len() - transport + payload.len());
        if self.checksum == Checksum::Partial {
            put(head, at, pseudo.value().to_be_bytes())?;
            return checksum::partial_header(&self.headers);
        }
        put(head, at, [0; 2])?;
        let covered = head.get(transport..)?;
        let covered = Sum::of(covered).followed_by(covered.len(), Sum::of(payload));
        let sum = pseudo + covered;
        let mut checksum = match self.headers.protocol {
            Protocol::Udp => sum.nonzero_checksum(),
            _ => sum.checksum(),
        };
        if self.is_spoilt {
            // Neither 0, which UDP takes for "none", nor the same in one's complement.
            checksum = checksum.checked_add(1).unwrap_or(1);
        }
        put(head, at, checksum.to_be_bytes())?;
        Some(VirtioNetHeader::default())
    }
}

/// The sum of the pseudo-header without its length. Behind IPv6 extension headers only the sender knows it, since
/// a routing header has the last address: there it is taken from the checksum field of a frame that needs its
/// checksum completed.
fn pseudo_without_length(frame: &[u8], header: &VirtioNetHeader, headers: &Headers) -> Option<Sum> {
    if checksum::is_plain(headers) {
        return Some(checksum::pseudo(headers, 0));
    }
    let offset = headers.checksum_offset()?;
    let is_told = header.flags.contains(HeaderFlags::NEEDS_CSUM)
        && usize::from(header.checksum_start) == headers.transport
        && usize::from(header.checksum_offset) == offset;
    let field = be16(frame, headers.transport + offset)?;
    is_told.then(|| Sum::word(field) - length_sum(headers.transport_length()))
}

/// The sum of a length as the pseudo-header has it: in 32 bits.
fn length_sum(length: usize) -> Sum {
    u32::try_from(length).map_or(Sum::ZERO, Sum::double_word)
}

/// Computes the checksum of an IPv4 header, whose last byte is that of its last option.
pub(super) fn put_ipv4_checksum(header: &mut [u8]) -> Option<()> {
    put(header, 10, [0; 2])?;
    let checksum = Sum::of(header).checksum();
    put(header, 10, checksum.to_be_bytes())
}

/// A length as it is on the wire.
pub(super) fn be_bytes(length: usize) -> Option<[u8; 2]> {
    u16::try_from(length).ok().map(u16::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{tcp, udp};
    use super::*;

    fn cut(frame: &[u8], header: &VirtioNetHeader, size: usize) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let sink = &mut |frame: &[u8], _: &VirtioNetHeader| out.push(frame.to_vec());
        let done = segment(
            frame,
            header,
            size,
            Checksum::Complete,
            &mut Vec::new(),
            sink,
        );
        assert_eq!(done.is_ok(), !out.is_empty());
        out
    }

    fn request(segmentation: Segmentation) -> VirtioNetHeader {
        VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM,
            segmentation,
            segment_size: 4,
            ..VirtioNetHeader::default()
        }
    }

    #[test]
    fn urgent_data_is_told_in_every_segment() {
        let mut frame = tcp(7, TcpFlags::ACK | TcpFlags::URG, b"0123456789");
        put(&mut frame, 52, [0, 3]);
        let out = cut(&frame, &request(Segmentation::Tcp4), 4);
        assert_eq!(out.len(), 3);
        for frame in out {
            let headers = Headers::parse(&frame).unwrap();
            assert!(headers.flags.contains(TcpFlags::URG));
            assert_eq!(be16(&frame, 52), Some(3));
        }
    }

    #[test]
    fn a_checksum_of_zero_is_none_only_for_udp() {
        // The payload makes up for the rest of what is summed.
        let payload_for_zero = |mut frame: Vec<u8>, at: usize| {
            let headers = Headers::parse(&frame).unwrap();
            put(&mut frame, at, [0; 2]);
            put(&mut frame, headers.payload, [0; 2]);
            let sum = Sum::of(&frame[34..]) + checksum::pseudo(&headers, frame.len() - 34);
            put(&mut frame, headers.payload, sum.checksum().to_be_bytes());
            frame
        };
        let frame = payload_for_zero(tcp(7, TcpFlags::ACK, b"..34"), 50);
        let out = cut(&frame, &request(Segmentation::Tcp4), 4);
        assert_eq!(be16(&out[0], 50), Some(0));
        let frame = payload_for_zero(udp(b"..34"), 40);
        let out = cut(&frame, &request(Segmentation::Udp), 4);
        assert_eq!(be16(&out[0], 40), Some(0xffff));
    }

    #[test]
    fn other_frames_are_refused() {
        let frame = tcp(7, TcpFlags::ACK, b"0123456789");
        for kind in [
            Segmentation::None,
            Segmentation::Tcp6,
            Segmentation::Udp,
            Segmentation::UdpFragments,
        ] {
            assert_eq!(cut(&frame, &request(kind), 4), Vec::<Vec<u8>>::new());
        }
        let header = request(Segmentation::Tcp4);
        assert!(cut(&frame, &header, 0).is_empty());
        let without_size = VirtioNetHeader {
            segment_size: 0,
            ..header
        };
        assert!(cut(&frame, &without_size, 4).is_empty());
        assert_eq!(cut(&frame, &header, 4).len(), 3);
    }

    #[test]
    fn what_remains_to_be_cut_keeps_its_request() {
        let frame = tcp(7, TcpFlags::ACK | TcpFlags::CWR, b"0123456789");
        let header = VirtioNetHeader {
            ecn: true,
            ..request(Segmentation::Tcp4)
        };
        let mut out = Vec::new();
        let sink = &mut |frame: &[u8], header: &VirtioNetHeader| out.push((frame.len(), *header));
        segment(
            &frame,
            &header,
            9,
            Checksum::Complete,
            &mut Vec::new(),
            sink,
        )
        .unwrap();
        let first = VirtioNetHeader {
            flags: HeaderFlags::empty(),
            header_length: 54,
            ..header
        };
        assert_eq!(out, [(54 + 8, first), (54 + 2, VirtioNetHeader::default())]);
    }
}
