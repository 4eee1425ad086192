// UNSAFETY: the requests of /dev/net/tun and of interfaces exist only as ioctl(2).
#![expect(unsafe_code, reason = "ioctl(2) takes its argument by address")]

use crate::sys::interface_request::InterfaceRequest;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `TUNSETIFF`: makes the interface or attaches to it; gives its name.
pub(super) fn attach(tun: BorrowedFd<'_>, name: &str, flags: libc::c_short) -> io::Result<String> {
    let mut request = InterfaceRequest::new(name).with_flags(flags);
    interface(tun, libc::TUNSETIFF, &mut request)?;
    Ok(request.name())
}

/// `TUNGETIFF`: name and flags of the interface that the descriptor is attached to.
pub(super) fn attached(tun: BorrowedFd<'_>) -> io::Result<(String, libc::c_short)> {
    let mut request = InterfaceRequest::new("");
    interface(tun, libc::TUNGETIFF, &mut request)?;
    Ok((request.name(), request.flags()))
}

/// `TUNSETQUEUE`: takes a queue out of the interface or puts it back.
pub(super) fn set_queue(tun: BorrowedFd<'_>, attached: bool) -> io::Result<()> {
    let flag = if attached {
        libc::IFF_ATTACH_QUEUE
    } else {
        libc::IFF_DETACH_QUEUE
    };
    let flags = libc::c_short::try_from(flag).map_err(io::Error::other)?;
    let mut request = InterfaceRequest::new("").with_flags(flags);
    interface(tun, libc::TUNSETQUEUE, &mut request)
}

/// `TUNSETVNETHDRSZ`.
pub(super) fn set_header_length(tun: BorrowedFd<'_>, mut bytes: libc::c_int) -> io::Result<()> {
    number(tun, libc::TUNSETVNETHDRSZ, &mut bytes)
}

/// `TUNGETVNETHDRSZ`.
pub(super) fn header_length(tun: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    let mut bytes = 0;
    number(tun, libc::TUNGETVNETHDRSZ, &mut bytes)?;
    Ok(bytes)
}

/// `TUNSETVNETLE`: the header is little-endian, also on a big-endian machine.
pub(super) fn set_little_endian(tun: BorrowedFd<'_>) -> io::Result<()> {
    number(tun, libc::TUNSETVNETLE, &mut 1)
}

/// `TUNSETSNDBUF`.
pub(super) fn set_send_buffer(tun: BorrowedFd<'_>, mut bytes: libc::c_int) -> io::Result<()> {
    number(tun, libc::TUNSETSNDBUF, &mut bytes)
}

/// `TUNSETOFFLOAD`: what the reader of the descriptor takes, in `TUN_F_*` bits.
pub(super) fn set_offload(tun: BorrowedFd<'_>, mask: libc::c_uint) -> io::Result<()> {
    by_value(tun, libc::TUNSETOFFLOAD, libc::c_ulong::from(mask))
}

/// `TUNSETPERSIST`.
pub(super) fn set_persist(tun: BorrowedFd<'_>, persist: bool) -> io::Result<()> {
    by_value(tun, libc::TUNSETPERSIST, libc::c_ulong::from(persist))
}

/// A request with a `struct ifreq`, to a tap or, about interfaces, to any socket.
pub(super) fn interface(
    descriptor: BorrowedFd<'_>,
    number: libc::Ioctl,
    request: &mut InterfaceRequest,
) -> io::Result<()> {
    let argument = std::ptr::from_mut(request);
    // SAFETY: the descriptor is open while borrowed; the kernel reads and writes one struct ifreq, which
    // InterfaceRequest is in size and alignment (asserted there), and any bytes are valid in it.
    result(unsafe { libc::ioctl(descriptor.as_raw_fd(), number, argument) })
}

fn number(tun: BorrowedFd<'_>, number: libc::Ioctl, value: &mut libc::c_int) -> io::Result<()> {
    let argument = std::ptr::from_mut(value);
    // SAFETY: the descriptor is open while borrowed; these requests read or write one int at the address.
    result(unsafe { libc::ioctl(tun.as_raw_fd(), number, argument) })
}

fn by_value(tun: BorrowedFd<'_>, number: libc::Ioctl, value: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the descriptor is open while borrowed; these requests take the argument itself, not an address.
    result(unsafe { libc::ioctl(tun.as_raw_fd(), number, value) })
}

fn result(status: libc::c_int) -> io::Result<()> {
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
