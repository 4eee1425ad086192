// UNSAFETY: the requests of taps and of interfaces exist only as ioctl(2).
#![expect(unsafe_code, reason = "ioctl(2) takes its argument by address")]

use std::ffi::{c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::numbers;
use crate::sys::interface_request::InterfaceRequest;

/// `struct tuninfo` (sys/net/if_tun.h).
#[repr(C)]
#[derive(Default)]
struct Info {
    baud_rate: c_int,
    mtu: u16,
    kind: u8,
    dummy: u8,
}

const _: () = {
    assert!(size_of::<Info>() == 8);
    assert!(std::mem::offset_of!(Info, mtu) == 4);
    assert!(std::mem::offset_of!(Info, kind) == 6);
};

/// `IFT_ETHER` (sys/net/if_types.h), the type of taps; a tun has `IFT_PPP`.
const ETHERNET: u8 = 6;

/// `TAPGIFNAME`: name of the interface; fails for everything but a tun or tap.
pub(super) fn name(tap: BorrowedFd<'_>) -> io::Result<String> {
    let mut request = InterfaceRequest::new("");
    interface(tap, numbers::TAPGIFNAME, &mut request)?;
    Ok(request.name())
}

/// `TAPGIFINFO`: whether it carries Ethernet frames, as a tap does and a tun does not.
pub(super) fn is_ethernet(tap: BorrowedFd<'_>) -> io::Result<bool> {
    let mut info = Info::default();
    let argument = std::ptr::from_mut(&mut info);
    // SAFETY: the descriptor is open while borrowed; the request writes one struct tuninfo at the address, which
    // Info is in size and layout (asserted above).
    result(unsafe { libc::ioctl(tap.as_raw_fd(), numbers::TAPGIFINFO, argument) })?;
    Ok(info.kind == ETHERNET)
}

/// `TAPSVNETHDR`.
pub(super) fn set_header_length(tap: BorrowedFd<'_>, mut bytes: c_int) -> io::Result<()> {
    number(tap, numbers::TAPSVNETHDR, &mut bytes)
}

/// `TAPGVNETHDR`.
pub(super) fn header_length(tap: BorrowedFd<'_>) -> io::Result<c_int> {
    let mut bytes = 0;
    number(tap, numbers::TAPGVNETHDR, &mut bytes)?;
    Ok(bytes)
}

/// `TAPSTRANSIENT`: whether the device goes with its last user.
pub(super) fn set_transient(tap: BorrowedFd<'_>, transient: bool) -> io::Result<()> {
    number(tap, numbers::TAPSTRANSIENT, &mut c_int::from(transient))
}

/// `VMIO_SIOCSIFFLAGS`: brings the interface up, with those of `flags` that fit into 12 bits and no others.
pub(super) fn bring_up(tap: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    let flags = c_ulong::from(flags & 0xfff);
    // SAFETY: the descriptor is open while borrowed; the request takes the argument itself, not an address.
    result(unsafe { libc::ioctl(tap.as_raw_fd(), numbers::VMIO_SIOCSIFFLAGS, flags) })
}

/// A request with a `struct ifreq`, to a tap or, about interfaces, to any socket.
pub(super) fn interface(
    descriptor: BorrowedFd<'_>,
    number: c_ulong,
    request: &mut InterfaceRequest,
) -> io::Result<()> {
    let argument = std::ptr::from_mut(request);
    // SAFETY: the descriptor is open while borrowed; the kernel reads and writes one struct ifreq, which
    // InterfaceRequest is in size and alignment (asserted there), and any bytes are valid in it.
    result(unsafe { libc::ioctl(descriptor.as_raw_fd(), number, argument) })
}

fn number(tap: BorrowedFd<'_>, number: c_ulong, value: &mut c_int) -> io::Result<()> {
    let argument = std::ptr::from_mut(value);
    // SAFETY: the descriptor is open while borrowed; these requests read or write one int at the address.
    result(unsafe { libc::ioctl(tap.as_raw_fd(), number, argument) })
}

fn result(status: c_int) -> io::Result<()> {
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
