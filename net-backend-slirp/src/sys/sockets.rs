// UNSAFETY: libslirp's sockets are known by number only.
#![expect(unsafe_code, reason = "borrows descriptors that libslirp owns")]

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, connect,
    socket_with, sockopt,
};
use rustix::process::{Resource, getrlimit};

use super::{Events, imp};

/// Where a socket is bound or connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SocketAddress {
    /// An Internet address.
    Ip(SocketAddr),
    /// A socket file; no path for a socket without name.
    Unix(Option<PathBuf>),
}

/// What a socket is bound to; `None` if it is no socket, or of another family. Does not block.
pub(crate) fn local_address(socket: RawFd) -> Option<SocketAddress> {
    socket_address(&rustix::net::getsockname(borrowed(socket)?).ok()?)
}

/// What a socket is connected to; `None` if it is not connected or no socket. Does not block.
pub(crate) fn peer_address(socket: RawFd) -> Option<SocketAddress> {
    socket_address(&rustix::net::getpeername(borrowed(socket)?).ok()??)
}

/// Whether connections are accepted from this socket (`SO_ACCEPTCONN`). Does not block.
pub(crate) fn is_listener(socket: RawFd) -> bool {
    borrowed(socket).is_some_and(|socket| sockopt::socket_acceptconn(socket).unwrap_or(false))
}

/// Changes how many connections may wait at a listener: listen(2) once more. Does not block.
///
/// # Errors
///
/// If it is no socket that can listen.
pub(crate) fn set_backlog(socket: RawFd, backlog: i32) -> io::Result<()> {
    Ok(rustix::net::listen(existing(socket)?, backlog)?)
}

/// Makes calls return that would wait. Does not block.
///
/// # Errors
///
/// If it is no open descriptor.
pub(crate) fn set_nonblocking(socket: RawFd) -> io::Result<()> {
    let socket = existing(socket)?;
    let flags = fcntl_getfl(socket)?;
    Ok(fcntl_setfl(socket, flags | OFlags::NONBLOCK)?)
}

/// Sends a datagram. Does not block, and raises no SIGPIPE.
///
/// # Errors
///
/// What sendto(2) says; `WouldBlock` if there is no room.
pub(crate) fn send_to(socket: RawFd, payload: &[u8], to: SocketAddr) -> io::Result<usize> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    Ok(rustix::net::sendto(existing(socket)?, payload, flags, &to)?)
}

/// Whether somebody listens at the file of a unix socket; a connection that tells is closed at once. Does not block.
///
/// # Errors
///
/// What socket(2) and connect(2) say, but for what answers the question.
pub(crate) fn is_in_use(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN | Errno::INPROGRESS) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// What is ready of a socket, of `wanted` and what is told unasked. Does not block.
pub(crate) fn ready_events(socket: RawFd, wanted: Events) -> Events {
    let Some(socket) = borrowed(socket) else {
        return Events::empty();
    };
    let mut asked = [PollFd::from_borrowed_fd(socket, flags(wanted))];
    // An interruption is as good as nothing ready: the poller tells it later.
    let _count = poll(&mut asked, Some(&Timespec::default()));
    let [answer] = asked;
    happened(answer.revents())
}

/// How many descriptors the process may have: the soft limit of `RLIMIT_NOFILE`.
pub(crate) fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Whether the next `count` descriptors will have numbers below `bound`. Found by opening as many.
pub(crate) fn has_free_descriptors(count: usize, bound: RawFd) -> bool {
    let mut held = Vec::with_capacity(count);
    while held.len() < count {
        match imp::any_descriptor() {
            Ok(descriptor) if descriptor.as_raw_fd() < bound => held.push(descriptor),
            _ => return false,
        }
    }
    true
}

/// Makes a write to a connection that the peer closed an error and not a signal, where a socket can be told.
pub(super) fn refuse_pipe_signals(socket: RawFd) {
    if let Some(socket) = borrowed(socket) {
        imp::refuse_pipe_signals(socket);
    }
}

/// Pairs of what we and what poll(2) call the same.
const NAMES: [(Events, PollFlags); 5] = [
    (Events::IN, PollFlags::IN),
    (Events::OUT, PollFlags::OUT),
    (Events::PRIORITY, PollFlags::PRI),
    (Events::ERROR, PollFlags::ERR),
    (Events::HANG_UP, PollFlags::HUP),
];

fn flags(events: Events) -> PollFlags {
    let wanted = NAMES.iter().filter(|(event, _)| events.contains(*event));
    wanted.fold(PollFlags::empty(), |all, (_, flag)| all | *flag)
}

fn happened(flags: PollFlags) -> Events {
    let set = NAMES.iter().filter(|(_, flag)| flags.contains(*flag));
    set.fold(Events::empty(), |all, (event, _)| all | *event)
}

fn existing(socket: RawFd) -> io::Result<BorrowedFd<'static>> {
    borrowed(socket).ok_or_else(|| Errno::BADF.into())
}

/// `None` for the numbers that no descriptor has.
pub(super) fn borrowed(descriptor: RawFd) -> Option<BorrowedFd<'static>> {
    if descriptor < 0 {
        return None;
    }
    // SAFETY: the number is not -1. It is used for one system call, during which libslirp does not run, so that the
    // socket it had registered is open; and a number that is not open is an error of that call.
    Some(unsafe { BorrowedFd::borrow_raw(descriptor) })
}

fn socket_address(address: &SocketAddrAny) -> Option<SocketAddress> {
    match address.address_family() {
        AddressFamily::UNIX => {
            let address = SocketAddrUnix::try_from(address.clone()).ok()?;
            let path = address.path_bytes().map(OsStr::from_bytes);
            Some(SocketAddress::Unix(path.map(PathBuf::from)))
        }
        _ => SocketAddr::try_from(address.clone())
            .ok()
            .map(SocketAddress::Ip),
    }
}
