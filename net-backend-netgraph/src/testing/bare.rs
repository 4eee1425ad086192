//! Sockets without a graph, to measure what the library costs over sending and receiving by hand.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use net_backend_core::frame_io::Attachment;
use net_backend_core::{Activation, Interest, QueuePair, RxSlice, Source, TxSlice};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::sys::link::{self, Port};
use crate::sys::socket;

/// A queue pair as that of a backend, and what it is connected with: two ends of a socket that keeps messages apart.
/// The far end does not block.
///
/// # Errors
///
/// Those of `socketpair(2)`, and of duplicating a descriptor.
pub fn datagram_pair() -> io::Result<(QueuePair, OwnedFd)> {
    datagram_pair_with(&Activation::plain())
}

/// The same with header and offloads, of which the socket knows nothing, as netgraph does.
///
/// # Errors
///
/// As [`datagram_pair`].
pub fn datagram_pair_with(with: &Activation) -> io::Result<(QueuePair, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (near, far) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let patience = Duration::from_secs(1);
    let rx = Half(near.try_clone()?, Interest::Readable);
    let tx = Half(near, Interest::Writable);
    let attachment = Arc::new(Attachment::new("a pair of sockets"));
    Ok((link::pair(rx, tx, with, patience, &attachment), far))
}

/// One descriptor.
struct Half(OwnedFd, Interest);

impl Port for Half {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        socket::send(self.0.as_fd(), frame)
    }

    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        socket::receive(self.0.as_fd(), into)
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.0.as_fd(),
            interest: self.1,
        }
    }
}
