//! Frames that the guest sends: ARP (RFC 826), and TCP (RFC 9293) and UDP (RFC 768) over IPv4 (RFC 791) over Ethernet.

use std::net::Ipv4Addr;

use super::arrived::Arp;
use super::checksum::{fold, length, sum};

/// Bytes of the virtio-net header that stands in front of every frame here.
pub(super) const VIRTIO: usize = 12;
/// Bytes of Ethernet, IPv4 and TCP header together, without options.
pub(super) const HEADERS: usize = 54;
/// Payload bytes of a segment that fits an MTU of 1500.
pub(super) const MSS: u16 = 1460;

pub(super) const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
pub(super) const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
pub(super) const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;
const BROADCAST: [u8; 6] = [0xff; 6];
/// Where TCP and UDP begin.
pub(super) const TCP_AT: usize = 34;
/// Where its checksum is.
const CHECKSUM_AT: usize = 50;

/// Bits of the TCP header.
pub(super) mod flags {
    pub(crate) const FIN: u8 = 1;
    pub(crate) const SYN: u8 = 2;
    pub(crate) const RST: u8 = 4;
    pub(crate) const PSH: u8 = 8;
    pub(crate) const ACK: u8 = 16;
}

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) guest_mac: [u8; 6],
    /// All ones until ARP has told.
    pub(super) gateway_mac: [u8; 6],
    pub(super) guest: Ipv4Addr,
    pub(super) gateway: Ipv4Addr,
}

impl Addresses {
    /// Those of a guest that has not asked for its gateway yet.
    pub(super) fn new(guest: Ipv4Addr, gateway: Ipv4Addr) -> Self {
        Self {
            guest_mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            gateway_mac: BROADCAST,
            guest,
            gateway,
        }
    }

    /// Whether the gateway has told its address.
    pub(super) fn is_complete(&self) -> bool {
        self.gateway_mac != BROADCAST
    }
}

/// How the checksum of a segment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksum {
    /// By the guest.
    Full,
    /// By the backend, which may cut the payload into segments of the MSS too: the frame has a virtio-net header
    /// that says so (virtio 1.2, 5.1.6.2).
    Offloaded,
}

/// A segment that is sent often: only its place in the stream differs. Its checksum costs a few additions.
#[derive(Debug)]
pub(super) struct Template {
    bytes: Vec<u8>,
    payload: u32,
    /// The sum of everything that does not change; `None` when the backend completes the checksum.
    sum: Option<u32>,
}

impl Template {
    /// A segment with this payload.
    pub(super) fn new(
        addresses: &Addresses,
        ports: [u16; 2],
        flags: u8,
        payload: &[u8],
        checksum: Checksum,
    ) -> Self {
        let mut bytes = segment(addresses, ports, flags, &[], payload);
        let pseudo = pseudo_sum(addresses, TCP, bytes.len() - VIRTIO - TCP_AT);
        let sum = match checksum {
            Checksum::Full => {
                let whole = bytes.get(VIRTIO + TCP_AT..).unwrap_or_default();
                Some(u32::from(fold(pseudo + sum(whole))))
            }
            Checksum::Offloaded => {
                offload(&mut bytes, payload.len());
                put(
                    &mut bytes,
                    VIRTIO + CHECKSUM_AT,
                    &fold(pseudo).to_be_bytes(),
                );
                None
            }
        };
        Self {
            bytes,
            payload: length(payload),
            sum,
        }
    }

    /// The segment at its place, behind a virtio-net header.
    pub(super) fn stamp(&mut self, sequence: u32, acknowledged: u32) -> &[u8] {
        let [a, b, c, d] = sequence.to_be_bytes();
        let [e, f, g, h] = acknowledged.to_be_bytes();
        put(
            &mut self.bytes,
            VIRTIO + TCP_AT + 4,
            &[a, b, c, d, e, f, g, h],
        );
        if let Some(sum) = self.sum {
            let halves = (sequence >> 16) + (sequence & 0xffff);
            let more = (acknowledged >> 16) + (acknowledged & 0xffff);
            let checksum = !fold(sum + halves + more);
            put(
                &mut self.bytes,
                VIRTIO + CHECKSUM_AT,
                &checksum.to_be_bytes(),
            );
        }
        &self.bytes
    }

    /// Bytes of payload.
    pub(super) fn payload(&self) -> u32 {
        self.payload
    }
}

/// An ARP request of the guest for its gateway's address, or its answer to `asker`; behind an empty virtio-net
/// header.
pub(super) fn arp(addresses: &Addresses, answer_to: Option<&Arp>) -> Vec<u8> {
    let mut bytes = vec![0; VIRTIO];
    let to = answer_to.map_or(BROADCAST, |asker| asker.mac);
    bytes.extend(to);
    bytes.extend(addresses.guest_mac);
    bytes.extend(ETHERTYPE_ARP);
    bytes.extend([0, 1, 8, 0, 6, 4, 0, if answer_to.is_some() { 2 } else { 1 }]);
    bytes.extend(addresses.guest_mac);
    bytes.extend(addresses.guest.octets());
    bytes.extend(answer_to.map_or([0; 6], |asker| asker.mac));
    let whom = answer_to.map_or(addresses.gateway, |asker| asker.address);
    bytes.extend(whom.octets());
    bytes
}

/// A segment with a complete checksum, behind an empty virtio-net header.
pub(super) fn once(
    addresses: &Addresses,
    ports: [u16; 2],
    flags: u8,
    [sequence, acknowledged]: [u32; 2],
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = segment(addresses, ports, flags, options, payload);
    put(&mut bytes, VIRTIO + TCP_AT + 4, &sequence.to_be_bytes());
    put(&mut bytes, VIRTIO + TCP_AT + 8, &acknowledged.to_be_bytes());
    let whole = bytes.get(VIRTIO + TCP_AT..).unwrap_or_default();
    let checksum = !fold(pseudo_sum(addresses, TCP, whole.len()) + sum(whole));
    put(&mut bytes, VIRTIO + CHECKSUM_AT, &checksum.to_be_bytes());
    bytes
}

