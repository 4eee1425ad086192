use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use crate::wake::Doorbell;

pub use std::os::fd::{BorrowedFd as BorrowedDescriptor, OwnedFd as OwnedDescriptor};

pub(super) type Iovec = libc::iovec;

pub(super) const fn iovec(base: *mut u8, length: usize) -> Iovec {
    Iovec {
        iov_base: base.cast(),
        iov_len: length,
    }
}

pub(super) const fn base(iovec: &Iovec) -> *mut u8 {
    iovec.iov_base.cast()
}

pub(super) const fn length(iovec: &Iovec) -> usize {
    iovec.iov_len
}

/// A doorbell made of a connected pair of sockets: each ring is one byte.
///
/// Portable, and without a line of `unsafe`; backends with an eventfd at hand have a cheaper one.
#[derive(Debug)]
pub struct Bell {
    ringer: UnixStream,
    listener: UnixStream,
}

impl Bell {
    /// Makes a silent bell: two descriptors, non-blocking and close-on-exec.
    ///
    /// # Errors
    ///
    /// What socketpair(2) says, in practice that there are too many open files.
    pub fn new() -> io::Result<Self> {
        let (ringer, listener) = UnixStream::pair()?;
        ringer.set_nonblocking(true)?;
        listener.set_nonblocking(true)?;
        Ok(Self { ringer, listener })
    }

    /// What is readable while the bell rings.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Both descriptors, which a sandbox must leave open.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.listener.as_fd(), self.ringer.as_fd()]
    }
}

impl Doorbell for Bell {
    fn ring(&self) {
        // The only failure is a full socket, and then it is readable already.
        let _full = (&self.ringer).write(&[1]);
    }

    fn silence(&self) -> usize {
        let mut rings = [0; 64];
        (&self.listener).read(&mut rings).unwrap_or(0)
    }
}
