//! Requests of rtnetlink(7).
//!
//! What is asked for goes to the kernel in the byte order of the machine, each attribute padded to 4 bytes.

use std::io;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

const ALIGNMENT: usize = 4;
/// Bytes of `struct nlmsghdr`.
pub(in crate::sys) const HEADER: usize = 16;

/// `struct ifinfomsg` of the interface with this number; `change` says which of `flags` are meant.
pub(in crate::sys) fn link(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut message = vec![family(libc::AF_UNSPEC), 0, 0, 0];
    message.extend(index.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(change.to_ne_bytes());
    message
}

pub(in crate::sys) fn family(number: libc::c_int) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

/// Appends an attribute, `struct rtattr`.
pub(in crate::sys) fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(ALIGNMENT + value.len()).unwrap_or(u16::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(ALIGNMENT), 0);
}

/// `NLM_F_CREATE | NLM_F_EXCL`: what the request is about must not exist yet.
#[cfg(feature = "testing")]
pub(in crate::sys) const CREATE: u16 = 0x600;

/// `NLM_F_CREATE | NLM_F_REPLACE`: what the request is about may exist already, and is replaced.
#[cfg(feature = "testing")]
pub(in crate::sys) const REPLACE: u16 = 0x500;

/// Sends a request and waits for what the kernel answers.
pub(in crate::sys) fn request(kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
    const REQUEST_ACK: u16 = 1 | 4;
    // Without a protocol it is NETLINK_ROUTE, which is 0.
    let family = AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST_ACK | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    send(&socket, &message, SendFlags::empty())?;
    // The kernel answers inside of send; the answer is an error, of number 0 when all is well.
    let mut answer = [0; 512];
    let (_, length) = recv(&socket, answer.as_mut_slice(), RecvFlags::empty())?;
    let received = answer.get(..length).unwrap_or_default();
    match received.get(HEADER..HEADER + 4) {
        Some(&[0, 0, 0, 0]) => Ok(()),
        Some(&[a, b, c, d]) => Err(io::Error::from_raw_os_error(-i32::from_ne_bytes([
            a, b, c, d,
        ]))),
        _ => Err(io::Error::other("the kernel's answer is too short")),
    }
}
