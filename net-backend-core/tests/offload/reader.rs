//! What a receiver can tell about the frames that reach it: a second opinion on TCP, without merging anything.

use std::collections::BTreeMap;

use net_backend_core::{HeaderFlags, Segmentation, VirtioNetHeader};
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
};

use super::frames::{ACK, ECE, PSH, be16, is_sound, pseudo_sum};

/// What a receiver sees, for each flow in the order in which it arrives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// By IP version and port; what belongs to no flow has the port 0.
    pub(crate) flows: BTreeMap<(u8, u16), Vec<Event>>,
    /// The timestamps of each flow, as they change.
    pub(crate) stamps: BTreeMap<(u8, u16), Vec<[u8; 8]>>,
    /// Frames whose checksums are wrong.
    pub(crate) wrong: usize,
}

/// One thing that a receiver sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Payload, until something else is different.
    Payload {
        sequence: u32,
        bytes: Vec<u8>,
        common: Vec<u8>,
    },
    /// PSH behind the payload before.
    Push,
    /// A frame that is more than payload, without padding.
    Frame(Vec<u8>),
}

impl Log {
    /// Reads frames in the order of their arrival.
    pub(crate) fn read(frames: &[(Vec<u8>, VirtioNetHeader)], ports: &[u16]) -> Self {
        let mut log = Self::default();
        for version in [4, 6] {
            for port in ports {
                log.flows.insert((version, *port), Vec::new());
            }
        }
        for (frame, header) in frames {
            log.add(frame, header);
        }
        log
    }

    /// The payload of each flow in the order of its arrival, with its sequence numbers.
    pub(crate) fn payload(&self, flow: (u8, u16)) -> Vec<(u32, u8)> {
        let events = self.flows.get(&flow).into_iter().flatten();
        let mut all = Vec::new();
        for event in events {
            if let Event::Payload {
                sequence, bytes, ..
            } = event
            {
                let numbers = (0..).map(|at: u32| sequence.wrapping_add(at));
                all.extend(numbers.zip(bytes.iter().copied()));
            }
        }
        all
    }

    fn add(&mut self, frame: &[u8], header: &VirtioNetHeader) {
        let Some((version, end, protocol, is_fragment)) = network(frame) else {
            return self.event((0, 0), Event::Frame(frame.to_vec()));
        };
        let whole = Event::Frame(frame[..end].to_vec());
        if is_fragment {
            // It may belong to any flow, so that its place among the frames of each of them counts.
            let flows = self.flows.iter_mut().filter(|(key, _)| key.0 == version);
            flows.for_each(|(_, events)| events.push(whole.clone()));
            return;
        }
        if protocol != IpProtocol::Tcp {
            return self.event((version, 0), whole);
        }
        let start = if version == 4 {
            14 + usize::from(frame[14] & 15) * 4
        } else {
            54
        };
        let Some(frame) = completed(&frame[..end], header, start).filter(|it| is_sound(it)) else {
            self.wrong += 1;
            return;
        };
        let segment = TcpPacket::new_unchecked(&frame[start..]);
        let flow = (version, segment.src_port());
        let flags = frame[start + 13];
        let is_payload = flags & !(PSH | ECE) == ACK && !segment.payload().is_empty();
        if !is_payload || (version == 4 && start > 34) {
            return self.event(flow, Event::Frame(frame.clone()));
        }
        check(header, &segment, start);
        self.stamp(flow, segment.options());
        self.event(flow, payload(&frame, start, &segment, header));
        if flags & PSH != 0 {
            self.event(flow, Event::Push);
        }
    }

    fn stamp(&mut self, flow: (u8, u16), options: &[u8]) {
        if let Some(stamp) = options.get(4..12).filter(|_| options.starts_with(&STAMP)) {
            let stamps = self.stamps.entry(flow).or_default();
            if stamps.last().is_none_or(|last| last != stamp) {
                stamps.push(stamp.try_into().unwrap());
            }
        }
    }

