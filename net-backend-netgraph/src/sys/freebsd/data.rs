// UNSAFETY: the libc crate has no safe calls with the addresses of AF_NETGRAPH.
#![expect(unsafe_code, reason = "connect and getsockname take addresses")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use net_backend_core::frame_io::Attachment;
use net_backend_core::{
    Activation, BorrowedDescriptor, Interest, QueuePair, RxSlice, Source, TxSlice,
};
use rustix::io::fcntl_dupfd_cloexec;

use super::address::Address;
use super::{kernel, rights};
use crate::gate::{Buffers, Data, Farewell};
use crate::sys::link::{self, Port};
use crate::sys::socket;

/// More frames than a buffer holds, so that emptying it comes to an end also under load.
const BUFFER_BOUND: usize = 1 << 15;

/// A data socket.
#[derive(Debug)]
pub(super) struct DataSocket {
    /// Before the socket, so that it is dropped first.
    farewell: Option<Arc<dyn Farewell>>,
    socket: OwnedFd,
}

impl DataSocket {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            farewell: None,
            socket,
        }
    }

    /// Whether it belongs to a node, and that of netgraph.
    ///
    /// # Errors
    ///
    /// `EPROTOTYPE` when it is of something else, `ENOTCONN` when it belongs to no node.
    pub(super) fn check(&self) -> io::Result<()> {
        let mut address = Address::EMPTY;
        let mut length = Address::ROOM;
        let fd = self.socket.as_raw_fd();
        // SAFETY: the descriptor is open; the address is writable for the length that is told, and any bytes are one.
        let named = unsafe { libc::getsockname(fd, (&raw mut address).cast(), &raw mut length) };
        let protocol = kernel::check(named).and_then(|()| match address.is_netgraph() {
            true => kernel::protocol(&self.socket),
            false => Err(io::Error::from_raw_os_error(libc::EPROTOTYPE)),
        });
        match protocol {
            Ok(kernel::DATA) => Ok(()),
            Ok(_) => Err(io::Error::from_raw_os_error(libc::EPROTOTYPE)),
            Err(error) => match error.raw_os_error() {
                Some(libc::EINVAL) => Err(io::Error::from_raw_os_error(libc::ENOTCONN)),
                // Whoever limited it left it what frames need, and nothing to ask it with.
                Some(libc::ENOTCAPABLE) => Ok(()),
                _ => Err(error),
            },
        }
    }

    fn end(&self, interest: Interest) -> io::Result<End> {
        Ok(End {
            _farewell: self.farewell.clone(),
            socket: fcntl_dupfd_cloexec(&self.socket, 3)?,
            interest,
        })
    }
}

impl Data for DataSocket {
    fn connect(&self, address: &str) -> io::Result<()> {
        let address = Address::of_name(address)?;
        let fd = self.socket.as_raw_fd();
        // SAFETY: the descriptor is open; the address is one, of the length that it says, and outlives the call.
        let connected = unsafe { libc::connect(fd, (&raw const address).cast(), address.length()) };
        kernel::check(connected)
    }

    fn set_buffers(&self, send: usize, receive: usize) -> io::Result<Buffers> {
        Ok(Buffers {
            send: kernel::set_send_buffer(&self.socket, send)?,
            receive: kernel::set_receive_buffer(&self.socket, receive)?,
        })
    }

    fn send_by(&self, hook: &str, frame: &[u8]) -> io::Result<()> {
        kernel::send_to(&self.socket, hook, frame, libc::MSG_DONTWAIT)
    }

    fn receive_from(&self, into: &mut [u8]) -> io::Result<(usize, String)> {
        match kernel::receive_from(&self.socket, into)? {
            // A frame, though an empty one, comes by a hook.
            (0, hook) if hook.is_empty() => Err(io::Error::from_raw_os_error(libc::ENOTCONN)),
            received => Ok(received),
        }
    }

    fn drain(&self) {
        let mut byte = [0];
        for _ in 0..BUFFER_BOUND {
            let mut into = [RxSlice::new(&mut byte)];
            let received = socket::receive(self.socket.as_fd(), &mut into);
            if received.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                return;
            }
        }
    }

    fn limit(&self) -> io::Result<()> {
        rights::limit_data(self.socket.as_fd())
    }

    fn pair(
        &self,
        with: &Activation,
        patience: Duration,
        attachment: &Arc<Attachment>,
    ) -> io::Result<QueuePair> {
        let rx = self.end(Interest::Readable)?;
        let tx = self.end(Interest::Writable)?;
        Ok(link::pair(rx, tx, with, patience, attachment))
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.socket.as_fd()
    }

    fn keep(&mut self, farewell: Arc<dyn Farewell>) {
        self.farewell = Some(farewell);
    }

    fn kept(&self) -> Option<&dyn Farewell> {
        self.farewell.as_deref()
    }
}

/// One half's descriptor of a data socket.
struct End {
    /// Before the socket, so that it is dropped first.
    _farewell: Option<Arc<dyn Farewell>>,
    socket: OwnedFd,
    interest: Interest,
}

impl Port for End {
    #[inline]
    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        socket::send(self.socket.as_fd(), frame)
    }

    #[inline]
    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        socket::receive(self.socket.as_fd(), into)
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.socket.as_fd(),
            interest: self.interest,
        }
    }
}
