//! What the segments of a flow have in common.

use std::ops::Range;

use super::Segment;
use crate::offload::bytes::{be16, be32, chunk};
use crate::offload::checksum::Sum;
use crate::offload::headers::NETWORK;
use crate::offload::{Headers, Protocol, TcpFlags};
use crate::{HeaderFlags, Segmentation};

/// Bytes that hold the headers of every segment that can be merged: Ethernet 14, IPv6 40, TCP 60.
pub(super) const HEAD: usize = 128;

/// Flags of segments that are not merged.
const ALONE: TcpFlags = TcpFlags::FIN
    .union(TcpFlags::SYN)
    .union(TcpFlags::RST)
    .union(TcpFlags::URG)
    .union(TcpFlags::CWR);

/// NOP, NOP, timestamps, 10 bytes (RFC 7323, appendix A).
const TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];

/// A segment that others can be appended to.
pub(super) struct Beginning {
    /// Where things are.
    pub(super) layout: Layout,
    /// Its payload in bytes.
    pub(super) payload: usize,
    /// What each of the others must have too.
    pub(super) template: Template,
}

impl Beginning {
    /// `None` when the segment has to go alone. `limit` is for IP packets.
    pub(super) fn new(segment: &Segment<'_>, headers: &Headers, limit: usize) -> Option<Self> {
        let payload = headers.payload_length();
        let is_alone = headers.protocol != Protocol::Tcp
            || headers.is_fragment
            || headers.transport != headers.plain_transport()
            || headers.flags.intersects(ALONE)
            || !headers.flags.contains(TcpFlags::ACK)
            || payload == 0
            || headers.flags.contains(TcpFlags::PSH)
            || headers.end - NETWORK + payload > limit;
        if is_alone || segment.header.segmentation != Segmentation::None {
            return None;
        }
        let layout = Layout::new(segment.head, headers);
        let template = Template::new(segment.head, &layout);
        let known = HeaderFlags::NEEDS_CSUM | HeaderFlags::DATA_VALID;
        let is_right = known.contains(segment.header.flags)
            && template.has_right_network(segment.head, &layout)
            && has_right_request(segment, &layout, &template, headers.transport_length());
        is_right.then_some(Self {
            layout,
            payload,
            template,
        })
    }
}

/// Where things are in the frames of a flow, in bytes from the Ethernet header.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// IPv6, not IPv4.
    pub(super) is_ipv6: bool,
    /// The TCP header.
    pub(super) transport: usize,
    /// The payload.
    pub(super) payload: usize,
    /// There is a timestamp option, with its numbers here; else 0.
    pub(super) timestamps: usize,
    /// The identification counts: the packet may be fragmented.
    pub(super) counts: bool,
}

impl Layout {
    fn new(head: &[u8; HEAD], headers: &Headers) -> Self {
        let options = headers.transport + 20;
        let has_timestamps =
            headers.payload >= options + 12 && chunk(head, options) == Some(TIMESTAMPS);
        Self {
            is_ipv6: headers.version() == 6,
            transport: headers.transport,
            payload: headers.payload,
            timestamps: if has_timestamps { options + 4 } else { 0 },
            counts: !headers.dont_fragment,
        }
    }
}

/// The bytes of the headers that are the same in all segments of a flow, and their sums.
#[derive(Clone, Debug)]
pub(super) struct Template {
    mask: [u8; HEAD],
    bytes: [u8; HEAD],
    /// Sum of the constant bytes of the IPv4 header.
    network: Sum,
    /// Sum of addresses and protocol.
    pseudo: Sum,
    /// Sum of the constant bytes of the TCP header.
    transport: Sum,
}

impl Default for Template {
    /// That of no flow: nothing has been begun.
    fn default() -> Self {
        Self {
            mask: [0; HEAD],
            bytes: [0xff; HEAD],
            network: Sum::ZERO,
            pseudo: Sum::ZERO,
            transport: Sum::ZERO,
        }
    }
}

impl Template {
    fn new(head: &[u8; HEAD], layout: &Layout) -> Self {
        let mask = mask(layout);
        let mut bytes = *head;
        bytes
            .iter_mut()
            .zip(mask)
            .for_each(|(it, mask)| *it &= mask);
        let sum = |range| Sum::of(bytes.get(range).unwrap_or_default());
        let addresses = if layout.is_ipv6 { 32 } else { 8 };
        Self {
            mask,
            network: sum(NETWORK..layout.transport),
            pseudo: sum(layout.transport - addresses..layout.transport) + Sum::word(6),
            transport: sum(layout.transport..layout.payload),
            bytes,
        }
    }

