// UNSAFETY: the libc crate has no safe calls with the addresses of AF_NETGRAPH.
#![expect(unsafe_code, reason = "bind takes an address")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use net_backend_core::BorrowedDescriptor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::address::Address;
use super::{kernel, rights};
use crate::gate::{Control, Farewell};
use crate::ng::{Message, generic};

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

    fn farewell(&self) -> io::Result<Option<Arc<dyn Farewell>>> {
        let socket = fcntl_dupfd_cloexec(&self.0, 3)?;
        rights::limit_farewell(socket.as_fd())?;
        Ok(Some(Arc::new(Shutdown(socket))))
    }

    fn limit(&self) -> io::Result<()> {
        rights::limit_control(self.0.as_fd())
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }
}

/// A duplicate of a control socket that shuts its node down in the end. The kernel frees a data socket that is closed
/// without looking whether a frame is on its way to it (`ngs_rcvdata` in sys/netgraph/ng_socket.c), and panics; a node that
/// is shut down waits for such frames, and gets no more.
#[derive(Debug)]
struct Shutdown(OwnedFd);

impl Farewell for Shutdown {
    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        let message = Message::new(generic::SHUTDOWN, 0, &[]).encode();
        // It is refused in capability mode, and when the node is gone already.
        let _best_effort = kernel::send_to(&self.0, ".:", &message, 0);
    }
}
