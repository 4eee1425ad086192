// UNSAFETY: rustix knows neither the addresses nor the options of packet sockets (packet(7)).
#![expect(
    unsafe_code,
    reason = "bind and setsockopt of packet sockets take pointers"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use super::interface;

#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    pub(crate) fn open(name: &str, header: bool) -> io::Result<Self> {
        let index = interface::index(name)?;
        // Without a protocol it hears nothing until it is bound, so that no frame of another interface gets in.
        let socket = socket_with(
            AddressFamily::PACKET,
            SocketType::RAW,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        );
        let socket = Self(socket.map_err(super::failed("packet socket"))?);
        socket.set(libc::PACKET_IGNORE_OUTGOING, 1)?;
        if header {
            socket.set(libc::PACKET_VNET_HDR, 1)?;
        }
        socket.bind(index)?;
        Ok(socket)
    }

    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(&self.0, frame, SendFlags::empty())?;
        Ok(())
    }

    pub(crate) fn receive(&self, into: &mut [u8], timeout: Duration) -> io::Result<Option<usize>> {
        let deadline = super::deadline(timeout);
        loop {
            match recv(&self.0, &mut *into, RecvFlags::TRUNC) {
                Ok((_, length)) => return Ok(Some(length)),
                Err(Errno::AGAIN) if !super::wait(&self.0, deadline)? => return Ok(None),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn set(&self, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        let length = libc::socklen_t::try_from(size_of_val(&value)).map_err(io::Error::other)?;
        let value = (&raw const value).cast();
        let socket = self.0.as_raw_fd();
        // SAFETY: the socket is open, and `length` bytes are readable at `value`, which lives until the end of this
        // function.
        let outcome = unsafe { libc::setsockopt(socket, libc::SOL_PACKET, option, value, length) };
        succeeded(outcome, "option of the packet socket")
    }

    fn bind(&self, index: u32) -> io::Result<()> {
        // SAFETY: all fields of sockaddr_ll are integers or arrays of them, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_protocol = u16::try_from(libc::ETH_P_ALL)
            .map_err(io::Error::other)?
            .to_be();
        address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
        let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
        let address = (&raw const address).cast();
        // SAFETY: the socket is open, and `length` bytes are readable at `address`, which lives until the end of this
        // function.
        let outcome = unsafe { libc::bind(self.0.as_raw_fd(), address, length) };
        succeeded(outcome, "bind of the packet socket")
    }
}

fn succeeded(outcome: libc::c_int, what: &str) -> io::Result<()> {
    if outcome == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(io::Error::new(error.kind(), format!("{what}: {error}")))
}
