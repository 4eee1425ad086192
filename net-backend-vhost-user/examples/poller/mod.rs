//! epoll, for sources that are watched only at times.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use net_backend::{Interest, Source};
use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::EventFd;

/// When epoll tells of a source of the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// While it is ready.
    Level,
    /// When it becomes ready.
    Edge,
}

/// An epoll descriptor, and what is watched.
pub(crate) struct Poller {
    epoll: Epoll,
    trigger: Trigger,
    watched: Vec<u64>,
}

impl Poller {
    pub(crate) fn new(trigger: Trigger) -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new()?,
            trigger,
            watched: vec![],
        })
    }

    /// Watches an eventfd.
    pub(crate) fn watch_event(&self, event: &EventFd, token: u64) -> io::Result<()> {
        let (descriptor, readable) = (event.as_raw_fd(), EventSet::IN);
        self.change(ControlOperation::Add, descriptor, readable, token)
    }

    /// Watches a source, or does not. What is edge-triggered wakes nobody again and again: it is watched on, which spares
    /// the system calls.
    pub(crate) fn watch(
        &mut self,
        source: Source<'_>,
        token: u64,
        is_wanted: bool,
    ) -> io::Result<()> {
        let is_watched = self.watched.contains(&token);
        if is_watched == is_wanted || (is_watched && self.trigger == Trigger::Edge) {
            return Ok(());
        }
        let mut events = match source.interest {
            Interest::Readable => EventSet::IN,
            Interest::Writable => EventSet::OUT,
        };
        if self.trigger == Trigger::Edge {
            events |= EventSet::EDGE_TRIGGERED;
        }
        let operation = match is_wanted {
            true => ControlOperation::Add,
            false => ControlOperation::Delete,
        };
        self.change(operation, source.descriptor.as_raw_fd(), events, token)?;
        self.watched.retain(|it| *it != token);
        self.watched.extend(is_wanted.then_some(token));
        Ok(())
    }

    /// The tokens of what is ready. Waits for one, but no longer than `timeout`.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
    ) -> io::Result<impl Iterator<Item = u64> + use<>> {
        // Up to the next millisecond, or the wait ends before the time has come.
        let milliseconds = timeout.map_or(-1, |it| {
            i32::try_from(it.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
        });
        let mut events = [EpollEvent::default(); 8];
        let count = match self.epoll.wait(milliseconds, &mut events) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            count => count?,
        };
        Ok(events.into_iter().take(count).map(|event| event.data()))
    }

    fn change(
        &self,
        operation: ControlOperation,
        descriptor: RawFd,
        events: EventSet,
        token: u64,
    ) -> io::Result<()> {
        self.epoll
            .ctl(operation, descriptor, EpollEvent::new(events, token))
    }
}
