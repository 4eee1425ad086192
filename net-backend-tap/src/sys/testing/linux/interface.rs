//! Settings of interfaces, through rtnetlink(7).

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use net_backend_core::MacAddr;
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::sys::imp::netlink::{self, attribute, family, request};

/// `IFF_UP` (include/uapi/linux/if.h).
const IFF_UP: u32 = 1;
/// `TCA_TBF_PARMS` (include/uapi/linux/pkt_sched.h).
const TCA_TBF_PARMS: u16 = 1;
/// `VETH_INFO_PEER` (include/uapi/linux/veth.h).
const VETH_INFO_PEER: u16 = 1;

pub(crate) fn set_up(name: &str, up: bool) -> io::Result<()> {
    let flags = if up { IFF_UP } else { 0 };
    request(libc::RTM_NEWLINK, 0, &link(name, flags, IFF_UP)?)
        .map_err(|error| failed(name, if up { "bringing up" } else { "taking down" }, &error))
}

pub(crate) fn set_mtu(name: &str, mtu: u16) -> io::Result<()> {
    let mut message = link(name, 0, 0)?;
    attribute(&mut message, libc::IFLA_MTU, &u32::from(mtu).to_ne_bytes());
    request(libc::RTM_NEWLINK, 0, &message)
        .map_err(|error| failed(name, "setting the MTU of", &error))
}

pub(crate) fn set_transmit_queue_length(name: &str, frames: u32) -> io::Result<()> {
    let mut message = link(name, 0, 0)?;
    attribute(&mut message, libc::IFLA_TXQLEN, &frames.to_ne_bytes());
    request(libc::RTM_NEWLINK, 0, &message)
        .map_err(|error| failed(name, "setting the queue length of", &error))
}

pub(crate) fn add_ipv4(name: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    const UNIVERSE: u8 = 0;
    // struct ifaddrmsg.
    let mut message = vec![family(libc::AF_INET), prefix, 0, UNIVERSE];
    message.extend(index(name)?.to_ne_bytes());
    attribute(&mut message, libc::IFA_LOCAL, &address.octets());
    attribute(&mut message, libc::IFA_ADDRESS, &address.octets());
    request(libc::RTM_NEWADDR, 0, &message)
        .map_err(|error| failed(name, "adding an address to", &error))
}

pub(crate) fn set_mac(name: &str, address: MacAddr) -> io::Result<()> {
    let mut message = link(name, 0, 0)?;
    attribute(&mut message, libc::IFLA_ADDRESS, &address.bytes());
    request(libc::RTM_NEWLINK, 0, &message)
        .map_err(|error| failed(name, "setting the address of", &error))
}

pub(crate) fn set_default_route(name: &str, gateway: Option<Ipv4Addr>) -> io::Result<()> {
    const MAIN: u8 = libc::RT_TABLE_MAIN;
    const BOOT: u8 = libc::RTPROT_BOOT;
    let scope = match gateway {
        Some(_) => libc::RT_SCOPE_UNIVERSE,
        None => libc::RT_SCOPE_LINK,
    };
    // struct rtmsg.
    let kind = libc::RTN_UNICAST;
    let mut message = vec![family(libc::AF_INET), 0, 0, 0, MAIN, BOOT, scope, kind];
    message.extend([0; 4]);
    attribute(&mut message, libc::RTA_OIF, &index(name)?.to_ne_bytes());
    if let Some(gateway) = gateway {
        attribute(&mut message, libc::RTA_GATEWAY, &gateway.octets());
    }
    request(libc::RTM_NEWROUTE, netlink::REPLACE, &message)
        .map_err(|error| failed(name, "routing through", &error))
}

pub(crate) fn delete(name: &str) -> io::Result<()> {
    request(libc::RTM_DELLINK, 0, &link(name, 0, 0)?)
        .map_err(|error| failed(name, "deleting", &error))
}

pub(crate) fn delete_when_closed(name: &str) -> io::Result<()> {
    delete(name)
}

pub(crate) fn exists(name: &str) -> bool {
    index(name).is_ok()
}

pub(crate) fn add_bridge(name: &str) -> io::Result<()> {
    let mut kind = Vec::new();
    attribute(&mut kind, libc::IFLA_INFO_KIND, b"bridge");
    let mut message = netlink::link(0, IFF_UP, IFF_UP);
    attribute(&mut message, libc::IFLA_IFNAME, name.as_bytes());
    attribute(&mut message, libc::IFLA_LINKINFO, &kind);
    request(libc::RTM_NEWLINK, netlink::CREATE, &message)
        .map_err(|error| failed(name, "making the bridge", &error))
}

