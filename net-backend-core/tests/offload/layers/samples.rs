//! Frames that ask for something, and a plain model of what has to become of them.

use net_backend_core::{Features, HeaderFlags, Segmentation, VirtioNetHeader};
use proptest::prelude::*;
use smoltcp::wire::Ipv4Packet;

use crate::frames::{CWR, Packet, any_packet, be16, extend, naive_sum, pattern};
use crate::segment::expected;

/// What a frame asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ask {
    Nothing,
    Verified,
    Checksum,
    Segments,
    Fragments,
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) packet: Packet,
    pub(crate) ask: Ask,
    /// IPv6 extension headers.
    extensions: usize,
    /// VLAN tags.
    tags: usize,
    size: u16,
}

impl Sample {
    /// The frame, and its header.
    pub(crate) fn frame(&self) -> (Vec<u8>, VirtioNetHeader) {
        let (frame, mut header) = match self.ask {
            Ask::Nothing => (self.packet.frame(), VirtioNetHeader::default()),
            Ask::Verified => {
                let header = VirtioNetHeader {
                    flags: HeaderFlags::DATA_VALID,
                    ..VirtioNetHeader::default()
                };
                (self.packet.frame(), header)
            }
            Ask::Checksum => self.packet.partial_frame(),
            Ask::Segments => self.packet.super_frame(self.size),
            Ask::Fragments => {
                let (frame, header) = self.packet.super_frame(self.size);
                let segmentation = Segmentation::UdpFragments;
                (
                    frame,
                    VirtioNetHeader {
                        segmentation,
                        ..header
                    },
                )
            }
        };
        if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
            let added = u16::try_from(8 * self.extensions + 4 * self.tags).unwrap();
            header.checksum_start += added;
        }
        (self.dressed(frame), header)
    }

    /// What it becomes without any offload.
    pub(crate) fn plain(&self) -> Vec<Vec<u8>> {
        let size = usize::from(self.size);
        let frames = match self.ask {
            Ask::Nothing | Ask::Verified | Ask::Checksum => vec![self.packet.frame()],
            Ask::Segments => expected(&self.packet, size)
                .iter()
                .map(Packet::frame)
                .collect(),
            Ask::Fragments => return self.fragments(),
        };
        frames.into_iter().map(|it| self.dressed(it)).collect()
    }

    /// Where the transport header is.
    pub(crate) fn transport(&self) -> usize {
        14 + 4 * self.tags + self.packet.network_length() + 8 * self.extensions
    }

    fn dressed(&self, mut frame: Vec<u8>) -> Vec<u8> {
        if self.extensions > 0 {
            extend(&mut frame, self.extensions);
        }
        self.tag(&mut frame);
        frame
    }

    fn tag(&self, frame: &mut Vec<u8>) {
        for tag in [[0x81, 0, 0, 7], [0x88, 0xa8, 0, 9]]
            .into_iter()
            .take(self.tags)
        {
            frame.splice(12..12, tag);
        }
    }

    fn fragments(&self) -> Vec<Vec<u8>> {
        let mut frame = self.packet.frame();
        if self.extensions > 0 {
            extend(&mut frame, self.extensions);
        }
        let transport = self.transport() - 4 * self.tags;
        let (head, body) = frame.split_at(transport);
        if body.len() <= usize::from(self.size) {
            self.tag(&mut frame);
            return vec![frame];
        }
        let step = usize::from(self.size) & !7;
        let last = (body.len() - 1) / step;
        let parts = body.chunks(step).enumerate();
        parts
            .map(|(index, part)| {
                let (offset, more) = (u16::try_from(index * step).unwrap(), index < last);
                let mut frame = match self.packet.is_ipv6 {
                    false => ipv4_fragment(head, part, offset, more),
                    true => self.ipv6_fragment(head, part, offset, more),
                };
                self.tag(&mut frame);
                frame
            })
            .collect()
    }

    /// The extension headers are up to a routing header at most, so that all of them are in each fragment. The
    /// identification is 0.
    fn ipv6_fragment(&self, head: &[u8], part: &[u8], offset: u16, more: bool) -> Vec<u8> {
        let mut frame = head.to_vec();
        let next = match self.extensions {
            0 => 20,
            extensions => 54 + 8 * (extensions - 1),
        };
        let kind = std::mem::replace(&mut frame[next], 44);
        let [o0, o1] = (offset | u16::from(more)).to_be_bytes();
        frame.extend([kind, 0, o0, o1, 0, 0, 0, 0]);
        frame.extend(part);
        let length = u16::try_from(frame.len() - 54).unwrap();
        frame[18..20].copy_from_slice(&length.to_be_bytes());
        frame
    }
}

