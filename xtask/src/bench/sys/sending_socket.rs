// UNSAFETY: rustix knows neither the addresses nor the options of packet sockets (packet(7)).
#![expect(
    unsafe_code,
    reason = "bind and setsockopt of packet sockets take pointers"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socket_with};

/// A raw socket on an interface that only sends: no frame is copied for it. Does not block.
pub(in crate::bench) struct SendingSocket(OwnedFd);

impl SendingSocket {
    /// On an interface in the network of this thread. With `header`, each frame stands behind a virtio-net header of 10
    /// bytes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(in crate::bench) fn open(name: &str, header: bool) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        let index = name_to_index(&socket, name)?;
        let socket = Self(socket);
        if header {
            socket.add_header()?;
        }
        socket.bind(index)?;
        Ok(socket)
    }

    /// Sends one frame.
    ///
    /// # Errors
    ///
    /// What the system says: `WouldBlock` or ENOBUFS when there is no room.
    pub(in crate::bench) fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(&self.0, frame, SendFlags::empty())?;
        Ok(())
    }

    fn add_header(&self) -> io::Result<()> {
        let on: libc::c_int = 1;
        let length = length_of(&on)?;
        let (fd, value) = (self.0.as_raw_fd(), (&raw const on).cast());
        let option = libc::PACKET_VNET_HDR;
        // SAFETY: the socket is open, and `length` bytes are readable at `value`, which lives until the end of this
        // function.
        let outcome = unsafe { libc::setsockopt(fd, libc::SOL_PACKET, option, value, length) };
        succeeded(outcome)
    }

    /// Without a protocol: it hears nothing.
    fn bind(&self, index: u32) -> io::Result<()> {
        // SAFETY: all fields of sockaddr_ll are integers or arrays of them, for which zero is a value.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
        address.sll_ifindex = i32::try_from(index).map_err(io::Error::other)?;
        let length = length_of(&address)?;
        let (fd, address) = (self.0.as_raw_fd(), (&raw const address).cast());
        // SAFETY: the socket is open, and `length` bytes are readable at `address`, which lives until the end of this
        // function.
        let outcome = unsafe { libc::bind(fd, address, length) };
        succeeded(outcome)
    }
}

fn length_of<T>(value: &T) -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(size_of_val(value)).map_err(io::Error::other)
}

fn succeeded(outcome: libc::c_int) -> io::Result<()> {
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
