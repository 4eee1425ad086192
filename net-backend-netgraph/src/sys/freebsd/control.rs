// UNSAFETY: the libc crate has no safe calls with the addresses of AF_NETGRAPH.
#![expect(unsafe_code, reason = "bind takes an address")]

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
        kernel::send_to(&self.0, address, message, 0)
    }

    fn receive(&self, into: &mut [u8]) -> io::Result<(usize, String)> {
        kernel::receive_from(&self.0, into)
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
