//! Frames, built and checked by smoltcp.

use net_backend_core::{HeaderFlags, Segmentation, VirtioNetHeader};
use proptest::prelude::*;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet,
    Ipv6Packet, TcpPacket, TcpSeqNumber, UdpPacket,
};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const PSH: u8 = 8;
pub(crate) const ACK: u8 = 16;
pub(crate) const URG: u8 = 32;
pub(crate) const ECE: u8 = 64;
pub(crate) const CWR: u8 = 128;

/// A packet of TCP, or of UDP without most of this.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) is_ipv6: bool,
    pub(crate) is_udp: bool,
    pub(crate) mac: u8,
    pub(crate) traffic_class: u8,
    pub(crate) hop_limit: u8,
    pub(crate) identification: u16,
    pub(crate) dont_fragment: bool,
    /// Length of IPv4 options, a multiple of 4.
    pub(crate) ip_options: usize,
    pub(crate) port: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    /// Of TCP; a multiple of 4.
    pub(crate) options: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Default for Packet {
    fn default() -> Self {
        Self {
            is_ipv6: false,
            is_udp: false,
            mac: 1,
            traffic_class: 0,
            hop_limit: 64,
            identification: 0,
            dont_fragment: true,
            ip_options: 0,
            port: 40000,
            sequence: 1000,
            acknowledgement: 1,
            flags: ACK,
            window: 0xfff0,
            urgent: 0,
            options: Vec::new(),
            payload: Vec::new(),
        }
    }
}

impl Packet {
    /// Length of the IP header.
    pub(crate) fn network_length(&self) -> usize {
        if self.is_ipv6 {
            40
        } else {
            20 + self.ip_options
        }
    }

    /// Length of the TCP or UDP header.
    pub(crate) fn transport_length(&self) -> usize {
        if self.is_udp {
            8
        } else {
            20 + self.options.len()
        }
    }

    /// Where the payload is in the frame.
    pub(crate) fn payload_offset(&self) -> usize {
        14 + self.network_length() + self.transport_length()
    }

    /// The frame, with complete checksums.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut frame = vec![0; self.payload_offset() + self.payload.len()];
        let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
        ethernet.set_src_addr(EthernetAddress([2, 0, 0, 0, 0, self.mac]));
        ethernet.set_dst_addr(EthernetAddress([2, 0, 0, 0, 0, 0]));
        ethernet.set_ethertype(match self.is_ipv6 {
            true => EthernetProtocol::Ipv6,
            false => EthernetProtocol::Ipv4,
        });
        match self.is_ipv6 {
            true => self.put_ipv6(ethernet.payload_mut()),
            false => self.put_ipv4(ethernet.payload_mut()),
        }
        frame
    }

    /// The frame with the sum of the pseudo-header, and the header that asks for the rest.
    pub(crate) fn partial_frame(&self) -> (Vec<u8>, VirtioNetHeader) {
        let mut frame = self.frame();
        let start = 14 + self.network_length();
        let offset = if self.is_udp { 6 } else { 16 };
        let sum = pseudo_sum(&frame, start).to_be_bytes();
        frame[start + offset..start + offset + 2].copy_from_slice(&sum);
        let header = VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM,
            checksum_start: u16::try_from(start).unwrap(),
            checksum_offset: u16::try_from(offset).unwrap(),
            ..VirtioNetHeader::default()
        };
        (frame, header)
    }

    /// What [`partial_frame`](Self::partial_frame) gives, as a super-frame.
    pub(crate) fn super_frame(&self, segment_size: u16) -> (Vec<u8>, VirtioNetHeader) {
        let (frame, header) = self.partial_frame();
        let segmentation = match (self.is_udp, self.is_ipv6) {
            (true, _) => Segmentation::Udp,
            (false, true) => Segmentation::Tcp6,
            (false, false) => Segmentation::Tcp4,
        };
        let header = VirtioNetHeader {
            segmentation,
            segment_size,
            header_length: u16::try_from(self.payload_offset()).unwrap(),
            ecn: !self.is_udp && self.flags & CWR != 0,
            ..header
        };
        (frame, header)
    }

    fn protocol(&self) -> IpProtocol {
        if self.is_udp {
            IpProtocol::Udp
        } else {
            IpProtocol::Tcp
        }
    }

    fn put_ipv4(&self, bytes: &mut [u8]) {
        let length = u16::try_from(bytes.len()).unwrap();
        let mut packet = Ipv4Packet::new_unchecked(bytes);
        packet.set_version(4);
        packet.set_header_len(u8::try_from(20 + self.ip_options).unwrap());
        packet.set_dscp(self.traffic_class >> 2);
        packet.set_ecn(self.traffic_class & 3);
        packet.set_total_len(length);
        packet.set_ident(self.identification);
        packet.set_dont_frag(self.dont_fragment);
        packet.set_hop_limit(self.hop_limit);
        packet.set_next_header(self.protocol());
        packet.set_src_addr([10, 0, 2, 15].into());
        packet.set_dst_addr([10, 0, 2, 2].into());
        let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
        packet.fill_checksum();
        self.put_transport(packet.payload_mut(), source, destination);
    }

    fn put_ipv6(&self, bytes: &mut [u8]) {
        let length = u16::try_from(bytes.len() - 40).unwrap();
        let mut packet = Ipv6Packet::new_unchecked(bytes);
        packet.set_version(6);
        packet.set_traffic_class(self.traffic_class);
        packet.set_flow_label(0x1_2345);
        packet.set_payload_len(length);
        packet.set_hop_limit(self.hop_limit);
        packet.set_next_header(self.protocol());
        packet.set_src_addr([0xfec0, 0, 0, 0, 0, 0, 0, 15].into());
        packet.set_dst_addr([0xfec0, 0, 0, 0, 0, 0, 0, 2].into());
        let (source, destination) = (packet.src_addr().into(), packet.dst_addr().into());
        self.put_transport(packet.payload_mut(), source, destination);
    }

    fn put_transport(&self, bytes: &mut [u8], source: IpAddress, destination: IpAddress) {
        let length = u16::try_from(bytes.len()).unwrap();
        if self.is_udp {
            let mut datagram = UdpPacket::new_unchecked(bytes);
            datagram.set_src_port(self.port);
            datagram.set_dst_port(80);
            datagram.set_len(length);
            datagram.payload_mut().copy_from_slice(&self.payload);
            datagram.fill_checksum(&source, &destination);
            return;
        }
        let mut segment = TcpPacket::new_unchecked(&mut *bytes);
        segment.set_src_port(self.port);
        segment.set_dst_port(80);
        segment.set_seq_number(TcpSeqNumber(i32::from_ne_bytes(
            self.sequence.to_ne_bytes(),
        )));
        segment.set_ack_number(TcpSeqNumber(i32::from_ne_bytes(
            self.acknowledgement.to_ne_bytes(),
        )));
        segment.set_header_len(u8::try_from(self.transport_length()).unwrap());
        segment.set_window_len(self.window);
        segment.set_urgent_at(self.urgent);
        segment.options_mut().copy_from_slice(&self.options);
        segment.payload_mut().copy_from_slice(&self.payload);
        bytes[13] = self.flags;
        TcpPacket::new_unchecked(bytes).fill_checksum(&source, &destination);
    }
}

