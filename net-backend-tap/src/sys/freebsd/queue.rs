use std::io;
use std::os::fd::{AsFd, OwnedFd};

use net_backend_core::frame_io::{FrameIo, ReceiveFailure, SendFailure};
use net_backend_core::{HeaderLength, Interest, RxSlice, Source, TxSlice, gather, total_length};
use rustix::io::ioctl_fionread;

use super::failure;
use crate::sys::vectored;

/// One direction of the queue: a descriptor of its own, non-blocking.
#[derive(Debug)]
pub(crate) struct Queue {
    descriptor: OwnedFd,
    interest: Interest,
    /// Bytes of the header in front of each frame.
    header: usize,
}

impl Queue {
    pub(super) fn new(descriptor: OwnedFd, interest: Interest, header: HeaderLength) -> Self {
        Self {
            descriptor,
            interest,
            header: header.bytes(),
        }
    }
}

impl Queue {
    #[cold]
    fn write_behind_zeros(&self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        let mut bytes = vec![0; total_length(frame)];
        gather(frame, 0, &mut bytes);
        if let Some(header) = bytes.get_mut(..self.header) {
            header.fill(0);
        }
        vectored::write(self.descriptor.as_fd(), &[TxSlice::new(&bytes)])
    }
}

impl FrameIo for Queue {
    /// The guest has no offload, so that its header means nothing. The kernel would believe it all the same
    /// (`virtio_net_rx_csum` in sys/dev/virtio/network/virtio_net.h): that a checksum was verified, for one.
    #[inline]
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        let flags = frame.first().and_then(TxSlice::first_chunk::<2>);
        if self.header > 0 && flags != Some([0; 2]) {
            return self.write_behind_zeros(frame);
        }
        vectored::write(self.descriptor.as_fd(), frame)
    }

    /// A frame whose offload the kernel cannot describe in the header, it drops while it is being read, and gives
    /// the header alone (`tunread` in sys/net/if_tuntap.c, when `virtio_net_tx_offload` gives no mbuf).
    #[inline]
    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        loop {
            let length = vectored::read(self.descriptor.as_fd(), into)?;
            if length != self.header || length == 0 {
                return Ok(length);
            }
        }
    }

    /// Taps tell the length of the first frame in the queue, without the header.
    fn next_length(&mut self) -> Option<io::Result<usize>> {
        let length = ioctl_fionread(&self.descriptor).map_err(io::Error::from);
        Some(length.map(|length| match usize::try_from(length) {
            Ok(0) => 0,
            Ok(length) => length.saturating_add(self.header),
            Err(_) => usize::MAX,
        }))
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
