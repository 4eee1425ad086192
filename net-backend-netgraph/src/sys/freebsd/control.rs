// UNSAFETY: the libc crate has no safe calls with the addresses of AF_NETGRAPH.
#![expect(unsafe_code, reason = "bind, sendto and recvfrom take addresses")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use net_backend_core::BorrowedDescriptor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::address::Address;
use super::{kernel, rights};
use crate::gate::Control;

/// A control socket.
#[derive(Debug)]
pub(super) struct ControlSocket(pub(super) OwnedFd);

impl Control for ControlSocket {
    fn bind(&self, name: &str) -> io::Result<()> {
        let address = Address::of_name(name)?;
        let fd = self.0.as_raw_fd();
        // SAFETY: the descriptor is open; the address is one, of the length that it says, and outlives the call.
        let bound = unsafe { libc::bind(fd, (&raw const address).cast(), address.length()) };
        kernel::check(bound)
    }

    fn send(&self, address: &str, message: &[u8]) -> io::Result<()> {
        let address = Address::of_path(address)?;
        // SAFETY: the descriptor is open; message and address are readable for their lengths, and outlive the call.
        let sent = unsafe {
            libc::sendto(
                self.0.as_raw_fd(),
                message.as_ptr().cast(),
                message.len(),
                libc::MSG_NOSIGNAL,
                (&raw const address).cast(),
                address.length(),
            )
        };
        match usize::try_from(sent) {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }

    fn receive(&self, into: &mut [u8]) -> io::Result<(usize, String)> {
        let mut from = Address::EMPTY;
        let mut length = Address::ROOM;
        // SAFETY: the descriptor is open; buffer and address are writable for the lengths that are told, and outlive the
        // call; any bytes are an address.
        let received = unsafe {
            libc::recvfrom(
                self.0.as_raw_fd(),
                into.as_mut_ptr().cast(),
                into.len(),
                libc::MSG_DONTWAIT,
                (&raw mut from).cast(),
                &raw mut length,
            )
        };
        match usize::try_from(received) {
            Ok(length) => Ok((length, from.text())),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&left)) {
                Ok(count) => return Ok(count > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn set_receive_buffer(&self, bytes: usize) -> io::Result<usize> {
        kernel::set_receive_buffer(&self.0, bytes)
    }

    fn limit(&self) -> io::Result<()> {
        rights::limit_control(self.0.as_fd())
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }
}
