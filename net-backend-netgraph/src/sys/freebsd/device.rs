// UNSAFETY: frames may lie in guest memory, for which there is no safe writev(2) and readv(2); kevent(2) registers a
// descriptor by number.
#![expect(
    unsafe_code,
    reason = "vectored I/O on memory that is known only by address, and kevent"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::Duration;

use net_backend_core::frame_io::Attachment;
use net_backend_core::{
    Activation, BorrowedDescriptor, Interest, QueuePair, RxSlice, Source, TxSlice,
};
use rustix::event::kqueue::{Event, EventFilter, EventFlags, kevent, kqueue};
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::rights;
use crate::gate::{Buffers, Data, LONGEST_OF_DEVICE};
use crate::sys::link::{self, Port};

/// More frames than the queue holds (`ifqmaxlen`), so that emptying it comes to an end also under load.
const QUEUE_BOUND: usize = 1 << 16;

/// A device of ng_device(4).
#[derive(Debug)]
pub(super) struct Device(pub(super) OwnedFd);

impl Device {
    /// Whether it may be one, and makes it non-blocking, which it is for all who share it.
    ///
    /// # Errors
    ///
    /// `ENOTTY` when it is something else; what `fcntl(2)` said.
    pub(super) fn check(&self) -> io::Result<()> {
        let kind = FileType::from_raw_mode(fstat(&self.0)?.st_mode);
        if kind != FileType::CharacterDevice {
            return Err(io::Error::from_raw_os_error(libc::ENOTTY));
        }
        let flags = fcntl_getfl(&self.0)?;
        if !flags.contains(OFlags::NONBLOCK) {
            fcntl_setfl(&self.0, flags | OFlags::NONBLOCK)?;
        }
        self.check_waiting()
    }

    /// Kernels from before October 2025 wake nobody who waits for it, and refuse to be asked to by kqueue(2).
    fn check_waiting(&self) -> io::Result<()> {
        let filter = EventFilter::Read(self.0.as_raw_fd());
        let change = [Event::new(filter, EventFlags::ADD, null_mut())];
        let nothing: &mut [Event] = &mut [];
        let queue = kqueue()?;
        // SAFETY: the descriptor is open now, and the queue is closed before it; no event's user data is ever looked at.
        match unsafe { kevent(&queue, &change, nothing, Some(Duration::ZERO)) } {
            Err(Errno::NODEV | Errno::INVAL | Errno::OPNOTSUPP) => {
                Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
            }
            added => Ok(added.map(drop)?),
        }
    }

    fn end(&self, interest: Interest) -> io::Result<End> {
        let device = fcntl_dupfd_cloexec(&self.0, 3)?;
        Ok(End { device, interest })
    }
}

impl Data for Device {
    /// A device has its node.
    fn connect(&self, _: &str) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::EISCONN))
    }

    /// Its queue is not counted in bytes.
    fn set_buffers(&self, _: usize, _: usize) -> io::Result<Buffers> {
        Ok(Buffers {
            send: LONGEST_OF_DEVICE,
            receive: usize::MAX,
        })
    }

    /// It has one hook.
    fn send_by(&self, _: &str, _: &[u8]) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
    }

    fn receive_from(&self, _: &mut [u8]) -> io::Result<(usize, String)> {
        Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
    }

    fn drain(&self) {
        let mut byte = [0];
        for _ in 0..QUEUE_BOUND {
            if matches!(rustix::io::read(&self.0, &mut byte), Err(error) if error != Errno::INTR) {
                return;
            }
        }
    }

    fn limit(&self) -> io::Result<()> {
        rights::limit_device(self.0.as_fd())
    }

    fn pair(
        &self,
        with: &Activation,
        patience: Duration,
        attachment: &Arc<Attachment>,
    ) -> io::Result<QueuePair> {
        let rx = self.end(Interest::Readable)?;
        let tx = self.end(Interest::Writable)?;
        Ok(link::pair(rx, tx, with, patience, attachment))
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }
}

/// One half's descriptor of a device.
struct End {
    device: OwnedFd,
    interest: Interest,
}

impl Port for End {
    const IS_DEVICE: bool = true;

    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        let count = pieces(frame.len());
        // SAFETY: the descriptor is open; `count` iovecs lie at the address (TxSlice is transparent over iovec), each
        // readable for its length (constructor of TxSlice).
        let written =
            unsafe { libc::writev(self.device.as_raw_fd(), frame.as_ptr().cast(), count) };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    /// Empty frames are passed over.
    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        let count = pieces(into.len());
        loop {
            // SAFETY: the descriptor is open; `count` iovecs lie at the address (RxSlice is transparent over iovec), each
            // writable for its length and borrowed exclusively (constructor of RxSlice).
            let length =
                unsafe { libc::readv(self.device.as_raw_fd(), into.as_ptr().cast(), count) };
            match usize::try_from(length) {
                Ok(0) => {}
                Ok(length) => return Ok(length),
                Err(_) => return Err(io::Error::last_os_error()),
            }
        }
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.device.as_fd(),
            interest: self.interest,
        }
    }
}

/// Beyond `IOV_MAX` the kernel refuses; a count that does not fit is far beyond.
fn pieces(count: usize) -> libc::c_int {
    libc::c_int::try_from(count).unwrap_or(libc::c_int::MAX)
}
