use std::collections::HashMap;
use std::time::Instant;

use net_backend_core::offload::{Headers, Reassembler, checksum, fragment};
use proptest::prelude::*;
use proptest::sample::Index;

use super::frames::{Packet, any_packet, extend, is_sound, pattern};

fn push(reassembler: &mut Reassembler, frame: &[u8]) -> Option<Vec<u8>> {
    let headers = Headers::parse(frame)?;
    let whole = reassembler.push(frame, &headers, Instant::now());
    whole.map(|it| it.to_vec())
}

fn cut(frame: &[u8], mtu: usize, identification: u32) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let sink = &mut |it: &[u8]| out.push(it.to_vec());
    fragment(frame, mtu, identification, &mut Vec::new(), sink).unwrap();
    out
}

fn is_fragment(frame: &[u8]) -> bool {
    Headers::parse(frame).unwrap().is_fragment
}

/// Packets and the MTUs that they are cut to; the number of extension headers, and the length of IPv4 options
/// in units of 4 bytes.
fn any_packets() -> impl Strategy<Value = Vec<(Packet, usize, usize)>> {
    let packet =
        (any::<bool>(), 0_usize..12000, any::<u32>()).prop_flat_map(|(is_udp, payload, seed)| {
            any_packet(is_udp).prop_map(move |packet| Packet {
                payload: pattern(payload, seed),
                ..packet
            })
        });
    prop::collection::vec((packet, 150_usize..3000, 0_usize..4), 1..6)
}

proptest! {
    #[test]
    fn fragments_in_any_order_make_the_packets(
        packets in any_packets(),
        order in prop::collection::vec(any::<u32>(), 600),
        duplicates in prop::collection::vec(any::<Index>(), 0..8),
        padding in 0_usize..10,
    ) {
        let mut expected = Vec::new();
        let mut frames = Vec::new();
        for (index, (mut packet, mtu, extra)) in packets.into_iter().enumerate() {
            // What makes them different, while the addresses are the same.
            let identification = u16::try_from(index).unwrap();
            packet.identification = identification;
            packet.ip_options = if packet.is_ipv6 { 0 } else { 4 * extra };
            let mut frame = packet.frame();
            if packet.is_ipv6 {
                extend(&mut frame, extra);
            }
            let fragments = cut(&frame, mtu, identification.into());
            if fragments.len() > 1 {
                frames.extend(fragments);
                expected.push(frame);
            }
        }
        let mut sorted: Vec<_> = order.into_iter().cycle().zip(frames).collect();
        sorted.sort_by_key(|(key, _)| *key);
        let mut frames: Vec<_> = sorted.into_iter().map(|(_, frame)| frame).collect();
        let late = duplicates.len();
        for index in duplicates {
            if !frames.is_empty() {
                let at = index.index(frames.len());
                frames.insert(at, frames[at].clone());
            }
        }
        let mut reassembler = Reassembler::new();
        let mut out = Vec::new();
        for mut frame in frames {
            let length = frame.len();
            frame.resize(length + padding, 0xee);
            out.extend(push(&mut reassembler, &frame));
        }
        prop_assert!(out.iter().all(|it| !is_fragment(it)));
        // What comes behind its packet waits for another.
        prop_assert!(reassembler.pending() <= late);
        out.sort();
        expected.sort();
        prop_assert_eq!(out, expected);
    }

    #[test]
    fn fragments_of_fragments_make_the_packet(
        mut packet in any_packet(true),
        payload in 1000_usize..9000,
        mtus in (600_usize..3000, 68_usize..600),
    ) {
        packet.is_ipv6 = false;
        packet.payload = pattern(payload, 1);
        let frame = packet.frame();
        let larger = cut(&frame, mtus.0, 0);
        let frames: Vec<_> = larger.iter().flat_map(|it| cut(it, mtus.1, 0)).collect();
        let mut reassembler = Reassembler::new();
        let out: Vec<_> = frames.iter().filter_map(|it| push(&mut reassembler, it)).collect();
        prop_assert!(is_sound(&out[0]));
        prop_assert_eq!(out, vec![frame]);
    }

    #[test]
    fn any_fragments_give_what_the_rules_say(
        mut pieces in prop::collection::vec(any_piece(), 0..40),
        is_ipv6: bool,
    ) {
        // Those that are a whole packet are no fragments of IPv4.
        pieces.retain(|it| is_ipv6 || it.more || it.offset > 0);
        let mut reassembler = Reassembler::new();
        let mut models = HashMap::<u8, Model>::new();
        for piece in pieces {
            let frame = piece.frame(is_ipv6);
            let out = push(&mut reassembler, &frame);
            let model = models.entry(piece.packet).or_default();
            let head = if is_ipv6 { 54 } else { 34 };
            prop_assert_eq!(out.map(|it| it[head..].to_vec()), model.push(&piece));
            let pending = models.values().filter(|it| it.is_pending()).count();
            prop_assert_eq!(reassembler.pending(), pending);
        }
    }

    #[test]
    fn any_bytes_are_taken(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20),
        wrong in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        is_ipv6: bool,
    ) {
        let mut reassembler = Reassembler::new();
        for bytes in frames {
            push(&mut reassembler, &bytes);
            let piece = Piece { packet: 0, offset: 0, length: 64, more: true, byte: 1 };
            let mut frame = piece.frame(is_ipv6);
            let length = bytes.len().min(frame.len() - 14);
            frame[14 + 40..].iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
            for (at, byte) in &wrong {
                frame[at.index(length + 14)] = *byte;
            }
            repair(&mut frame);
            if let Some(whole) = push(&mut reassembler, &frame) {
                prop_assert!(!is_fragment(&whole));
            }
            // The headers of another frame.
            if let (Some(mut headers), Some(other)) = (Headers::parse(&frame), wrong.first()) {
                headers.transport = usize::from(other.1);
                headers.end = usize::from(other.1) * 2;
                reassembler.push(&bytes, &headers, Instant::now());
                reassembler.push(&frame, &headers, Instant::now());
            }
        }
    }
}