fn ipv4_fragment(head: &[u8], part: &[u8], offset: u16, more: bool) -> Vec<u8> {
    let mut frame = [head, part].concat();
    let length = u16::try_from(frame.len() - 14).unwrap();
    let mut packet = Ipv4Packet::new_unchecked(&mut frame[14..]);
    packet.set_total_len(length);
    packet.set_frag_offset(offset);
    packet.set_more_frags(more);
    packet.fill_checksum();
    frame
}

/// Puts 0 for the identification of an IPv6 fragment, and returns what was there.
pub(crate) fn take_identification(frame: &mut [u8], sample: &Sample) -> Option<u32> {
    let at = sample.transport();
    let next = match sample.extensions {
        0 => 20 + 4 * sample.tags,
        extensions => 54 + 4 * sample.tags + 8 * (extensions - 1),
    };
    if !sample.packet.is_ipv6 || frame[next] != 44 {
        return None;
    }
    let place = &mut frame[at + 4..at + 8];
    let identification = u32::from_be_bytes(place.try_into().unwrap());
    place.fill(0);
    Some(identification)
}

/// Completes a checksum word by word, if the header asks for that.
pub(crate) fn completed(mut frame: Vec<u8>, header: &VirtioNetHeader) -> Vec<u8> {
    if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        let start = usize::from(header.checksum_start);
        let at = start + usize::from(header.checksum_offset);
        let checksum = !naive_sum(&frame[start..]);
        frame[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }
    frame
}

/// Whether the frames are the same; a checksum of 0 and one of 0xffff are.
pub(crate) fn is_same(left: &[u8], right: &[u8], sample: &Sample) -> bool {
    let at = sample.transport() + if sample.packet.is_udp { 6 } else { 16 };
    let has_checksum = left.len() == right.len() && left.len() >= at + 2;
    let is_zero = |it: &[u8]| matches!(be16(it, at), 0 | 0xffff);
    if has_checksum && is_zero(left) && is_zero(right) {
        return left[..at] == right[..at] && left[at + 2..] == right[at + 2..];
    }
    left == right
}

/// The receive features that the frame needs, from the virtio specification.
pub(crate) fn needed(sample: &Sample) -> Features {
    let packet = &sample.packet;
    match sample.ask {
        Ask::Nothing | Ask::Verified => Features::empty(),
        Ask::Checksum => Features::GUEST_CSUM,
        Ask::Fragments => Features::GUEST_CSUM | Features::GUEST_UFO,
        Ask::Segments if packet.is_udp => {
            Features::GUEST_CSUM | Features::GUEST_USO4 | Features::GUEST_USO6
        }
        Ask::Segments => {
            let segmentation = match packet.is_ipv6 {
                true => Features::GUEST_TSO6,
                false => Features::GUEST_TSO4,
            };
            let mut needed = Features::GUEST_CSUM | segmentation;
            needed.set(Features::GUEST_ECN, packet.flags & CWR != 0);
            needed
        }
    }
}

pub(crate) fn any_sample() -> impl Strategy<Value = Sample> {
    let shape = (any::<bool>(), 0_usize..=2, 0_usize..=2, any::<u8>());
    let ask = proptest::sample::select(vec![
        Ask::Nothing,
        Ask::Verified,
        Ask::Checksum,
        Ask::Segments,
        Ask::Segments,
        Ask::Fragments,
    ]);
    let sizes = (1_usize..3000, 100_u16..1500, any::<u32>());
    (any_packet(false), shape, ask, sizes).prop_map(|(mut packet, shape, ask, sizes)| {
        let (is_udp, extensions, tags, flags) = shape;
        let (payload, size, seed) = sizes;
        packet.is_udp = is_udp || ask == Ask::Fragments;
        packet.flags = flags;
        packet.dont_fragment = seed % 2 == 0;
        // Now and then a datagram that just fits into one fragment.
        let fits = ask == Ask::Fragments && seed % 4 < 2;
        let payload = if fits { usize::from(size) - 8 } else { payload };
        packet.payload = pattern(payload, seed);
        Sample {
            extensions: if packet.is_ipv6 { extensions } else { 0 },
            packet,
            ask,
            tags,
            size,
        }
    })
}
