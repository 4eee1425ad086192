use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{CreateFlags, Event, EventData, EventFlags, add, create, wait};
use rustix::io::Errno;

use crate::{Interest, Source};

/// An edge-triggered wait for one source, as by epoll with `EPOLLET`.
#[derive(Debug)]
pub struct Edge(OwnedFd);

impl Edge {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) and epoll_ctl(2) say.
    pub fn new(source: Source<'_>) -> io::Result<Self> {
        let interest = match source.interest {
            Interest::Readable => EventFlags::IN,
            Interest::Writable => EventFlags::OUT,
        };
        let epoll = create(CreateFlags::CLOEXEC)?;
        let data = EventData::new_u64(0);
        add(&epoll, source.descriptor, data, interest | EventFlags::ET)?;
        Ok(Self(epoll))
    }

    /// Waits for an edge; returns whether there was one before the time was over.
    ///
    /// # Errors
    ///
    /// What epoll_wait(2) says.
    pub fn wait(&self, timeout: Duration) -> io::Result<bool> {
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
