use net_backend_core::VirtioNetHeader;
use net_backend_core::offload::{Checksum, Headers, checksum, segment, segments};
use proptest::prelude::*;

use super::frames::{CWR, FIN, PSH, Packet, any_packet, is_sound, pattern};

fn cut(
    frame: &[u8],
    header: &VirtioNetHeader,
    size: usize,
    kind: Checksum,
) -> Vec<(Vec<u8>, VirtioNetHeader)> {
    let mut out = Vec::new();
    let sink = &mut |frame: &[u8], header: &VirtioNetHeader| out.push((frame.to_vec(), *header));
    segment(frame, header, size, kind, &mut Vec::new(), sink).unwrap();
    out
}

/// What a sender without offloads would have sent.
pub(crate) fn expected(packet: &Packet, size: usize) -> Vec<Packet> {
    let count = packet.payload.len().div_ceil(size);
    let parts = packet.payload.chunks(size).enumerate();
    parts
        .map(|(index, payload)| {
            let mut part = packet.clone();
            part.payload = payload.to_vec();
            part.identification = part
                .identification
                .wrapping_add(u16::try_from(index).unwrap());
            let before = u32::try_from(index * size).unwrap();
            part.sequence = part.sequence.wrapping_add(before);
            if index + 1 < count {
                part.flags &= !(FIN | PSH);
            }
            if index > 0 {
                part.flags &= !CWR;
            }
            part
        })
        .collect()
}

fn any_super_packet() -> impl Strategy<Value = (Packet, u16)> {
    (
        any::<bool>(),
        any_packet(false),
        any::<u8>(),
        1_usize..5000,
        1_u16..2000,
        any::<u32>(),
    )
        .prop_map(|(is_udp, mut packet, flags, payload, size, seed)| {
            packet.is_udp = is_udp;
            packet.flags = flags;
            packet.urgent = if flags & super::frames::URG != 0 {
                77
            } else {
                0
            };
            packet.payload = pattern(payload, seed);
            (packet, size)
        })
}

proptest! {
    #[test]
    fn segments_are_those_of_a_sender_without_offloads((packet, size) in any_super_packet()) {
        let (frame, header) = packet.super_frame(size);
        let out = cut(&frame, &header, usize::from(size), Checksum::Complete);
        let expected = expected(&packet, usize::from(size));
        prop_assert_eq!(out.len(), expected.len());
        let headers = Headers::parse(&frame).unwrap();
        prop_assert_eq!(out.len(), segments(&headers, &header, usize::from(size)));
        for ((frame, header), packet) in out.iter().zip(&expected) {
            prop_assert!(is_sound(frame));
            prop_assert_eq!(*header, VirtioNetHeader::default());
            prop_assert_eq!(frame, &packet.frame());
        }
    }

    #[test]
    fn partial_segments_become_the_same_when_completed((packet, size) in any_super_packet()) {
        let (frame, header) = packet.super_frame(size);
        let complete = cut(&frame, &header, usize::from(size), Checksum::Complete);
        let partial = cut(&frame, &header, usize::from(size), Checksum::Partial);
        prop_assert_eq!(complete.len(), partial.len());
        for ((complete, _), (mut frame, mut header)) in complete.into_iter().zip(partial) {
            checksum::complete(&mut frame, &mut header).unwrap();
            prop_assert!(is_sound(&frame));
            prop_assert_eq!(Headers::parse(&frame), Headers::parse(&complete));
        }
    }

    #[test]
    fn cutting_in_two_steps_is_cutting((packet, size) in any_super_packet(), limit in 1_usize..6000) {
        let (frame, header) = packet.super_frame(size);
        let size = usize::from(size).min(limit);
        let once = cut(&frame, &header, size, Checksum::Complete);
        let mut twice = Vec::new();
        for (frame, header) in cut(&frame, &header, limit, Checksum::Partial) {
            let payload = Headers::parse(&frame).unwrap().payload_length();
            prop_assert!(payload <= limit);
            if header.segment_size == 0 {
                let (mut frame, mut header) = (frame, header);
                checksum::complete(&mut frame, &mut header).unwrap();
                twice.push((frame, header));
            } else {
                twice.extend(cut(&frame, &header, size, Checksum::Complete));
            }
        }
        let parsed = |it: &[(Vec<u8>, VirtioNetHeader)]| -> Vec<_> {
            it.iter().map(|(frame, _)| Headers::parse(frame)).collect()
        };
        prop_assert_eq!(parsed(&once), parsed(&twice));
        prop_assert!(twice.iter().all(|(frame, _)| is_sound(frame)));
    }

    #[test]
    fn a_wrong_complete_checksum_stays_wrong(
        (packet, size) in any_super_packet(),
        error in 1_u8..=255,
        kind: bool,
    ) {
        let (_, header) = packet.super_frame(size);
        let mut frame = packet.frame();
        let header = VirtioNetHeader { segmentation: header.segmentation, segment_size: size, ..VirtioNetHeader::default() };
        let kind = if kind { Checksum::Complete } else { Checksum::Partial };
        let right = cut(&frame, &header, usize::from(size), Checksum::Complete);
        prop_assert!(right.iter().all(|(frame, _)| is_sound(frame)));
        let last = frame.len() - 1;
        frame[last] ^= error;
        for (frame, header) in cut(&frame, &header, usize::from(size), kind) {
            prop_assert_eq!(header, VirtioNetHeader::default());
            prop_assert!(!is_sound(&frame));
        }
    }
}