/// A packet with these properties, without payload.
pub(crate) fn any_packet(is_udp: bool) -> impl Strategy<Value = Packet> {
    let options = proptest::sample::select(vec![0_usize, 4, 12, 40]);
    let numbers = (any::<u16>(), any::<u32>(), any::<u32>(), any::<u16>());
    (any::<bool>(), options, numbers, any::<u8>()).prop_map(
        move |(is_ipv6, options, (identification, sequence, acknowledgement, window), class)| {
            Packet {
                is_ipv6,
                is_udp,
                traffic_class: class,
                identification,
                sequence,
                acknowledgement,
                window,
                options: vec![1; options],
                ..Packet::default()
            }
        },
    )
}

/// `length` bytes that tell where they are.
pub(crate) fn pattern(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

/// Whether smoltcp finds the lengths consistent and all checksums right.
pub(crate) fn is_sound(frame: &[u8]) -> bool {
    let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
        return false;
    };
    match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => Ipv4Packet::new_checked(ethernet.payload()).is_ok_and(|it| {
            let (source, destination) = (it.src_addr().into(), it.dst_addr().into());
            it.verify_checksum()
                && is_transport_sound(it.next_header(), it.payload(), source, destination)
        }),
        EthernetProtocol::Ipv6 => Ipv6Packet::new_checked(ethernet.payload()).is_ok_and(|it| {
            let (source, destination) = (it.src_addr().into(), it.dst_addr().into());
            is_transport_sound(it.next_header(), it.payload(), source, destination)
        }),
        _ => false,
    }
}

fn is_transport_sound(
    protocol: IpProtocol,
    bytes: &[u8],
    source: IpAddress,
    destination: IpAddress,
) -> bool {
    match protocol {
        IpProtocol::Tcp => {
            TcpPacket::new_checked(bytes).is_ok_and(|it| it.verify_checksum(&source, &destination))
        }
        IpProtocol::Udp => {
            UdpPacket::new_checked(bytes).is_ok_and(|it| it.verify_checksum(&source, &destination))
        }
        _ => false,
    }
}

/// The one's complement sum of the pseudo-header of a frame whose transport header is at `transport`, word by
/// word.
pub(crate) fn pseudo_sum(frame: &[u8], transport: usize) -> u16 {
    let (addresses, protocol, end) = match frame[14] >> 4 {
        4 => (&frame[26..34], frame[23], 14 + usize::from(be16(frame, 16))),
        _ => (&frame[22..54], frame[20], 54 + usize::from(be16(frame, 18))),
    };
    let length = u16::try_from(end - transport).unwrap();
    naive_sum(&[addresses, &[0, protocol], &length.to_be_bytes()].concat())
}

/// The one's complement sum of the bytes, word by word.
pub(crate) fn naive_sum(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0, |sum: u16, word| {
        let low = word.get(1).copied().unwrap_or(0);
        let (sum, carry) = sum.overflowing_add(u16::from_be_bytes([word[0], low]));
        sum + u16::from(carry)
    })
}

/// The 16-bit number at `at`.
pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Puts IPv6 extension headers of 8 bytes each in front of the transport header, up to three: hop-by-hop, routing and
/// destination options.
pub(crate) fn extend(frame: &mut Vec<u8>, extensions: usize) {
    let kinds = [0, 43, 60];
    let mut next = 20;
    for (index, kind) in kinds.into_iter().take(extensions).enumerate() {
        let at = 54 + 8 * index;
        let before = std::mem::replace(&mut frame[next], kind);
        frame.splice(at..at, [before, 0, 1, 4, 0, 0, 0, 0]);
        next = at;
    }
    let length = u16::try_from(frame.len() - 54).unwrap();
    frame[18..20].copy_from_slice(&length.to_be_bytes());
}