pub(crate) fn add_veth(name: &str, other: &str, namespace: &Path) -> io::Result<()> {
    let namespace = File::open(namespace)?;
    let mut peer = netlink::link(0, 0, 0);
    attribute(&mut peer, libc::IFLA_IFNAME, other.as_bytes());
    let descriptor = namespace.as_raw_fd().to_ne_bytes();
    attribute(&mut peer, libc::IFLA_NET_NS_FD, &descriptor);
    let (mut data, mut kind) = (Vec::new(), Vec::new());
    attribute(&mut data, VETH_INFO_PEER, &peer);
    attribute(&mut kind, libc::IFLA_INFO_KIND, b"veth");
    attribute(&mut kind, libc::IFLA_INFO_DATA, &data);
    // The kernel brings none up that has no other end yet.
    let mut message = netlink::link(0, 0, 0);
    attribute(&mut message, libc::IFLA_IFNAME, name.as_bytes());
    attribute(&mut message, libc::IFLA_LINKINFO, &kind);
    request(libc::RTM_NEWLINK, netlink::CREATE, &message)
        .map_err(|error| failed(name, "making the veth", &error))
}

pub(crate) fn join_bridge(name: &str, bridge: &str) -> io::Result<()> {
    let mut message = link(name, 0, 0)?;
    attribute(
        &mut message,
        libc::IFLA_MASTER,
        &index(bridge)?.to_ne_bytes(),
    );
    request(libc::RTM_NEWLINK, 0, &message).map_err(|error| failed(name, "bridging", &error))
}

pub(crate) fn add_epair() -> io::Result<[String; 2]> {
    let message = "epairs exist on FreeBSD only";
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}

/// A token bucket filter (tc-tbf(8)) for what the host sends on the interface.
pub(crate) fn throttle(name: &str, bytes_per_second: u32) -> io::Result<()> {
    /// Bytes that wait, and bytes that may go at once.
    const LIMIT: u32 = 1 << 20;
    const BURST: u64 = 2000;
    /// Nanoseconds of the kernel's ticks: `PSCHED_SHIFT` (include/net/pkt_sched.h).
    const TICK: u64 = 64;
    const ROOT: u32 = u32::MAX;
    const ETHERNET: u8 = 1;
    let ticks = BURST * 1_000_000_000 / TICK / u64::from(bytes_per_second.max(1));
    // struct tc_tbf_qopt: the rate as struct tc_ratespec, no peak rate, limit, burst as time, no MTU.
    let mut options = vec![0, ETHERNET, 0, 0, 0xff, 0xff, 0, 0];
    options.extend(bytes_per_second.to_ne_bytes());
    options.extend([0; 12]);
    options.extend(LIMIT.to_ne_bytes());
    options.extend(u32::try_from(ticks).unwrap_or(u32::MAX).to_ne_bytes());
    options.extend([0; 4]);
    let mut parameters = Vec::new();
    attribute(&mut parameters, TCA_TBF_PARMS, &options);
    // struct tcmsg.
    let mut message = vec![family(libc::AF_UNSPEC), 0, 0, 0];
    message.extend(index(name)?.to_ne_bytes());
    message.extend([0; 4]);
    message.extend(ROOT.to_ne_bytes());
    message.extend([0; 4]);
    attribute(&mut message, libc::TCA_KIND, b"tbf\0");
    attribute(&mut message, libc::TCA_OPTIONS, &parameters);
    request(libc::RTM_NEWQDISC, netlink::CREATE, &message)
        .map_err(|error| failed(name, "throttling", &error))
}

pub(crate) fn disable_ipv6(name: &str) -> io::Result<()> {
    let directory = ipv6(name);
    match directory.exists() {
        true => fs::write(directory.join("disable_ipv6"), "1")
            .map_err(|error| failed(name, "disabling IPv6 on", &error)),
        false => Ok(()),
    }
}

pub(crate) fn enable_ipv6(name: &str) -> io::Result<()> {
    let directory = ipv6(name);
    for (setting, value) in [
        ("accept_ra", "1"),
        ("autoconf", "1"),
        ("accept_dad", "0"),
        ("router_solicitation_delay", "0"),
        ("disable_ipv6", "0"),
    ] {
        fs::write(directory.join(setting), value)
            .map_err(|error| failed(name, "enabling IPv6 on", &error))?;
    }
    Ok(())
}

pub(crate) fn ipv6_addresses(name: &str) -> io::Result<Vec<Ipv6Addr>> {
    /// The fields of a line (proc(5)): address, number of the interface, length of the prefix, scope, flags, name.
    const FIELDS: usize = 6;
    let table = fs::read_to_string("/proc/thread-self/net/if_inet6")?;
    let address = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.len() == FIELDS && fields.last() == Some(&name);
        let bits = u128::from_str_radix(fields.first()?, 16).ok()?;
        is_it.then(|| Ipv6Addr::from(bits))
    };
    Ok(table.lines().filter_map(address).collect())
}

/// The settings of IPv6. Shows the namespace of the thread that looks.
fn ipv6(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys/net/ipv6/conf").join(name)
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
