use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use net_backend_core::{BorrowedDescriptor, Interest};
use rustix::event::{Timespec, epoll};
use rustix::io::retry_on_intr;

use crate::sys::READY_AT_ONCE;

/// Several descriptors in one, which is ready while one of them is: an epoll set, level-triggered.
#[derive(Debug)]
pub(crate) struct PollSet(OwnedFd);

impl PollSet {
    /// A set of descriptors, all waited for in the same direction. They must stay open while it is used.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) and epoll_ctl(2) say: too many open files, memory or `max_user_watches` used up, `EPERM`
    /// for what cannot be waited for.
    pub(crate) fn new(
        descriptors: &[BorrowedDescriptor<'_>],
        interest: Interest,
    ) -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let events = match interest {
            Interest::Readable => epoll::EventFlags::IN,
            Interest::Writable => epoll::EventFlags::OUT,
        };
        for descriptor in descriptors {
            epoll::add(&set, descriptor, epoll::EventData::new_u64(0), events)?;
        }
        Ok(Self(set))
    }

    /// Readable while one of the descriptors is ready, whatever they are waited for. Waiting for it asks those of them
    /// that may be ready, which synchronises their rings, as far as the first that is.
    pub(crate) fn source(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }

    /// Asks every descriptor that may be ready, which synchronises its rings, and tells whether one is. When none is, a
    /// wait for the set sleeps until one becomes so. Does not block.
    ///
    /// # Errors
    ///
    /// What epoll_wait(2) says; never `EINTR`.
    pub(crate) fn settle(&self) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); READY_AT_ONCE];
        let is_ready = retry_on_intr(|| {
            let (ready, _) = epoll::wait(&self.0, &mut buffer, Some(&NOW))?;
            Ok(!ready.is_empty())
        })?;
        Ok(is_ready)
    }
}

const NOW: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};
