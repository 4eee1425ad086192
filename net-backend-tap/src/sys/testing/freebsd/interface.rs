//! Settings of interfaces (netintro(4)).

use std::ffi::{CString, c_ulong};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use net_backend_core::MacAddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::failed;
use super::request::{self, Argument, IFREQ, NAME};

/// `IFF_UP` (sys/net/if.h).
const UP: u16 = 1;
/// `AF_LINK` (sys/sys/socket.h), and bytes of an Ethernet address.
const LINK: u8 = 18;
const MAC: u8 = 6;
/// `BRDGADD` (sys/net/if_bridgevar.h) and bytes of its `struct ifbreq`.
const BRIDGE_ADD: u64 = 0;
const BRIDGE_MEMBER: usize = 80;
/// `SIOCGIFINFO_IN6` and `SIOCSIFINFO_FLAGS` (sys/netinet6/in6_var.h), bytes of their `struct in6_ndireq`, and where
/// the flags are in it.
const GET_NEIGHBOUR_DISCOVERY: c_ulong = 0xc048_696c;
const SET_NEIGHBOUR_DISCOVERY: c_ulong = 0xc048_6957;
const NEIGHBOUR_DISCOVERY: usize = 72;
const FLAGS: usize = 36;
/// `ND6_IFF_IFDISABLED` and `ND6_IFF_AUTO_LINKLOCAL` (sys/netinet6/nd6.h).
const DISABLED: u32 = 0x8;
const AUTOMATIC_ADDRESS: u32 = 0x20;

const _: () = assert!(LINK as i32 == libc::AF_LINK);

pub(crate) fn set_up(name: &str, up: bool) -> io::Result<()> {
    let what = if up { "bringing up" } else { "taking down" };
    let [low, high] = flags(name).map_err(failed(format!("{what} {name}")))?;
    let low = if up { low | UP } else { low & !UP };
    Argument::<IFREQ>::named(name)?
        .with(NAME, &low.to_ne_bytes())
        .with(NAME + 2, &high.to_ne_bytes())
        .ask(request::SIOCSIFFLAGS)
        .map_err(failed(format!("{what} {name}")))
}

pub(crate) fn set_mtu(name: &str, mtu: u16) -> io::Result<()> {
    Argument::<IFREQ>::named(name)?
        .with(NAME, &u32::from(mtu).to_ne_bytes())
        .ask(request::SIOCSIFMTU)
        .map_err(failed(format!("setting the MTU of {name}")))
}

pub(crate) fn set_mac(name: &str, address: MacAddr) -> io::Result<()> {
    // struct sockaddr: the length of what is in it, the family.
    Argument::<IFREQ>::named(name)?
        .with(NAME, &[MAC, LINK])
        .with(NAME + 2, &address.bytes())
        .ask(request::SIOCSIFLLADDR)
        .map_err(failed(format!("setting the address of {name}")))
}

/// It asks for nothing and answers nobody, and gets no address of its own when it comes up.
pub(crate) fn disable_ipv6(name: &str) -> io::Result<()> {
    let family = AddressFamily::INET6;
    // A kernel without IPv6 has no such sockets.
    let Ok(socket) = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None) else {
        return Ok(());
    };
    let what = || failed(format!("disabling IPv6 on {name}"));
    let mut argument = Argument::<NEIGHBOUR_DISCOVERY>::named(name)?;
    argument
        .control(&socket, GET_NEIGHBOUR_DISCOVERY)
        .map_err(what())?;
    let flags = u32::from_ne_bytes(argument.bytes(FLAGS));
    let flags = flags & !AUTOMATIC_ADDRESS | DISABLED;
    argument
        .with(FLAGS, &flags.to_ne_bytes())
        .control(&socket, SET_NEIGHBOUR_DISCOVERY)
        .map_err(what())
}

/// The system chooses the name of what it makes, so that it is renamed.
pub(crate) fn add_bridge(name: &str) -> io::Result<()> {
    let made = create("bridge")?;
    let renamed = rename(&made, name).and_then(|()| set_up(name, true));
    if renamed.is_err() {
        let _not_there = [delete(name), delete(&made)];
    }
    renamed
}

pub(crate) fn join_bridge(name: &str, bridge: &str) -> io::Result<()> {
    let mut member = Argument::<BRIDGE_MEMBER>::named(name)?;
    request::drive(bridge, BRIDGE_ADD, &mut member)
        .map_err(failed(format!("making {name} a port of {bridge}")))
}

/// With a number that is not used again: a name that comes back at once may still mean what is going away.
pub(crate) fn add_epair() -> io::Result<[String; 2]> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    // Up to IF_MAXUNIT (sys/net/if.h).
    let number = MADE.fetch_add(1, Ordering::Relaxed) % 2000;
    let unit = std::process::id() % 16 * 2000 + number;
    let near = create(&format!("epair{unit}"))?;
    let base = near.strip_suffix('a');
    let base = base.ok_or_else(|| io::Error::other(format!("an epair called {near}")))?;
    let far = format!("{base}b");
    Ok([near, far])
}

/// The kernel keeps whoever destroys a tap waiting until its user is gone, and with him everybody else who destroys an
/// interface. So the user is looked for first.
pub(crate) fn delete(name: &str) -> io::Result<()> {
    let is_tap = name.starts_with("tap") || name.starts_with("vmnet");
    // Opening a tap that is not there would make it.
    if is_tap && exists(name) {
        let mut options = File::options();
        let options = options.read(true).custom_flags(libc::O_NONBLOCK);
        if let Err(error) = options.open(format!("/dev/{name}")) {
            if error.kind() == ErrorKind::ResourceBusy {
                return Err(failed(format!("deleting {name}, which is open"))(error));
            }
        }
    }
    delete_when_closed(name)
}

pub(crate) fn delete_when_closed(name: &str) -> io::Result<()> {
    Argument::<IFREQ>::named(name)?
        .ask(request::SIOCIFDESTROY)
        .map_err(failed(format!("deleting {name}")))
}

pub(crate) fn exists(name: &str) -> bool {
    flags(name).is_ok()
}

pub(super) fn is_up(name: &str) -> io::Result<bool> {
    let [low, _] = flags(name).map_err(failed(format!("looking at {name}")))?;
    Ok(low & UP != 0)
}

/// Makes an interface of this driver, with a number that is free.
fn create(driver: &str) -> io::Result<String> {
    let mut argument = Argument::<IFREQ>::named(driver)?;
    argument
        .ask(request::SIOCIFCREATE2)
        .map_err(failed(format!(
            "making an interface of the driver {driver}"
        )))?;
    Ok(argument.name())
}

fn rename(name: &str, wanted: &str) -> io::Result<()> {
    let wanted = CString::new(wanted)?;
    request::rename(name, &wanted).map_err(failed(format!("renaming {name}")))
}

/// The low and the high half.
fn flags(name: &str) -> io::Result<[u16; 2]> {
    let mut argument = Argument::<IFREQ>::named(name)?;
    argument.ask(request::SIOCGIFFLAGS)?;
    let half = |at| u16::from_ne_bytes(argument.bytes(at));
    Ok([half(NAME), half(NAME + 2)])
}
