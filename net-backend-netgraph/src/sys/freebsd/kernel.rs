// UNSAFETY: netgraph's sockets, modules and system variables are reached by calls that rustix does not have.
#![expect(
    unsafe_code,
    reason = "sockets with addresses, kldload and sysctl are C's"
)]

use std::ffi::{CString, c_char, c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::fs::{Mode, OFlags};
use rustix::net::sockopt;

use super::address::{Address, FAMILY};
use super::control::ControlSocket;
use super::data::DataSocket;
use super::device::Device;
use crate::gate::{Control, Data, Kernel};
use crate::sys::inherited::duplicate;

/// FreeBSD's netgraph.
#[derive(Debug)]
pub(crate) struct SystemKernel;

/// `NG_DATA` and `NG_CONTROL` (sys/netgraph/ng_socket.h).
pub(super) const DATA: c_int = 1;
const CONTROL: c_int = 2;

/// The protocol of a socket (sys/sys/socket.h).
const SO_PROTOCOL: c_int = 0x1016;

const INTEGER: libc::socklen_t = 4;

const _: () = assert!(size_of::<c_int>() == INTEGER as usize);

// SAFETY: as kldload(2) has it (sys/sys/linker.h); the libc crate does not.
unsafe extern "C" {
    fn kldload(file: *const c_char) -> c_int;
}

impl Kernel for SystemKernel {
    fn control(&self) -> io::Result<Box<dyn Control>> {
        Ok(Box::new(ControlSocket(socket(CONTROL)?)))
    }

    fn data(&self) -> io::Result<Box<dyn Data>> {
        Ok(Box::new(DataSocket::new(socket(DATA)?)))
    }

    fn passed_data(&self, number: i32) -> io::Result<Box<dyn Data>> {
        let socket = DataSocket::new(duplicate(number)?);
        socket.check()?;
        Ok(Box::new(socket))
    }

    fn device(&self, path: &str) -> io::Result<Box<dyn Data>> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let device = Device(rustix::fs::open(path, flags, Mode::empty())?);
        device.check()?;
        Ok(Box::new(device))
    }

    fn passed_device(&self, number: i32) -> io::Result<Box<dyn Data>> {
        let device = Device(duplicate(number)?);
        device.check()?;
        Ok(Box::new(device))
    }

    fn load(&self, module: &str) -> io::Result<()> {
        let module = CString::new(module)?;
        // SAFETY: the name ends with a zero and outlives the call.
        match check(unsafe { kldload(module.as_ptr()) }) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
            loaded => loaded,
        }
    }

    fn has_interface(&self, name: &str) -> bool {
        CString::new(name).is_ok_and(|name| {
            // SAFETY: the name ends with a zero and outlives the call.
            unsafe { libc::if_nametoindex(name.as_ptr()) != 0 }
        })
    }

    fn socket_buffer_limit(&self) -> io::Result<u64> {
        let mut limit: c_ulong = 0;
        let mut length = size_of_val(&limit);
        // SAFETY: the name ends with a zero; the value is writable for the length that is told; nothing is set.
        let asked = unsafe {
            libc::sysctlbyname(
                c"kern.ipc.maxsockbuf".as_ptr(),
                (&raw mut limit).cast(),
                &raw mut length,
                ptr::null(),
                0,
            )
        };
        check(asked)?;
        Ok(limit)
    }
}

/// sendto(2), without SIGPIPE.
pub(super) fn send_to(socket: &OwnedFd, path: &str, bytes: &[u8], flags: c_int) -> io::Result<()> {
    let address = Address::of_path(path)?;
    // SAFETY: the descriptor is open; bytes and address are readable for their lengths, and outlive the call.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len(),
            flags | libc::MSG_NOSIGNAL,
            (&raw const address).cast(),
            address.length(),
        )
    };
    match usize::try_from(sent) {
        Ok(_) => Ok(()),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// recvfrom(2), without waiting. The address is empty at the end of everything.
pub(super) fn receive_from(socket: &OwnedFd, into: &mut [u8]) -> io::Result<(usize, String)> {
    let mut from = Address::EMPTY;
    let mut length = Address::ROOM;
    // SAFETY: the descriptor is open; buffer and address are writable for the lengths that are told, and outlive the call;
    // any bytes are an address.
    let received = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            into.as_mut_ptr().cast(),
            into.len(),
            libc::MSG_DONTWAIT,
            (&raw mut from).cast(),
            &raw mut length,
        )
    };
    match usize::try_from(received) {
        Ok(length) => Ok((length, from.text())),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// Sets it unless `bytes` is 0; returns what it is.
pub(super) fn set_send_buffer(socket: &OwnedFd, bytes: usize) -> io::Result<usize> {
    if bytes > 0 {
        sockopt::set_socket_send_buffer_size(socket, bytes)?;
    }
    Ok(sockopt::socket_send_buffer_size(socket)?)
}

/// As [`set_send_buffer`].
pub(super) fn set_receive_buffer(socket: &OwnedFd, bytes: usize) -> io::Result<usize> {
    if bytes > 0 {
        sockopt::set_socket_recv_buffer_size(socket, bytes)?;
    }
    Ok(sockopt::socket_recv_buffer_size(socket)?)
}

/// The protocol of a socket, [`DATA`] for data sockets.
pub(super) fn protocol(socket: &OwnedFd) -> io::Result<c_int> {
    let mut protocol: c_int = 0;
    let mut length = INTEGER;
    // SAFETY: the descriptor is open; the value is writable for the length that is told, and any bits are an integer.
    let asked = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PROTOCOL,
            (&raw mut protocol).cast(),
            &raw mut length,
        )
    };
    check(asked)?;
    Ok(protocol)
}

pub(super) fn check(outcome: c_int) -> io::Result<()> {
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

fn socket(protocol: c_int) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: three numbers.
    let socket = unsafe { libc::socket(FAMILY.into(), kind, protocol) };
    check(socket)?;
    // SAFETY: it was made just now, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}
