// UNSAFETY: the requests of netmap exist only as ioctl(2), and descriptors that somebody passed are known by number.
#![expect(
    unsafe_code,
    reason = "ioctl(2) takes its argument by address; a descriptor is borrowed by number"
)]

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use net_backend_core::BorrowedDescriptor;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::fcntl_dupfd_cloexec;

use super::{Region, imp};
use crate::abi::{BODY_BYTES, Body, HEADER_BYTES, Header, NAME_BYTES, PortInfo, RequestKind};
use crate::gate::{Control, Kernel};

/// The kernel behind `/dev/netmap`.
#[derive(Debug)]
pub(crate) struct SystemKernel;

impl Kernel for SystemKernel {
    fn open(&self) -> io::Result<Box<dyn Control>> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let descriptor = open("/dev/netmap", flags, Mode::empty())?;
        Ok(Box::new(Device::new(descriptor)?))
    }
}

/// The kernel behind descriptors of `/dev/netmap` that somebody else opened, and bound to nothing.
///
/// Works on duplicates. A duplicate that is bound stays so until all others are closed too, the one that was passed
/// included.
#[derive(Debug)]
pub(crate) struct PassedDescriptors(Mutex<VecDeque<Device>>);

impl PassedDescriptors {
    /// Takes duplicates of the descriptors.
    ///
    /// # Errors
    ///
    /// `EBADF` for a number that is not open, `EBUSY` for a descriptor that is bound to a port, `ENOTTY` or whatever
    /// its driver says for one that is not netmap's.
    pub(crate) fn new(numbers: &[RawFd]) -> io::Result<Self> {
        let devices = numbers.iter().map(|number| Device::passed(*number));
        Ok(Self(Mutex::new(devices.collect::<io::Result<_>>()?)))
    }
}

impl Kernel for PassedDescriptors {
    /// Gives the descriptors one after the other.
    ///
    /// # Errors
    ///
    /// When all are given: an error without a number, that says what to pass.
    fn open(&self) -> io::Result<Box<dyn Control>> {
        let mut devices = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match devices.pop_front() {
            Some(device) => Ok(Box::new(device)),
            None => Err(io::Error::other(
                "too few descriptors are passed; it takes one for each pair of rings, and one more when there are several",
            )),
        }
    }
}

/// A descriptor of `/dev/netmap`, twice.
#[derive(Debug)]
struct Device {
    receive: OwnedFd,
    transmit: OwnedFd,
}

impl Device {
    fn new(receive: OwnedFd) -> io::Result<Self> {
        imp::limit_mappable(receive.as_fd())?;
        let transmit = fcntl_dupfd_cloexec(&receive, 3)?;
        imp::limit_source(transmit.as_fd())?;
        Ok(Self { receive, transmit })
    }

    fn passed(number: RawFd) -> io::Result<Self> {
        if number < 0 {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        // SAFETY: the number is not -1, and the borrow ends with the next line; should the descriptor not be open, or
        // be closed meanwhile, the one call on it fails or duplicates whatever has that number, and touches no memory.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let device = Self::new(fcntl_dupfd_cloexec(descriptor, 3)?)?;
        device.check()?;
        Ok(device)
    }

    /// Whether this is a descriptor of netmap's, bound to nothing.
    fn check(&self) -> io::Result<()> {
        let mut header = Header::new(RequestKind::PortInfoGet, [0; NAME_BYTES]).encode();
        // With no name it is about a memory region; the one with the number 1 always exists.
        self.request(&mut header, &mut PortInfo::default().encode())?;
        // As long as it is bound to nothing, not even a byte can be mapped.
        match Region::map(self.receive.as_fd(), 1) {
            Ok(_) => Err(io::Error::from_raw_os_error(libc::EBUSY)),
            Err(_) => Ok(()),
        }
    }

    fn sync(&self, number: imp::Number) -> io::Result<()> {
        retry(|| {
            let nothing = 0_usize;
            // SAFETY: the descriptor is open; the request takes no argument.
            unsafe { libc::ioctl(self.receive.as_raw_fd(), number, nothing) }
        })
    }
}

impl Control for Device {
    fn request(
        &self,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
    ) -> io::Result<()> {
        let mut request = Request {
            header: *header,
            body: *body,
        };
        let kind = RequestKind::try_from(Header::decode(header).kind);
        let has_body = kind.map_or(true, RequestKind::has_body);
        let result = retry(|| {
            let address = (&raw const request.body).addr() as u64;
            request.set_pointers(if has_body { address } else { 0 });
            let argument = &raw mut request;
            // The address in the header stands for a pointer that is derived from this one.
            argument.expose_provenance();
            // SAFETY: the descriptor is open; the kernel reads and writes a header of HEADER_BYTES at the address, and
            // at the one in there a body of at most BODY_BYTES, or none for requests without; both are in `request`,
            // aligned, which outlives the call, and any bytes are valid in it. The header names no options.
            unsafe { libc::ioctl(self.receive.as_raw_fd(), imp::CONTROL, argument) }
        });
        request.set_pointers(0);
        *header = request.header;
        *body = request.body;
        result
    }

    fn transmit_sync(&self) -> io::Result<()> {
        self.sync(imp::TRANSMIT_SYNC)
    }

    fn receive_sync(&self) -> io::Result<()> {
        self.sync(imp::RECEIVE_SYNC)
    }

    fn map(&self, length: usize) -> io::Result<Arc<Region>> {
        Region::map(self.receive.as_fd(), length)
    }

    fn limit(&self) -> io::Result<()> {
        imp::limit_mapped(self.receive.as_fd())
    }

    fn receive_source(&self) -> BorrowedDescriptor<'_> {
        self.receive.as_fd()
    }

    fn transmit_source(&self) -> BorrowedDescriptor<'_> {
        self.transmit.as_fd()
    }
}

/// What the kernel reads and writes.
#[repr(C, align(8))]
struct Request {
    header: [u8; HEADER_BYTES],
    body: [u8; BODY_BYTES],
}

impl Request {
    /// Sets the address of the body, and that there are no options.
    fn set_pointers(&mut self, body: u64) {
        let mut header = Header::decode(&self.header);
        header.options = 0;
        header.body = body;
        self.header = header.encode();
    }
}

/// Calls again while signals interrupt it.
fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<()> {
    loop {
        if call() >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_is_passed_has_to_be_open_and_netmaps() {
        let refusal = |number| PassedDescriptors::new(&[number]).unwrap_err();
        assert_eq!(refusal(-1).raw_os_error(), Some(libc::EBADF));
        assert_eq!(refusal(RawFd::MAX).raw_os_error(), Some(libc::EBADF));
        let null = File::open("/dev/null").unwrap();
        let refusal = refusal(null.as_raw_fd());
        assert_eq!(refusal.raw_os_error(), Some(libc::ENOTTY));
    }

    #[test]
    fn nothing_passed_is_nothing_to_open() {
        let refusal = PassedDescriptors::new(&[]).unwrap().open().unwrap_err();
        assert!(refusal.to_string().starts_with("too few descriptors"));
    }

    #[test]
    fn pointers_are_filled_in_where_the_kernel_looks() {
        let mut request = Request {
            header: Header::new(RequestKind::ValeList, [0; NAME_BYTES]).encode(),
            body: [0; BODY_BYTES],
        };
        let before = request.header;
        request.set_pointers(0x0102_0304_0506_0708);
        assert_eq!(
            request.header[80..],
            0x0102_0304_0506_0708_u64.to_ne_bytes()
        );
        assert_eq!(request.header[..80], before[..80]);
        request.set_pointers(0);
        assert_eq!(request.header, before);
    }
}