    /// Whether the headers of `head` are those of the flow, but for what always differs.
    #[inline]
    pub(super) fn matches(&self, head: &[u8; HEAD]) -> bool {
        let mut difference = 0;
        for ((byte, mask), expected) in head.iter().zip(&self.mask).zip(&self.bytes) {
            difference |= byte & mask ^ expected;
        }
        difference == 0
    }

    /// Whether the checksum of the IPv4 header is right.
    #[inline]
    pub(super) fn has_right_network(&self, head: &[u8; HEAD], layout: &Layout) -> bool {
        let word = |at| Sum::word(be16(head, NETWORK + at).unwrap_or(0));
        layout.is_ipv6 || self.network + word(2) + word(4) + word(10) == Sum::ZERO
    }
}

impl Template {
    /// The sum of the payload that the checksum of a segment with `length` bytes of header and payload claims.
    #[inline]
    pub(super) fn claimed_payload(&self, head: &[u8; HEAD], layout: &Layout, length: usize) -> Sum {
        let checksum = Sum::word(be16(head, layout.transport + 16).unwrap_or(0));
        Sum::ZERO - (self.without_payload(head, layout, length) + checksum)
    }

    /// The sum of pseudo-header and TCP header, but for the checksum.
    #[inline]
    pub(super) fn without_payload(&self, head: &[u8], layout: &Layout, length: usize) -> Sum {
        let double = |at| Sum::double_word(be32(head, at).unwrap_or(0));
        let [flags] = chunk(head, layout.transport + 13).unwrap_or_default();
        let mut sum = self.partial(length) + self.transport + double(layout.transport + 4);
        sum = sum + Sum::word(u16::from(flags & TcpFlags::PSH.bits()));
        if layout.timestamps > 0 {
            sum = sum + double(layout.timestamps) + double(layout.timestamps + 4);
        }
        sum
    }

    /// The sum of the pseudo-header.
    #[inline]
    pub(super) fn partial(&self, length: usize) -> Sum {
        self.pseudo + Sum::word(u16::try_from(length).unwrap_or(0))
    }

    /// The checksum of the IPv4 header.
    #[inline]
    pub(super) fn network_checksum(&self, head: &[u8]) -> u16 {
        let word = |at| Sum::word(be16(head, NETWORK + at).unwrap_or(0));
        (self.network + word(2) + word(4)).checksum()
    }
}

/// Whether the virtio-net header asks for nothing, or for the checksum of this TCP segment, and has it
/// prepared.
#[inline]
pub(super) fn has_right_request(
    segment: &Segment<'_>,
    layout: &Layout,
    template: &Template,
    length: usize,
) -> bool {
    let header = segment.header;
    if !header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        return true;
    }
    let prepared = Sum::word(be16(segment.head, layout.transport + 16).unwrap_or(0));
    usize::from(header.checksum_start) == layout.transport
        && header.checksum_offset == 16
        && prepared == template.partial(length)
}

/// Whether a frame that begins with `prefix` has the addresses, and the ports if these count, of the flow of
/// `frame`.
pub(super) fn is_between(frame: &[u8], prefix: &[u8], by_ports: bool) -> bool {
    let ports = if by_ports { 4 } else { 0 };
    let addresses = match be16(frame, 12) {
        Some(0x0800) => 26..34 + ports,
        _ => 22..54 + ports,
    };
    be16(frame, 12) == be16(prefix, 12) && frame.get(addresses.clone()) == prefix.get(addresses)
}

/// Ones where the headers of all segments are the same.
fn mask(layout: &Layout) -> [u8; HEAD] {
    let mut mask = [0; HEAD];
    let mut set = |range: Range<usize>, value: u8| {
        let part = mask.get_mut(range);
        part.unwrap_or_default().fill(value);
    };
    set(0..layout.payload, 0xff);
    if layout.is_ipv6 {
        set(NETWORK + 4..NETWORK + 6, 0);
    } else {
        // Length and identification, checksum.
        set(NETWORK + 2..NETWORK + 6, 0);
        set(NETWORK + 10..NETWORK + 12, 0);
    }
    let transport = layout.transport;
    set(transport + 4..transport + 8, 0);
    set(transport + 13..transport + 14, !TcpFlags::PSH.bits());
    set(transport + 16..transport + 18, 0);
    if layout.timestamps > 0 {
        set(layout.timestamps..layout.timestamps + 8, 0);
    }
    mask
}
