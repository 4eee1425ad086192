// UNSAFETY: frames may lie in guest memory, for which there is no safe writev(2) and readv(2).
#![expect(
    unsafe_code,
    reason = "vectored I/O on memory that is known only by address"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use net_backend_core::{HeaderLength, Interest, RxSlice, Source, TxSlice};
use rustix::io::ioctl_fionread;

use crate::sys::FrameIo;

const _: () = {
    assert!(size_of::<TxSlice<'_>>() == size_of::<libc::iovec>());
    assert!(size_of::<RxSlice<'_>>() == size_of::<libc::iovec>());
};

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

    #[inline]
    fn read_once(&self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        let fd = self.descriptor.as_raw_fd();
        let length = if let [piece] = into {
            // SAFETY: the descriptor is owned; the piece is writable for its length and borrowed exclusively
            // (constructor of RxSlice).
            unsafe { libc::read(fd, piece.as_ptr().cast(), piece.len()) }
        } else {
            let count = pieces(into.len());
            // SAFETY: the descriptor is owned; `count` iovecs lie at the address (RxSlice is transparent over
            // iovec), each writable for its length and borrowed exclusively (constructor of RxSlice).
            unsafe { libc::readv(fd, into.as_ptr().cast(), count) }
        };
        usize::try_from(length).map_err(|_| io::Error::last_os_error())
    }
}

impl FrameIo for Queue {
    #[inline]
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        let fd = self.descriptor.as_raw_fd();
        let written = if let [piece] = frame {
            // SAFETY: the descriptor is owned; the piece is readable for its length (constructor of TxSlice).
            unsafe { libc::write(fd, piece.as_ptr().cast(), piece.len()) }
        } else {
            let count = pieces(frame.len());
            // SAFETY: the descriptor is owned; `count` iovecs lie at the address (TxSlice is transparent over
            // iovec), each readable for its length (constructor of TxSlice).
            unsafe { libc::writev(fd, frame.as_ptr().cast(), count) }
        };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    /// A frame whose offload the kernel cannot describe in the header, it drops while it is being read, and gives
    /// the header alone (`tunread` in sys/net/if_tuntap.c, when `virtio_net_tx_offload` gives no mbuf).
    #[inline]
    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        loop {
            let length = self.read_once(into)?;
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
}

/// Beyond `IOV_MAX` the kernel refuses; a count that does not fit is far beyond.
fn pieces(count: usize) -> libc::c_int {
    libc::c_int::try_from(count).unwrap_or(libc::c_int::MAX)
}