/// A datagram with a complete checksum, behind an empty virtio-net header.
pub(super) fn datagram(addresses: &Addresses, ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    const CHECKSUM_AT: usize = 40;
    let length = 8 + payload.len();
    let mut bytes = packet(addresses, UDP, length);
    bytes.extend(ports.map(u16::to_be_bytes).as_flattened());
    let [.., high, low] = length.to_be_bytes();
    bytes.extend([high, low, 0, 0]);
    bytes.extend(payload);
    let whole = bytes.get(VIRTIO + TCP_AT..).unwrap_or_default();
    let checksum = !fold(pseudo_sum(addresses, UDP, length) + sum(whole));
    // 0 stands for none.
    let checksum = if checksum == 0 { 0xffff } else { checksum };
    put(&mut bytes, VIRTIO + CHECKSUM_AT, &checksum.to_be_bytes());
    bytes
}

/// A segment with everything but sequence numbers and checksum of TCP, behind an empty virtio-net header.
fn segment(
    addresses: &Addresses,
    ports: [u16; 2],
    flags: u8,
    options: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let tcp_header = 20 + options.len();
    let mut bytes = packet(addresses, TCP, tcp_header + payload.len());
    bytes.extend(ports.map(u16::to_be_bytes).as_flattened());
    bytes.extend([0; 8]);
    let words = u8::try_from(tcp_header / 4).unwrap_or(5);
    // The window is always open: what arrives is gone at once.
    bytes.extend([words << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(payload);
    bytes
}

/// Ethernet and IPv4 header in front of `length` bytes, behind an empty virtio-net header.
fn packet(addresses: &Addresses, protocol: u8, length: usize) -> Vec<u8> {
    let total = u16::try_from(20 + length).unwrap_or(u16::MAX);
    let mut bytes = vec![0; VIRTIO];
    bytes.extend(addresses.gateway_mac);
    bytes.extend(addresses.guest_mac);
    bytes.extend(ETHERTYPE_IPV4);
    bytes.extend([0x45, 0]);
    bytes.extend(total.to_be_bytes());
    // Identification 0, DF, 64 hops (RFC 6864 allows all the same).
    bytes.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    bytes.extend(addresses.guest.octets());
    bytes.extend(addresses.gateway.octets());
    let checksum = !fold(sum(bytes.get(VIRTIO + 14..).unwrap_or_default()));
    put(&mut bytes, VIRTIO + 24, &checksum.to_be_bytes());
    bytes
}

/// Fills in the virtio-net header of a segment whose checksum is partial.
fn offload(bytes: &mut [u8], payload: usize) {
    let is_super = payload > usize::from(MSS);
    put(bytes, 0, &[1, u8::from(is_super)]);
    let header_length = if is_super { 54_u16 } else { 0 };
    let segment_size = if is_super { MSS } else { 0 };
    put(bytes, 2, &header_length.to_le_bytes());
    put(bytes, 4, &segment_size.to_le_bytes());
    // Where TCP begins, and where in it the checksum is.
    put(bytes, 6, &[34, 0, 16, 0]);
}

fn pseudo_sum(addresses: &Addresses, protocol: u8, length: usize) -> u32 {
    let octets = [addresses.guest.octets(), addresses.gateway.octets()];
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    sum(octets.as_flattened()) + u32::from(protocol) + length
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::arrived::{Arrived, is_intact, parse};
    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(Ipv4Addr::new(10, 0, 2, 15), Ipv4Addr::new(10, 0, 2, 2))
    }

    #[test]
    fn a_stamped_template_is_the_segment_that_was_made_at_once() {
        let payload = [7; 1460];
        for payload in [&payload[..], &payload[..1], &payload[..0]] {
            let ports = [1025, 80];
            let mut template =
                Template::new(&addresses(), ports, flags::ACK, payload, Checksum::Full);
            for at in [[0, 0], [u32::MAX, 1], [0x8001_ffff, 0xffff_8000]] {
                let whole = once(&addresses(), ports, flags::ACK, at, &[], payload);
                assert_eq!(template.stamp(at[0], at[1]), whole);
                assert!(is_intact(&whole[VIRTIO..], false));
            }
        }
    }

    #[test]
    fn a_super_frame_says_where_its_checksum_goes() {
        let payload = [7; 2920];
        let offloaded = Checksum::Offloaded;
        let mut template = Template::new(&addresses(), [1, 2], flags::ACK, &payload, offloaded);
        let bytes = template.stamp(3, 4);
        assert_eq!(bytes[..10], [1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0]);
        assert!(is_intact(&bytes[VIRTIO..], true));
    }

    #[test]
    fn a_datagram_is_parsed_again() {
        let bytes = datagram(&addresses(), [1000, 80], b"12345");
        assert!(is_intact(&bytes[VIRTIO..], false));
        let Arrived::Datagram(parsed) = parse(&bytes[VIRTIO..]) else {
            panic!("no datagram");
        };
        assert_eq!((parsed.ports, parsed.payload), ([1000, 80], &b"12345"[..]));
    }

    #[test]
    fn arp_is_asked_and_answered() {
        let request = arp(&addresses(), None);
        let Arrived::ArpRequest(asker) = parse(&request[VIRTIO..]) else {
            panic!("no request");
        };
        assert_eq!(asker.target, addresses().gateway);
        let reply = arp(&addresses(), Some(&asker));
        assert!(matches!(parse(&reply[VIRTIO..]), Arrived::ArpReply(_)));
    }
}
