use std::io;
use std::os::fd::{AsFd, OwnedFd};

use net_backend_core::frame_io::{FrameIo, ReceiveFailure, SendFailure};
use net_backend_core::{Interest, RxSlice, Source, TxSlice};

use super::failure;
use crate::sys::vectored;

/// One direction of one queue: a descriptor of its own, non-blocking.
#[derive(Debug)]
pub(crate) struct Queue {
    descriptor: OwnedFd,
    interest: Interest,
}

impl Queue {
    pub(super) fn new(descriptor: OwnedFd, interest: Interest) -> Self {
        Self {
            descriptor,
            interest,
        }
    }
}

impl FrameIo for Queue {
    #[inline]
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        vectored::write(self.descriptor.as_fd(), frame)
    }

    #[inline]
    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        vectored::read(self.descriptor.as_fd(), into)
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.descriptor.as_fd(),
            interest: self.interest,
        }
    }
    fn send_failure(&mut self, errno: i32) -> SendFailure {
        failure::send_failure(errno)
    }

    fn receive_failure(&mut self, errno: i32) -> ReceiveFailure {
        failure::receive_failure(errno)
    }
}
