//! Frames of a guest at 10.0.2.15.

const GUEST: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const GUEST_ADDRESS: [u8; 4] = [10, 0, 2, 15];
const HOST_ADDRESS: [u8; 4] = [10, 0, 2, 2];
/// libslirp's NIC has this address (libslirp, `slirp.c`).
const HOST: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const NAME_SERVER: [u8; 4] = [10, 0, 2, 3];
const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 2;
const ACK: u8 = 16;
const TFTP: u16 = 69;
const DNS: u16 = 53;
const PORT: u16 = 4000;

pub(crate) fn ethernet(to: [u8; 6], from: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to, &from, &kind.to_be_bytes()[..], payload].concat()
}

/// Who has the host's address? (RFC 826)
pub(crate) fn arp_request() -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, 1];
    let packet = [&head[..], &GUEST, &GUEST_ADDRESS, &[0; 6], &HOST_ADDRESS].concat();
    ethernet([0xff; 6], GUEST, ARP, &packet)
}

pub(crate) fn is_arp_reply(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&ARP.to_be_bytes())
        && frame.get(20..22) == Some(&[0, 2])
        && frame.get(28..32) == Some(&HOST_ADDRESS)
}

/// A request for this file (RFC 1350).
pub(crate) fn tftp_request(name: &str) -> Vec<u8> {
    let payload = [b"\0\x01", name.as_bytes(), b"\0octet\0"].concat();
    datagram(HOST_ADDRESS, TFTP, &payload)
}

/// Something for the name server.
pub(crate) fn dns_request(payload: &[u8]) -> Vec<u8> {
    datagram(NAME_SERVER, DNS, payload)
}

/// What the server answered, if this is from it; `None` in that if it is an error.
pub(crate) fn tftp_answer(frame: &[u8]) -> Option<Option<String>> {
    let udp = frame.get(34..)?;
    let is_answer = frame.get(12..14) == Some(&IPV4.to_be_bytes())
        && frame.get(23) == Some(&UDP)
        && udp.get(2..4) == Some(&PORT.to_be_bytes());
    if !is_answer {
        return None;
    }
    let length = u16::from_be_bytes([*udp.get(4)?, *udp.get(5)?]);
    let payload = udp.get(8..length.into())?;
    match payload.get(1)? {
        3 => Some(String::from_utf8(payload.get(4..)?.to_vec()).ok()),
        _ => Some(None),
    }
}

/// The beginning of a TCP connection (RFC 9293).
pub(crate) fn syn(to: [u8; 4], port: u16) -> Vec<u8> {
    segment(to, port, [1, 0], SYN)
}

/// What completes it, if this is its answer.
pub(crate) fn completion(frame: &[u8], to: [u8; 4], port: u16) -> Option<Vec<u8>> {
    let is_answer = frame.get(26..30) == Some(&to)
        && frame.get(34..36) == Some(&port.to_be_bytes())
        && frame.get(47) == Some(&(SYN | ACK));
    let begin = u32::from_be_bytes(*frame.get(38..)?.first_chunk()?);
    is_answer.then(|| segment(to, port, [2, begin.wrapping_add(1)], ACK))
}

fn segment(to: [u8; 4], port: u16, numbers: [u32; 2], flags: u8) -> Vec<u8> {
    let ports = [PORT, port].map(u16::to_be_bytes).concat();
    let numbers = numbers.map(u32::to_be_bytes).concat();
    let rest = [0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    let mut segment = [&ports[..], &numbers, &rest].concat();
    let pseudo = [&GUEST_ADDRESS[..], &to, &[0, TCP, 0, 20], &segment].concat();
    segment[16..18].copy_from_slice(&checksum(&pseudo));
    packet(to, TCP, &segment)
}

/// Whether a connection to this port of the guest begins.
pub(crate) fn is_syn(frame: &[u8], port: u16) -> bool {
    frame.get(12..14) == Some(&IPV4.to_be_bytes())
        && frame.get(23) == Some(&TCP)
        && frame.get(36..38) == Some(&port.to_be_bytes())
        && frame.get(47) == Some(&SYN)
}

/// Of the guest's (RFC 768).
fn datagram(to: [u8; 4], port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let words = [PORT, port, length, 0].map(u16::to_be_bytes).concat();
    packet(to, UDP, &[&words[..], payload].concat())
}

/// Of the guest's (RFC 791).
fn packet(to: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let head = [0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0];
    let mut head = [&head[..], &GUEST_ADDRESS, &to].concat();
    let sum = checksum(&head);
    head[10..12].copy_from_slice(&sum);
    ethernet(HOST, GUEST, IPV4, &[&head[..], payload].concat())
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes
        .chunks(2)
        .map(|it| u32::from(u16::from_be_bytes([it[0], it[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (!u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()).to_be_bytes()
}