    fn event(&mut self, flow: (u8, u16), event: Event) {
        let events = self.flows.entry(flow).or_default();
        if let (
            Some(Event::Payload {
                sequence,
                bytes,
                common,
            }),
            Event::Payload {
                sequence: next,
                bytes: more,
                common: same,
            },
        ) = (events.last_mut(), &event)
        {
            let end = sequence.wrapping_add(u32::try_from(bytes.len()).unwrap());
            if end == *next && common == same {
                bytes.extend(more);
                return;
            }
        }
        events.push(event);
    }
}

/// The beginning of a timestamp option with two bytes of padding before.
pub(crate) const STAMP: [u8; 4] = [1, 1, 8, 10];

/// IP version, end in the frame, protocol, and whether it is a fragment; `None` when it is no IP.
fn network(frame: &[u8]) -> Option<(u8, usize, IpProtocol, bool)> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
            let is_fragment = packet.more_frags() || packet.frag_offset() > 0;
            let end = 14 + usize::from(packet.total_len());
            Some((4, end, packet.next_header(), is_fragment))
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
            Some((6, 14 + packet.total_len(), packet.next_header(), false))
        }
        _ => None,
    }
}

/// The frame with its checksum; `None` when it is wrongly prepared.
fn completed(frame: &[u8], header: &VirtioNetHeader, start: usize) -> Option<Vec<u8>> {
    let mut frame = frame.to_vec();
    if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        let fits = usize::from(header.checksum_start) == start && header.checksum_offset == 16;
        let expected = pseudo_sum(&frame, start) % 0xffff;
        if !fits || be16(&frame, start + 16) % 0xffff != expected {
            return None;
        }
        let addresses = addresses(&frame);
        TcpPacket::new_unchecked(&mut frame[start..]).fill_checksum(&addresses.0, &addresses.1);
    }
    Some(frame)
}

fn addresses(frame: &[u8]) -> (IpAddress, IpAddress) {
    match frame[14] >> 4 {
        4 => {
            let packet = Ipv4Packet::new_unchecked(&frame[14..]);
            (packet.src_addr().into(), packet.dst_addr().into())
        }
        _ => {
            let packet = Ipv6Packet::new_unchecked(&frame[14..]);
            (packet.src_addr().into(), packet.dst_addr().into())
        }
    }
}

/// The virtio-net header of a super-frame describes it.
fn check(header: &VirtioNetHeader, segment: &TcpPacket<&[u8]>, start: usize) {
    let payload = segment.payload().len();
    match header.segmentation {
        Segmentation::None => assert_eq!((header.segment_size, header.header_length), (0, 0)),
        _ => {
            let kind = if start == 34 {
                Segmentation::Tcp4
            } else {
                Segmentation::Tcp6
            };
            assert_eq!(header.segmentation, kind);
            assert!(header.segment_size > 0 && payload > usize::from(header.segment_size));
            let length = start + usize::from(segment.header_len());
            assert_eq!(usize::from(header.header_length), length);
        }
    }
}

fn payload(
    frame: &[u8],
    start: usize,
    segment: &TcpPacket<&[u8]>,
    header: &VirtioNetHeader,
) -> Event {
    let mut common = frame[..start + usize::from(segment.header_len())].to_vec();
    // Length, identification and checksum; then sequence number, PSH, checksum, timestamps.
    match start {
        34 => {
            common[16..20].fill(0);
            common[24..26].fill(0);
        }
        _ => common[18..20].fill(0),
    }
    common[start + 4..start + 8].fill(0);
    common[start + 13] &= !PSH;
    common[start + 16..start + 18].fill(0);
    if segment.options().starts_with(&STAMP) {
        common[start + 24..start + 32].fill(0);
    }
    common.push(header.flags.bits());
    Event::Payload {
        sequence: u32::from_ne_bytes(segment.seq_number().0.to_ne_bytes()),
        bytes: segment.payload().to_vec(),
        common,
    }
}
