use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{CreateFlags, Event, EventData, EventFlags, add, create, wait};
use rustix::io::Errno;

use crate::{Interest, Source};

/// An edge-triggered wait for one source, as by epoll with `EPOLLET`.
#[derive(Debug)]
pub struct Edge(Registration);

impl Edge {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) and epoll_ctl(2) say.
    pub fn new(source: Source<'_>) -> io::Result<Self> {
        Registration::new(source, EventFlags::ET).map(Self)
    }

    /// Waits for an edge; returns whether there was one before the time was over.
    ///
    /// # Errors
    ///
    /// What epoll_wait(2) says.
    pub fn wait(&self, timeout: Duration) -> io::Result<bool> {
        self.0.wait(timeout)
    }
}

/// A level-triggered wait for one source that stays registered, as by epoll.
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
        let interest = match source.interest {
            Interest::Readable => EventFlags::IN,
            Interest::Writable => EventFlags::OUT,
        };
        let epoll = create(CreateFlags::CLOEXEC)?;
        let data = EventData::new_u64(0);
        add(&epoll, source.descriptor, data, interest | trigger)?;
        Ok(Self(epoll))
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left: Timespec = left.try_into().map_err(io::Error::other)?;
            let mut events = [Event {
                flags: EventFlags::empty(),
                data: EventData::new_u64(0),
            }];
            match wait(&self.0, &mut events, Some(&left)) {
                Ok(count) => return Ok(count != 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
