// UNSAFETY: libslirp takes addresses and strings by pointer.
#![expect(unsafe_code, reason = "calls of libslirp's functions")]

use std::ffi::{CStr, c_int};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;

use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::callbacks::Host;
use super::instance::Instance;
use super::layout::{HOSTFWD_UDP, HOSTFWD_V6ONLY};
use super::library::AddGuestForward;

/// libslirp writes an IPv6 address with its zone into 46 bytes and aborts the process if it does not fit; a zone
/// takes up to 16 of them.
const LONGEST_WITH_ZONE: usize = 29;

/// Where a forward listens on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostAddress<'a> {
    /// Port 0: the system chooses, when it is added.
    Socket(SocketAddr),
    /// A socket file, which must not exist yet.
    Unix(&'a Path),
}

impl<H: Host> Instance<H> {
    /// Listens on the host for connections to, or datagrams for, `guest`. The unspecified address stands for the
    /// first DHCP address, in IPv6 for that of the first neighbour. `v6_only` keeps IPv4 off an IPv6 listener.
    ///
    /// # Errors
    ///
    /// What socket, bind and listen say; `InvalidInput` if it is nothing that libslirp can forward.
    pub(crate) fn add_host_forward(
        &mut self,
        udp: bool,
        host: &HostAddress<'_>,
        guest: SocketAddr,
        v6_only: bool,
    ) -> io::Result<()> {
        let add = self.library.functions().add_hostxfwd;
        let add = add.ok_or_else(|| missing("slirp_add_hostxfwd"))?;
        let host = address(udp, host)?;
        let guest = SocketAddrAny::from(checked(guest)?);
        let flags = flags(udp) | if v6_only { HOSTFWD_V6ONLY } else { 0 };
        self.checked_call(|slirp| {
            let (host_length, guest_length) = (host.addr_len(), guest.addr_len());
            let (host, guest) = (host.as_ptr().cast(), guest.as_ptr().cast());
            // SAFETY: an instance that lives; two addresses of a family that it knows, with their lengths.
            match unsafe { add(slirp, host, host_length, guest, guest_length, flags) } {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        })
    }

    /// Stops listening at `host`, which must be the bound address. Connections stay; so does a socket file.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such forward.
    pub(crate) fn remove_host_forward(
        &mut self,
        udp: bool,
        host: &HostAddress<'_>,
    ) -> io::Result<()> {
        let remove = self.library.functions().remove_hostxfwd;
        let remove = remove.ok_or_else(|| missing("slirp_remove_hostxfwd"))?;
        let host = address(udp, host)?;
        self.checked_call(|slirp| {
            // SAFETY: an instance that lives; an address of a family that it knows, with its length.
            let result =
                unsafe { remove(slirp, host.as_ptr().cast(), host.addr_len(), flags(udp)) };
            found(result)
        })
    }

    /// Runs `command` (split like a shell's, run without one) for each connection of the guest to `guest`, with the
    /// connection as its standard input, output and error. The address 0.0.0.0 stands for the fourth of the
    /// network.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if `guest` is forwarded already, `InvalidInput` if it is outside of the network or is the host's or
    /// the name server's address.
    pub(crate) fn add_command(&mut self, guest: SocketAddrV4, command: &CStr) -> io::Result<()> {
        let add = self.library.functions().add_exec;
        self.add_guest_forward(
            add.ok_or_else(|| missing("slirp_add_exec"))?,
            guest,
            command,
        )
    }

    /// Connects to the socket file `path` for each connection of the guest to `guest`, otherwise as
    /// [`add_command`](Self::add_command). libslirp blocks while it connects.
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn add_unix(&mut self, guest: SocketAddrV4, path: &CStr) -> io::Result<()> {
        let add = self.library.functions().add_unix;
        self.add_guest_forward(add.ok_or_else(|| missing("slirp_add_unix"))?, guest, path)
    }

    fn add_guest_forward(
        &mut self,
        add: AddGuestForward,
        guest: SocketAddrV4,
        target: &CStr,
    ) -> io::Result<()> {
        let guest = self.guest_address(guest);
        if self.guest_forwards.contains(&guest) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (mut address, port) = (in_addr(*guest.ip()), guest.port().into());
        self.checked_call(|slirp| {
            // SAFETY: an instance that lives; libslirp copies the string.
            match unsafe { add(slirp, target.as_ptr(), &mut address, port) } {
                0 => Ok(()),
                _ => Err(invalid(
                    "the address is outside of the guest's network, or the virtual host's or name server's",
                )),
            }
        })?;
        self.guest_forwards.push(guest);
        Ok(())
    }

    fn guest_address(&self, guest: SocketAddrV4) -> SocketAddrV4 {
        match guest.ip().is_unspecified() {
            true => SocketAddrV4::new(self.guest_server, guest.port()),
            false => guest,
        }
    }

    fn checked_call(
        &mut self,
        call: impl FnOnce(*mut super::layout::Slirp) -> io::Result<()>,
    ) -> io::Result<()> {
        let result = self.call(|_, slirp| call(slirp));
        result.unwrap_or_else(|| Err(io::Error::other("a callback has panicked")))
    }
}

fn address(udp: bool, host: &HostAddress<'_>) -> io::Result<SocketAddrAny> {
    match host {
        HostAddress::Socket(address) => Ok(checked(*address)?.into()),
        HostAddress::Unix(_) if udp => {
            Err(invalid("datagrams are not forwarded from a socket file"))
        }
        HostAddress::Unix(path) if path.as_os_str().is_empty() => {
            Err(invalid("a socket file needs a name"))
        }
        HostAddress::Unix(path) => Ok(SocketAddrUnix::new(*path)?.into()),
    }
}

fn checked(address: SocketAddr) -> io::Result<SocketAddr> {
    match (address.ip(), address) {
        (IpAddr::V6(ip), SocketAddr::V6(it))
            if it.scope_id() != 0 && ip.to_string().len() > LONGEST_WITH_ZONE =>
        {
            Err(invalid(
                "libslirp has no room for a zone behind so long an address",
            ))
        }
        _ => Ok(address),
    }
}

fn flags(udp: bool) -> c_int {
    if udp { HOSTFWD_UDP } else { 0 }
}

fn found(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "there is no such forward",
        )),
    }
}

fn missing(function: &str) -> io::Error {
    let why = format!("this libslirp has no {function}");
    io::Error::new(io::ErrorKind::Unsupported, why)
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// In network byte order, as C has it.
pub(super) fn in_addr(address: Ipv4Addr) -> libc::in_addr {
    libc::in_addr {
        s_addr: u32::from_ne_bytes(address.octets()),
    }
}
