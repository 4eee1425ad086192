//! The addresses of the system's loopback interface (lo(4)), which the kernel itself does not give it.

use std::ffi::c_ulong;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::failed;
use super::interface::{is_up, set_up};
use super::request::{Argument, NAME};

const LOOPBACK: &str = "lo0";

/// `SIOCAIFADDR` (sys/sys/sockio.h), bytes of its `struct ifaliasreq` (sys/net/if.h), and where the mask is in it.
const ADD_IPV4: c_ulong = 0x8044_692b;
const IPV4: usize = 68;
const IPV4_MASK: usize = 48;
/// Bytes of `struct sockaddr_in` (sys/netinet/in.h), and where the address is in it.
const SOCKADDR: u8 = 16;
const SOCKADDR_ADDRESS: usize = 4;
/// `SIOCAIFADDR_IN6` (sys/netinet6/in6_var.h), bytes of its `struct in6_aliasreq`, and where the mask and how long the
/// address lives are in it: valid and preferred, in seconds.
const ADD_IPV6: c_ulong = 0x8088_691b;
const IPV6: usize = 136;
const IPV6_MASK: usize = 72;
const VALID: usize = 120;
const PREFERRED: usize = 124;
/// Bytes of `struct sockaddr_in6` (sys/netinet6/in6.h), and where the address is in it.
const SOCKADDR6: u8 = 28;
const SOCKADDR6_ADDRESS: usize = 8;
/// `ND6_INFINITE_LIFETIME` (sys/netinet6/nd6.h).
const FOREVER: u32 = u32::MAX;
/// `AF_INET` and `AF_INET6` (sys/sys/socket.h).
const INET: u8 = 2;
const INET6: u8 = 28;

const _: () = {
    assert!(INET as i32 == libc::AF_INET && INET6 as i32 == libc::AF_INET6);
    assert!(SOCKADDR as usize == size_of::<libc::sockaddr_in>());
    assert!(SOCKADDR6 as usize == size_of::<libc::sockaddr_in6>());
    assert!(IPV4 == size_of::<libc::ifaliasreq>());
};

/// Adding an address that is there removes it for a moment, so it is done by one thread at a time and not twice.
static CONFIGURING: Mutex<()> = Mutex::new(());

pub(crate) fn ensure_loopback() -> io::Result<()> {
    let _alone = CONFIGURING.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_up(LOOPBACK)? {
        set_up(LOOPBACK, true)?;
    }
    if is_absent(Ipv4Addr::LOCALHOST.into()) {
        add_ipv4().map_err(failed(format!("adding 127.0.0.1 to {LOOPBACK}")))?;
    }
    if is_absent(Ipv6Addr::LOCALHOST.into()) {
        // Jails may have addresses of one family only.
        let _refused = add_ipv6();
    }
    Ok(())
}

/// Whether the kernel knows the family of the address, but not the address.
fn is_absent(address: IpAddr) -> bool {
    let bound = UdpSocket::bind((address, 0));
    bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

fn add_ipv4() -> io::Result<()> {
    let family = [SOCKADDR, INET];
    let mut argument = Argument::<IPV4>::named(LOOPBACK)?
        .with(NAME, &family)
        .with(NAME + SOCKADDR_ADDRESS, &Ipv4Addr::LOCALHOST.octets())
        .with(IPV4_MASK, &family)
        .with(IPV4_MASK + SOCKADDR_ADDRESS, &[255, 0, 0, 0]);
    argument.control(socket(AddressFamily::INET)?, ADD_IPV4)
}

fn add_ipv6() -> io::Result<()> {
    let family = [SOCKADDR6, INET6];
    let mut argument = Argument::<IPV6>::named(LOOPBACK)?
        .with(NAME, &family)
        .with(NAME + SOCKADDR6_ADDRESS, &Ipv6Addr::LOCALHOST.octets())
        .with(IPV6_MASK, &family)
        .with(IPV6_MASK + SOCKADDR6_ADDRESS, &[255; 16])
        .with(VALID, &FOREVER.to_ne_bytes())
        .with(PREFERRED, &FOREVER.to_ne_bytes());
    argument.control(socket(AddressFamily::INET6)?, ADD_IPV6)
}

/// Addresses are set through sockets of their family.
fn socket(family: AddressFamily) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(family, SocketType::DGRAM, flags, None)?)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_program_can_talk_to_itself() {
        match ensure_loopback() {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                eprintln!("skipped: {error}");
                return;
            }
            ensured => ensured.unwrap(),
        }
        let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
        match socket(AddressFamily::INET6) {
            Ok(_) => addresses.push(Ipv6Addr::LOCALHOST.into()),
            Err(error) => eprintln!("skipped for IPv6: {error}"),
        }
        for address in addresses {
            let listener = TcpListener::bind((address, 0)).unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert_eq!(listener.accept().unwrap().1.ip(), address);
        }
        ensure_loopback().unwrap();
    }
}
