//! Frames of a guest at 10.0.2.15.

const GUEST: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const GUEST_ADDRESS: [u8; 4] = [10, 0, 2, 15];
const HOST_ADDRESS: [u8; 4] = [10, 0, 2, 2];
/// libslirp's NIC has this address (libslirp, `slirp.c`).
const HOST: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const NAME_SERVER: [u8; 4] = [10, 0, 2, 3];
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
        && frame.get(23) == Some(&17)
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

/// Of the guest's.
fn datagram(to: [u8; 4], port: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let words = [PORT, port, length, 0].map(u16::to_be_bytes).concat();
    let udp = [&words[..], payload].concat();
    let length = u16::try_from(20 + udp.len()).unwrap().to_be_bytes();
    let head = [0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 17, 0, 0];
    let mut head = [&head[..], &GUEST_ADDRESS, &to].concat();
    let sum = checksum(&head);
    head[10..12].copy_from_slice(&sum);
    ethernet(HOST, GUEST, IPV4, &[head, udp].concat())
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
