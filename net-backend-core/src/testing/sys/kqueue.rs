// UNSAFETY: rustix has kevent(2) as an unsafe function, because it registers a descriptor by number.
#![expect(unsafe_code, reason = "kevent(2) names descriptors by number")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use rustix::event::kqueue::{Event, EventFilter, EventFlags, kevent, kqueue};
use rustix::io::Errno;

use crate::{Interest, Source};

/// An edge-triggered wait for one source, as by kqueue with `EV_CLEAR`.
#[derive(Debug)]
pub struct Edge(Registration);

impl Edge {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// What kqueue(2) and kevent(2) say.
    pub fn new(source: Source<'_>) -> io::Result<Self> {
        Registration::new(source, EventFlags::CLEAR).map(Self)
    }

    /// Waits for an edge; returns whether there was one before the time was over.
    ///
    /// # Errors
    ///
    /// What kevent(2) says.
    pub fn wait(&self, timeout: Duration) -> io::Result<bool> {
        self.0.wait(timeout)
    }
}

/// A level-triggered wait for one source that stays registered, as by kqueue without `EV_CLEAR`.
#[derive(Debug)]
pub(in crate::testing) struct Level(Registration);

impl Level {
    pub(in crate::testing) fn new(source: Source<'_>) -> io::Result<Self> {
        Registration::new(source, EventFlags::empty()).map(Self)
    }

    pub(in crate::testing) fn wait(&self, timeout: Duration) -> io::Result<bool> {
        self.0.wait(timeout)
    }
}

#[derive(Debug)]
struct Registration(OwnedFd);

impl Registration {
    fn new(source: Source<'_>, trigger: EventFlags) -> io::Result<Self> {
        let descriptor = source.descriptor.as_raw_fd();
        let filter = match source.interest {
            Interest::Readable => EventFilter::Read(descriptor),
            Interest::Writable => EventFilter::Write(descriptor),
        };
        let queue = kqueue()?;
        let change = [Event::new(filter, EventFlags::ADD | trigger, null_mut())];
        let nothing: &mut [Event] = &mut [];
        // SAFETY: the descriptor is open now, and the kernel forgets it when it is closed; no event's user
        // data is ever looked at.
        unsafe { kevent(&queue, &change, nothing, Some(Duration::ZERO)) }?;
        Ok(Self(queue))
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut events: Vec<Event> = Vec::with_capacity(1);
            let room = rustix::buffer::spare_capacity(&mut events);
            // SAFETY: nothing is registered by this call, so that no descriptor is named.
            match unsafe { kevent(&self.0, &[], room, Some(left)) } {
                Ok(count) => return Ok(count != 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
