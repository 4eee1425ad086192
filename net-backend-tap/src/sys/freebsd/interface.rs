use std::ffi::c_ulong;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use net_backend_core::{Error, Mtu, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::{numbers, request};
use crate::sys::interface_request::InterfaceRequest;

/// `IFF_UP` (sys/net/if.h).
const UP: u32 = 0x1;
const _: () = assert!(UP == libc::IFF_UP.unsigned_abs());

/// What an interface could have, and what of it is on: `IFCAP_*`.
#[derive(Clone, Copy, Debug)]
pub(super) struct InterfaceCapabilities {
    pub(super) possible: u32,
    pub(super) enabled: u32,
}

/// A socket through which interfaces are named to the kernel.
#[derive(Debug)]
pub(super) struct Interfaces {
    socket: OwnedFd,
}

impl Interfaces {
    /// A local socket, which every jail may have.
    pub(super) fn new() -> Result<Self> {
        let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC);
        let socket = socket_with(family, SocketType::DGRAM, flags, None)
            .map_err(|errno| Error::system("socket", "a local socket", errno.into(), None))?;
        Ok(Self { socket })
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The interface's number; `None` when there is none of that name in this jail.
    pub(super) fn index(&self, name: &str) -> Option<u16> {
        let mut request = InterfaceRequest::new(name);
        self.ask(numbers::SIOCGIFINDEX, &mut request).ok()?;
        Some(request.index())
    }

    pub(super) fn is_up(&self, name: &str) -> io::Result<bool> {
        Ok(self.flags(name)? & UP != 0)
    }

    pub(super) fn flags(&self, name: &str) -> io::Result<u32> {
        let mut request = InterfaceRequest::new(name);
        self.ask(numbers::SIOCGIFFLAGS, &mut request)?;
        Ok(request.flags())
    }

    pub(super) fn set_up(&self, name: &str, up: bool) -> Result<()> {
        let flags = self
            .flags(name)
            .map_err(|error| Error::system("SIOCGIFFLAGS", name, error, None))?;
        let flags = if up { flags | UP } else { flags & !UP };
        let request = InterfaceRequest::new(name).with_flags(flags);
        self.change("SIOCSIFFLAGS", numbers::SIOCSIFFLAGS, name, request)
    }

    pub(super) fn mtu(&self, name: &str) -> Option<Mtu> {
        let mut request = InterfaceRequest::new(name);
        self.ask(numbers::SIOCGIFMTU, &mut request).ok()?;
        u16::try_from(request.number()).ok().and_then(Mtu::new)
    }

    pub(super) fn set_mtu(&self, name: &str, mtu: Mtu) -> Result<()> {
        let request = InterfaceRequest::new(name).with_number(mtu.bytes().into());
        self.change("SIOCSIFMTU", numbers::SIOCSIFMTU, name, request)
    }

    pub(super) fn capabilities(&self, name: &str) -> io::Result<InterfaceCapabilities> {
        let mut request = InterfaceRequest::new(name);
        self.ask(numbers::SIOCGIFCAP, &mut request)?;
        Ok(InterfaceCapabilities {
            possible: request.number(),
            enabled: request.second_number(),
        })
    }

    pub(super) fn enable(&self, name: &str, capabilities: u32) -> io::Result<()> {
        let mut request = InterfaceRequest::new(name).with_number(capabilities);
        self.ask(numbers::SIOCSIFCAP, &mut request)
    }

    /// Makes `tap0`, or for `tap` one with a free number; gives its name.
    pub(super) fn create(&self, name: &str) -> io::Result<String> {
        let mut request = InterfaceRequest::new(name);
        self.ask(numbers::SIOCIFCREATE2, &mut request)?;
        Ok(request.name())
    }

    pub(super) fn destroy(&self, name: &str) -> io::Result<()> {
        self.ask(numbers::SIOCIFDESTROY, &mut InterfaceRequest::new(name))
    }

    fn ask(&self, number: c_ulong, argument: &mut InterfaceRequest) -> io::Result<()> {
        request::interface(self.socket.as_fd(), number, argument)
    }

    fn change(
        &self,
        operation: &'static str,
        number: c_ulong,
        name: &str,
        mut argument: InterfaceRequest,
    ) -> Result<()> {
        self.ask(number, &mut argument).map_err(|error| {
            let remedy = match error.raw_os_error() {
                Some(libc::EPERM) => {
                    Some("needs root; leave the option out and let an administrator set it")
                }
                Some(libc::ENXIO) => Some("the interface is not in this jail"),
                Some(libc::EOPNOTSUPP) if number == numbers::SIOCSIFMTU => {
                    Some("it is in a bridge; set the MTU before that, or of the bridge")
                }
                // IF_MINMTU and IF_MAXMTU (sys/net/if_var.h).
                Some(libc::EINVAL) if number == numbers::SIOCSIFMTU => {
                    Some("FreeBSD takes MTUs of 72 to 65535")
                }
                _ => None,
            };
            Error::system(operation, name, error, remedy)
        })
    }
}
