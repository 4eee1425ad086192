// UNSAFETY: frames may lie in guest memory, for which there is no safe sendmsg(2) and recvmsg(2).
#![expect(
    unsafe_code,
    reason = "vectored I/O on memory that is known only by address"
)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

use net_backend_core::{RxSlice, TxSlice};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

const _: () = {
    assert!(size_of::<TxSlice<'_>>() == size_of::<libc::iovec>());
    assert!(size_of::<RxSlice<'_>>() == size_of::<libc::iovec>());
};

/// Sends a frame through a socket, without waiting and without SIGPIPE: sendmsg(2), or the cheaper send(2) for one
/// piece.
#[inline]
pub(crate) fn send(socket: BorrowedFd<'_>, frame: &[TxSlice<'_>]) -> io::Result<usize> {
    const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let fd = socket.as_raw_fd();
    let sent = if let [piece] = frame {
        // SAFETY: the descriptor is open while borrowed; the piece is readable for its length (constructor of
        // TxSlice).
        unsafe { libc::send(fd, piece.as_ptr().cast(), piece.len(), FLAGS) }
    } else {
        let mut message = empty();
        message.msg_iov = frame.as_ptr().cast_mut().cast();
        message.msg_iovlen = pieces(frame.len());
        // SAFETY: the descriptor is open while borrowed; so many iovecs lie at the address (TxSlice is transparent over
        // iovec), each readable for its length (constructor of TxSlice), and sendmsg writes to none of them.
        unsafe { libc::sendmsg(fd, &raw const message, FLAGS) }
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives a frame from a socket, without waiting: recvmsg(2), or the cheaper recv(2) for one piece. Empty frames are
/// passed over. Of a frame that does not fit the rest is lost; its length may exceed the buffer.
///
/// # Errors
///
/// `ENOTCONN` when the other side has closed for good.
#[inline]
pub(crate) fn receive(socket: BorrowedFd<'_>, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
    match receive_any(socket, into) {
        Ok(0) => receive_next(socket, into),
        received => received,
    }
}

/// What comes behind an empty frame, which is also what a socket gives of which nothing will come.
#[cold]
fn receive_next(socket: BorrowedFd<'_>, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
    loop {
        if is_closed(socket)? {
            return Err(io::Error::from_raw_os_error(libc::ENOTCONN));
        }
        match receive_any(socket, into)? {
            0 => {}
            length => return Ok(length),
        }
    }
}

#[inline]
fn receive_any(socket: BorrowedFd<'_>, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
    // With MSG_TRUNC kernels tell the true length also of what is cut: FreeBSD since 14.
    const FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    let fd = socket.as_raw_fd();
    let length = if let [piece] = into {
        // SAFETY: the descriptor is open while borrowed; the piece is writable for its length and borrowed
        // exclusively (constructor of RxSlice).
        unsafe { libc::recv(fd, piece.as_ptr().cast(), piece.len(), FLAGS) }
    } else {
        let mut message = empty();
        message.msg_iov = into.as_mut_ptr().cast();
        message.msg_iovlen = pieces(into.len());
        // SAFETY: the descriptor is open while borrowed; so many iovecs lie at the address (RxSlice is transparent over
        // iovec), each writable for its length and borrowed exclusively (constructor of RxSlice).
        unsafe { libc::recvmsg(fd, &raw mut message, FLAGS) }
    };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

/// Whether nothing will ever be received again.
fn is_closed(socket: BorrowedFd<'_>) -> io::Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(socket, PollFlags::RDHUP)];
    let closed = PollFlags::HUP | PollFlags::RDHUP;
    match poll(&mut polled, Some(&Timespec::default())) {
        Ok(_) => Ok(polled.iter().any(|it| it.revents().intersects(closed))),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn empty() -> libc::msghdr {
    let message = MaybeUninit::<libc::msghdr>::zeroed();
    // SAFETY: numbers and pointers, for which zero is a value: no name, no pieces, no control data.
    unsafe { message.assume_init() }
}

/// Beyond `IOV_MAX` the kernel refuses; a count that does not fit is far beyond.
fn pieces<T: From<u16>>(count: usize) -> T {
    u16::try_from(count).unwrap_or(u16::MAX).into()
}
