// UNSAFETY: what is measured against is a loop over a socket as it is written in C, with the same functions of libc.
#![expect(unsafe_code, reason = "system calls without the library")]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};

/// A socket that keeps messages apart, used by hand. Does not block.
pub(in crate::bench) struct BareSocket(OwnedFd);

/// What was received into pieces.
#[derive(Clone, Copy, Debug)]
pub(in crate::bench) struct Arrived {
    /// Bytes that were stored.
    pub(in crate::bench) length: usize,
    /// Whether there was no room for others.
    pub(in crate::bench) is_cut: bool,
}

impl BareSocket {
    /// This one.
    pub(in crate::bench) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// send(2): a message in one piece; its length.
    #[inline]
    pub(in crate::bench) fn send(&self, message: &[u8]) -> io::Result<usize> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the descriptor is open; the message is readable for its length.
        let sent = unsafe { libc::send(fd, message.as_ptr().cast(), message.len(), SEND) };
        length(sent)
    }

    /// sendmsg(2): a message in pieces; its length.
    #[inline]
    pub(in crate::bench) fn send_pieces(&self, message: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut header = empty();
        header.msg_iov = message.as_ptr().cast_mut().cast();
        header.msg_iovlen = count(message.len());
        // SAFETY: the descriptor is open; so many iovecs lie at the address (IoSlice has their layout), each readable
        // for its length, and sendmsg writes to none of them.
        let sent = unsafe { libc::sendmsg(self.0.as_raw_fd(), &raw const header, SEND) };
        length(sent)
    }

    /// recv(2): a message into one piece; `None` when there is none. What does not fit is lost unnoticed.
    #[inline]
    pub(in crate::bench) fn receive(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let fd = self.0.as_raw_fd();
        // SAFETY: the descriptor is open; the piece is writable for its length, and nobody else's.
        let received = unsafe { libc::recv(fd, into.as_mut_ptr().cast(), into.len(), RECEIVE) };
        some(length(received))
    }

    /// recvmsg(2): a message into pieces; `None` when there is none.
    #[inline]
    pub(in crate::bench) fn receive_pieces(
        &self,
        into: &mut [IoSliceMut<'_>],
    ) -> io::Result<Option<Arrived>> {
        let mut header = empty();
        header.msg_iov = into.as_mut_ptr().cast();
        header.msg_iovlen = count(into.len());
        // SAFETY: the descriptor is open; so many iovecs lie at the address (IoSliceMut has their layout), each
        // writable for its length, and nobody else's.
        let received = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut header, RECEIVE) };
        let arrived = some(length(received))?;
        Ok(arrived.map(|length| Arrived {
            length,
            is_cut: header.msg_flags & libc::MSG_TRUNC != 0,
        }))
    }
}

const SEND: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
const RECEIVE: libc::c_int = libc::MSG_DONTWAIT;

#[inline]
fn length(answer: isize) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

#[inline]
fn some(answer: io::Result<usize>) -> io::Result<Option<usize>> {
    match answer {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Linux counts pieces in another type than FreeBSD.
#[inline]
fn count<T: From<u16>>(pieces: usize) -> T {
    u16::try_from(pieces).unwrap_or(u16::MAX).into()
}

#[inline]
fn empty() -> libc::msghdr {
    let header = MaybeUninit::<libc::msghdr>::zeroed();
    // SAFETY: numbers and pointers, for which zero is a value: no name, no pieces, no control data.
    unsafe { header.assume_init() }
}
