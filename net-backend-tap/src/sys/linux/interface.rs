use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use net_backend_core::{Error, MacAddr, Mtu, Result};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::{netlink, request};
use crate::sys::interface_request::InterfaceRequest;

/// A network interface, named to the kernel through any socket.
#[derive(Debug)]
pub(super) struct Interface {
    socket: OwnedFd,
    name: String,
}

impl Interface {
    pub(super) fn new(name: &str) -> Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)
            .map_err(|errno| Error::system("socket", name, errno.into(), None))?;
        Ok(Self {
            socket,
            name: name.to_owned(),
        })
    }

    /// Its number in this network namespace; `None` when the interface is in another one.
    pub(super) fn index(&self) -> Option<i32> {
        let mut request = InterfaceRequest::new(&self.name);
        self.ask(libc::SIOCGIFINDEX, &mut request).ok()?;
        Some(request.number())
    }

    pub(super) fn is_up(&self) -> io::Result<bool> {
        Ok(self.flags()? & UP != 0)
    }

    /// Whether frames pass: it is up and has a carrier.
    pub(super) fn is_running(&self) -> io::Result<bool> {
        Ok(self.flags()? & (UP | RUNNING) == UP | RUNNING)
    }

    pub(super) fn set_up(&self, up: bool) -> Result<()> {
        let flags = self
            .flags()
            .map_err(|error| Error::system("SIOCGIFFLAGS", &self.name, error, None))?;
        let flags = if up { flags | UP } else { flags & !UP };
        let mut request = InterfaceRequest::new(&self.name).with_flags(flags);
        self.change("SIOCSIFFLAGS", libc::SIOCSIFFLAGS, &mut request)
    }

    pub(super) fn mtu(&self) -> Option<Mtu> {
        let mut request = InterfaceRequest::new(&self.name);
        self.ask(libc::SIOCGIFMTU, &mut request).ok()?;
        u16::try_from(request.number()).ok().and_then(Mtu::new)
    }

    pub(super) fn set_mtu(&self, mtu: Mtu) -> Result<()> {
        let mut request = InterfaceRequest::new(&self.name).with_number(mtu.bytes().into());
        self.change("SIOCSIFMTU", libc::SIOCSIFMTU, &mut request)
    }

    /// By rtnetlink: `SIOCSIFTXQLEN` is only for the root of the whole machine, not for that of a namespace.
    pub(super) fn set_transmit_queue_length(&self, frames: u32) -> Result<()> {
        let mut message = netlink::link(self.index().map_or(0, i32::unsigned_abs), 0, 0);
        netlink::attribute(&mut message, libc::IFLA_TXQLEN, &frames.to_ne_bytes());
        netlink::request(libc::RTM_NEWLINK, 0, &message)
            .map_err(|error| self.refused("RTM_NEWLINK(IFLA_TXQLEN)", error))
    }

    pub(super) fn mac(&self) -> Option<MacAddr> {
        let mut request = InterfaceRequest::new(&self.name);
        self.ask(libc::SIOCGIFHWADDR, &mut request).ok()?;
        Some(MacAddr::new(request.hardware_address()))
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn flags(&self) -> io::Result<libc::c_short> {
        let mut request = InterfaceRequest::new(&self.name);
        self.ask(libc::SIOCGIFFLAGS, &mut request)?;
        Ok(request.flags())
    }

    fn ask(&self, number: libc::Ioctl, request: &mut InterfaceRequest) -> io::Result<()> {
        request::interface(self.socket.as_fd(), number, request)
    }

    fn change(
        &self,
        operation: &'static str,
        number: libc::Ioctl,
        request: &mut InterfaceRequest,
    ) -> Result<()> {
        self.ask(number, request)
            .map_err(|error| self.refused(operation, error))
    }

    fn refused(&self, operation: &'static str, error: io::Error) -> Error {
        let remedy = "needs CAP_NET_ADMIN; leave the option out and let an administrator set it";
        let remedy = (error.raw_os_error() == Some(libc::EPERM)).then_some(remedy);
        Error::system(operation, &self.name, error, remedy)
    }
}

/// `IFF_UP` and `IFF_RUNNING`; both fit into the flags of a `struct ifreq`.
const UP: libc::c_short = 0x1;
const RUNNING: libc::c_short = 0x40;

const _: () = {
    assert!(UP as libc::c_int == libc::IFF_UP);
    assert!(RUNNING as libc::c_int == libc::IFF_RUNNING);
};
