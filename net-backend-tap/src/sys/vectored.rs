// UNSAFETY: frames may lie in guest memory, for which there is no safe writev(2) and readv(2).
#![expect(
    unsafe_code,
    reason = "vectored I/O on memory that is known only by address"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use net_backend_core::{RxSlice, TxSlice};

const _: () = {
    assert!(size_of::<TxSlice<'_>>() == size_of::<libc::iovec>());
    assert!(size_of::<RxSlice<'_>>() == size_of::<libc::iovec>());
};

/// writev(2), or the cheaper write(2) for one piece.
#[inline]
pub(super) fn write(descriptor: BorrowedFd<'_>, frame: &[TxSlice<'_>]) -> io::Result<usize> {
    let fd = descriptor.as_raw_fd();
    let written = if let [piece] = frame {
        // SAFETY: the descriptor is open while borrowed; the piece is readable for its length (constructor of
        // TxSlice).
        unsafe { libc::write(fd, piece.as_ptr().cast(), piece.len()) }
    } else {
        let count = pieces(frame.len());
        // SAFETY: the descriptor is open while borrowed; `count` iovecs lie at the address (TxSlice is transparent
        // over iovec), each readable for its length (constructor of TxSlice).
        unsafe { libc::writev(fd, frame.as_ptr().cast(), count) }
    };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// readv(2), or the cheaper read(2) for one piece.
#[inline]
pub(super) fn read(descriptor: BorrowedFd<'_>, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
    let fd = descriptor.as_raw_fd();
    let length = if let [piece] = into {
        // SAFETY: the descriptor is open while borrowed; the piece is writable for its length and borrowed
        // exclusively (constructor of RxSlice).
        unsafe { libc::read(fd, piece.as_ptr().cast(), piece.len()) }
    } else {
        let count = pieces(into.len());
        // SAFETY: the descriptor is open while borrowed; `count` iovecs lie at the address (RxSlice is transparent
        // over iovec), each writable for its length and borrowed exclusively (constructor of RxSlice).
        unsafe { libc::readv(fd, into.as_ptr().cast(), count) }
    };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

/// Beyond `IOV_MAX` the kernel refuses; a count that does not fit is far beyond.
fn pieces(count: usize) -> libc::c_int {
    libc::c_int::try_from(count).unwrap_or(libc::c_int::MAX)
}
