//! Settings of interfaces, through rtnetlink(7).

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use rustix::net::netdevice::name_to_index;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

/// What is asked for goes to the kernel in the byte order of the machine, each attribute padded to 4 bytes.
const ALIGNMENT: usize = 4;
/// NETLINK_ROUTE is protocol 0, the default.
const ROUTE: Option<Protocol> = None;
/// `struct nlmsghdr`.
const HEADER: usize = 16;

pub(crate) fn set_up(name: &str, up: bool) -> io::Result<()> {
    const IFF_UP: u32 = 1;
    let flags = if up { IFF_UP } else { 0 };
    request(libc::RTM_NEWLINK, &link(name, flags, IFF_UP)?)
        .map_err(|error| failed(name, if up { "bringing up" } else { "taking down" }, &error))
}

pub(crate) fn set_mtu(name: &str, mtu: u16) -> io::Result<()> {
    let mut message = link(name, 0, 0)?;
    attribute(&mut message, libc::IFLA_MTU, &u32::from(mtu).to_ne_bytes());
    request(libc::RTM_NEWLINK, &message).map_err(|error| failed(name, "setting the MTU of", &error))
}

/// Unlike SIOCSIFTXQLEN this is for the root of a user namespace, too.
pub(crate) fn set_queue_length(name: &str, frames: u32) -> io::Result<()> {
    let mut message = link(name, 0, 0)?;
    attribute(&mut message, libc::IFLA_TXQLEN, &frames.to_ne_bytes());
    request(libc::RTM_NEWLINK, &message)
        .map_err(|error| failed(name, "setting the queue length of", &error))
}

pub(crate) fn add_ipv4(name: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    const UNIVERSE: u8 = 0;
    // struct ifaddrmsg.
    let mut message = vec![family(libc::AF_INET), prefix, 0, UNIVERSE];
    message.extend(index(name)?.to_ne_bytes());
    attribute(&mut message, libc::IFA_LOCAL, &address.octets());
    attribute(&mut message, libc::IFA_ADDRESS, &address.octets());
    request(libc::RTM_NEWADDR, &message)
        .map_err(|error| failed(name, "adding an address to", &error))
}

pub(crate) fn delete(name: &str) -> io::Result<()> {
    request(libc::RTM_DELLINK, &link(name, 0, 0)?).map_err(|error| failed(name, "deleting", &error))
}

pub(crate) fn disable_ipv6(name: &str) -> io::Result<()> {
    // Shows the namespace of the thread that looks.
    let mut path = PathBuf::from("/proc/sys/net/ipv6/conf");
    path.push(name);
    path.push("disable_ipv6");
    match path.exists() {
        true => fs::write(path, "1").map_err(|error| failed(name, "disabling IPv6 on", &error)),
        false => Ok(()),
    }
}

/// The number that the kernel has for the interface.
pub(super) fn index(name: &str) -> io::Result<u32> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    name_to_index(&socket, name).map_err(super::failed(format!("interface {name}")))
}

/// `struct ifinfomsg`.
fn link(name: &str, flags: u32, change: u32) -> io::Result<Vec<u8>> {
    let mut message = vec![family(libc::AF_UNSPEC), 0, 0, 0];
    message.extend(index(name)?.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend(change.to_ne_bytes());
    Ok(message)
}

fn family(number: libc::c_int) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(ALIGNMENT + value.len()).unwrap_or(u16::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(ALIGNMENT), 0);
}

/// Sends a request and waits for what the kernel answers.
fn request(kind: u16, body: &[u8]) -> io::Result<()> {
    const REQUEST_ACK: u16 = 1 | 4;
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        ROUTE,
    )?;
    let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(REQUEST_ACK.to_ne_bytes());
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

fn failed(name: &str, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {name}: {error}"))
}
