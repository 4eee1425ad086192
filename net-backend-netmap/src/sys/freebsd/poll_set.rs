// UNSAFETY: a kqueue holds descriptors by number, so kevent's wrapper is unsafe.
#![expect(unsafe_code, reason = "calls kevent")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use net_backend_core::{BorrowedDescriptor, Interest};
use rustix::event::kqueue::{Event, EventFilter, EventFlags, kevent, kqueue};
use rustix::io::{FdFlags, fcntl_setfd, retry_on_intr};

use super::rights;
use crate::sys::READY_AT_ONCE;

/// Several descriptors in one, which is ready when one of them may be: a kqueue, level-triggered.
#[derive(Debug)]
pub(crate) struct PollSet(OwnedFd);

impl PollSet {
    /// A set of descriptors, all waited for in the same direction. They must stay open while it is used.
    ///
    /// # Errors
    ///
    /// What kqueue(2) and kevent(2) say: too many open files, no memory, or whatever the descriptor's driver says that
    /// cannot be waited for; netmap's does so while it is bound to nothing.
    pub(crate) fn new(
        descriptors: &[BorrowedDescriptor<'_>],
        interest: Interest,
    ) -> io::Result<Self> {
        let set = kqueue()?;
        fcntl_setfd(&set, FdFlags::CLOEXEC)?;
        let changes: Vec<Event> = descriptors
            .iter()
            .map(|descriptor| {
                let filter = match interest {
                    Interest::Readable => EventFilter::Read(descriptor.as_raw_fd()),
                    Interest::Writable => EventFilter::Write(descriptor.as_raw_fd()),
                };
                Event::new(filter, EventFlags::ADD, ptr::null_mut())
            })
            .collect();
        let mut nothing: [MaybeUninit<Event>; 0] = [];
        // With no room for events, a change that fails is the error of the call.
        // SAFETY: the descriptors are open while they are borrowed; one that is closed later leaves the set by itself.
        unsafe { kevent(&set, &changes, &mut nothing, None) }?;
        rights::limit_set(set.as_fd())?;
        Ok(Self(set))
    }

    /// Readable when one of the descriptors may be ready, whatever they are waited for. Stays so until
    /// [`settle`](Self::settle) finds that none is: a wait for the set does not ask them, nor synchronise their rings.
    pub(crate) fn source(&self) -> BorrowedDescriptor<'_> {
        self.0.as_fd()
    }

    /// Asks every descriptor that may be ready, which synchronises its rings, and tells whether one is. When none is, a
    /// wait for the set sleeps until one becomes so. Does not block.
    ///
    /// # Errors
    ///
    /// What kevent(2) says; never `EINTR`.
    pub(crate) fn settle(&self) -> io::Result<bool> {
        let mut buffer = [const { MaybeUninit::uninit() }; READY_AT_ONCE];
        let is_ready = retry_on_intr(|| {
            // SAFETY: the call names no descriptor but the set.
            let (ready, _) = unsafe { kevent(&self.0, &[], &mut buffer, Some(Duration::ZERO)) }?;
            Ok(!ready.is_empty())
        })?;
        Ok(is_ready)
    }
}
