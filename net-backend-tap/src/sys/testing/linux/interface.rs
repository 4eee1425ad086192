//! Settings of interfaces, through rtnetlink(7).

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::sys::imp::netlink::{self, attribute, family, request};

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

fn link(name: &str, flags: u32, change: u32) -> io::Result<Vec<u8>> {
    Ok(netlink::link(index(name)?, flags, change))
}

fn failed(name: &str, what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {name}: {error}"))
}