/// A fragment of one of some packets.
#[derive(Clone, Debug)]
struct Piece {
    packet: u8,
    /// In units of 8 bytes.
    offset: u8,
    length: usize,
    more: bool,
    byte: u8,
}

/// Short ones, which are often in each other's way, and often make a packet.
fn any_piece() -> impl Strategy<Value = Piece> {
    let length = prop::sample::select(vec![8, 8, 8, 16, 16, 24, 0, 5, 12]);
    let place = (0_u8..2, 0_u8..5, length);
    (place, any::<bool>(), prop::bool::weighted(0.05)).prop_map(
        |((packet, offset, length), more, is_other)| Piece {
            packet,
            offset,
            length,
            more,
            byte: u8::from(is_other),
        },
    )
}

impl Piece {
    fn payload(&self) -> Vec<u8> {
        (0..self.length)
            .map(|it| u8::try_from(it).unwrap() + 8 * self.offset + 100 * self.byte)
            .collect()
    }

    /// The frame, of a protocol without rules.
    fn frame(&self, is_ipv6: bool) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        let length = u8::try_from(self.length).unwrap();
        if is_ipv6 {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8 + length, 44, 64]);
            frame.extend([1; 32]);
            let field = self.offset * 8 + u8::from(self.more);
            frame.extend([0xfd, 0, 0, field, 0, 0, 0, self.packet]);
        } else {
            let more = if self.more { 0x20 } else { 0 };
            frame.extend([8, 0, 0x45, 0, 0, 20 + length, 0, self.packet]);
            frame.extend([more, self.offset, 64, 0xfd, 0, 0]);
            frame.extend([10, 0, 2, 15, 10, 0, 2, 2]);
        }
        frame.extend(self.payload());
        repair(&mut frame);
        frame
    }
}

/// Makes an IPv4 header checksum right.
fn repair(frame: &mut [u8]) {
    let length = 4 * usize::from(frame[14] & 0xf);
    if frame[12..14] == [8, 0] && length >= 20 && frame.len() >= 14 + length {
        frame[24..26].fill(0);
        let checksum = checksum::Sum::of(&frame[14..14 + length]).checksum();
        frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// One packet, byte by byte.
#[derive(Default)]
struct Model {
    is_refused: bool,
    bytes: Vec<Option<u8>>,
    taken: Vec<(usize, Vec<u8>)>,
    end: Option<usize>,
}

impl Model {
    fn is_pending(&self) -> bool {
        !self.is_refused && !self.taken.is_empty()
    }

    /// The payload of the packet that this fragment completes.
    fn push(&mut self, piece: &Piece) -> Option<Vec<u8>> {
        let payload = piece.payload();
        let start = 8 * usize::from(piece.offset);
        if start == 0 && !piece.more {
            return Some(payload);
        }
        let is_cut = piece.more && piece.length % 8 != 0;
        if self.is_refused || piece.length == 0 || is_cut {
            return None;
        }
        let end = start + piece.length;
        let is_contradicted = match self.end {
            Some(known) if piece.more => end >= known,
            Some(known) => end != known,
            None => !piece.more && end <= self.bytes.len(),
        };
        let piece_taken = (start, payload);
        let is_there = self.taken.contains(&piece_taken);
        let (_, payload) = &piece_taken;
        if self.bytes.len() < end {
            self.bytes.resize(end, None);
        }
        let places = &mut self.bytes[start..end];
        let is_overlap = !is_there && places.iter().any(Option::is_some);
        if is_contradicted || is_overlap {
            self.is_refused = true;
            return None;
        }
        for (place, byte) in places.iter_mut().zip(payload) {
            *place = Some(*byte);
        }
        if !piece.more {
            self.end = Some(end);
        }
        self.taken.push(piece_taken);
        let whole: Option<Vec<u8>> = self.bytes.iter().copied().collect();
        self.end?;
        let whole = whole?;
        *self = Self::default();
        Some(whole)
    }
}
