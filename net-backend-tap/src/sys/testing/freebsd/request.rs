// UNSAFETY: the requests about interfaces and bpf(4) exist only as ioctl(2).
#![expect(unsafe_code, reason = "ioctl(2) takes its argument by address")]

use std::ffi::{CStr, c_int, c_ulong};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Bytes of a name in a request: `IFNAMSIZ`.
pub(super) const NAME: usize = libc::IFNAMSIZ;
/// Bytes of `struct ifreq` and of an integer.
pub(super) const IFREQ: usize = 32;
pub(super) const INT: usize = 4;

/// sys/sys/sockio.h.
pub(super) const SIOCSIFFLAGS: c_ulong = 0x8020_6910;
pub(super) const SIOCGIFFLAGS: c_ulong = 0xc020_6911;
const SIOCSIFNAME: c_ulong = 0x8020_6928;
pub(super) const SIOCSIFMTU: c_ulong = 0x8020_6934;
pub(super) const SIOCSIFLLADDR: c_ulong = 0x8020_693c;
pub(super) const SIOCIFDESTROY: c_ulong = 0x8020_6979;
pub(super) const SIOCIFCREATE2: c_ulong = 0xc020_697c;
const SIOCSDRVSPEC: c_ulong = 0x8028_697b;

const _: () = {
    assert!(size_of::<libc::ifreq>() == IFREQ);
    assert!(size_of::<c_int>() == INT);
    assert!(size_of::<usize>() == 8);
};

/// What the kernel reads and writes: a structure of the C headers as bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct Argument<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Argument<BYTES> {
    pub(super) fn new() -> Self {
        Self([0; BYTES])
    }

    /// With the name of an interface in front.
    pub(super) fn named(name: &str) -> io::Result<Self> {
        if name.len() >= NAME || name.contains('\0') {
            let message = format!("{name:?} is no name of an interface");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(Self::new().with(0, name.as_bytes()))
    }

    /// With these bytes at an offset; what does not fit is left out.
    #[must_use]
    pub(super) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        for (place, byte) in self.0.iter_mut().skip(at).zip(bytes) {
            *place = *byte;
        }
        self
    }

    pub(super) fn bytes<const COUNT: usize>(&self, at: usize) -> [u8; COUNT] {
        let bytes = self.0.get(at..).and_then(|rest| rest.first_chunk());
        bytes.copied().unwrap_or([0; COUNT])
    }

    pub(super) fn name(&self) -> String {
        let bytes: [u8; NAME] = self.bytes(0);
        let name = bytes.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    /// Asks about an interface.
    pub(super) fn ask(&mut self, number: c_ulong) -> io::Result<()> {
        self.control(socket()?, number)
    }

    /// Asks whatever takes such an argument. For arguments that hold no addresses.
    ///
    /// # Panics
    ///
    /// When the number is that of a request with another argument.
    pub(super) fn control(&mut self, descriptor: impl AsFd, number: c_ulong) -> io::Result<()> {
        assert_eq!((number >> 16) & 0x1fff, BYTES as c_ulong, "{number:#x}");
        let address = self.0.as_mut_ptr();
        let descriptor = descriptor.as_fd().as_raw_fd();
        // SAFETY: the descriptor is open while borrowed; the kernel reads and writes as many bytes as the number says
        // (sys/sys/ioccom.h), which is the length of the argument (asserted above), and any bytes are valid in it.
        check(unsafe { libc::ioctl(descriptor, number, address) })
    }
}

/// A request that a driver has for itself: `struct ifdrv` (sys/net/if.h) about `name`, and what it points to.
pub(super) fn drive<const BYTES: usize>(
    name: &str,
    command: u64,
    argument: &mut Argument<BYTES>,
) -> io::Result<()> {
    const COMMAND: usize = 16;
    const LENGTH: usize = 24;
    const DATA: usize = 32;
    let address = argument.0.as_mut_ptr().expose_provenance();
    let mut drive = Argument::<40>::named(name)?
        .with(COMMAND, &command.to_ne_bytes())
        .with(LENGTH, &BYTES.to_ne_bytes())
        .with(DATA, &address.to_ne_bytes());
    let socket = socket()?;
    // SAFETY: the socket is open; the kernel reads a struct ifdrv, which this is in size, and reads and writes at its
    // address at most the length in it, all of which belongs to `argument`, where any bytes are valid.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCSDRVSPEC, drive.0.as_mut_ptr()) })
}

/// Gives an interface another name, of at most 15 bytes.
pub(super) fn rename(name: &str, wanted: &CStr) -> io::Result<()> {
    let address = wanted.as_ptr().expose_provenance();
    let mut argument = Argument::<IFREQ>::named(name)?.with(NAME, &address.to_ne_bytes());
    let socket = socket()?;
    // SAFETY: the socket is open; the kernel reads a struct ifreq, which this is in size, and at its address bytes up to
    // a zero, with which the name ends.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCSIFNAME, argument.0.as_mut_ptr()) })
}

/// A request that has no argument.
pub(super) fn switch(descriptor: impl AsFd, number: c_ulong) -> io::Result<()> {
    assert_eq!(number >> 29, 1, "{number:#x} has an argument");
    let descriptor = descriptor.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open while borrowed; the number says that there is no argument (asserted above).
    check(unsafe { libc::ioctl(descriptor, number, 0) })
}

/// Through any socket interfaces are named to the kernel.
fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        flags,
        None,
    )?)
}

fn check(outcome: c_int) -> io::Result<()> {
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
