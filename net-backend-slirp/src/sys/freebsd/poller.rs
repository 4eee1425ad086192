// UNSAFETY: a kqueue holds descriptors by number, so kevent's wrapper is unsafe.
#![expect(unsafe_code, reason = "calls kevent")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

use net_backend_core::BorrowedDescriptor;
use rustix::event::kqueue::{Event, EventFilter, EventFlags, kevent, kqueue};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

use crate::sys::{Events, READY_AT_ONCE, Ready};

/// The set's only timer.
const TIMER: isize = 0;

/// What libslirp waits for: a kqueue with a timer in it.
///
/// One thread may change it while another waits.
#[derive(Debug)]
pub(crate) struct Poller {
    set: OwnedFd,
}

impl Poller {
    /// Makes an empty set.
    ///
    /// # Errors
    ///
    /// What kqueue(2) says, in practice that there are too many open files.
    pub(crate) fn new() -> io::Result<Self> {
        let set = kqueue()?;
        fcntl_setfd(&set, FdFlags::CLOEXEC)?;
        Ok(Self { set })
    }

    /// What is readable while something is ready or the deadline has passed; it can be put into another set. Nobody
    /// but [`wait`](Self::wait) reads it.
    pub(crate) fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.set.as_fd()
    }

    /// All descriptors of the poller's own, which a sandbox must leave open.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        [self.set.as_fd()].into_iter()
    }

    /// Waits for `events` on a descriptor, as long as they last (level-triggered). One that is there already is
    /// changed. Urgent data cannot be waited for apart; it is read with the rest.
    ///
    /// # Errors
    ///
    /// What kevent(2) says: that the number is not open, that there is no memory.
    pub(crate) fn add(&self, descriptor: RawFd, events: Events) -> io::Result<()> {
        let readable = (EventFilter::Read(descriptor), Events::IN);
        let writable = (EventFilter::Write(descriptor), Events::OUT);
        for (filter, event) in [readable, writable] {
            if events.contains(event) {
                self.change(filter, EventFlags::ADD)?;
            } else {
                match self.change(filter, EventFlags::DELETE) {
                    Err(Errno::NOENT) => {}
                    result => result?,
                }
            }
        }
        Ok(())
    }

    /// Changes what a descriptor is waited for. One that is not there, because it was closed meanwhile and its
    /// number is another's, is added.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(crate) fn modify(&self, descriptor: RawFd, events: Events) -> io::Result<()> {
        self.add(descriptor, events)
    }

    /// Waits for a descriptor no longer. One that is not there, or closed, is no error.
    pub(crate) fn remove(&self, descriptor: RawFd) {
        let _absent = self.change(EventFilter::Read(descriptor), EventFlags::DELETE);
        let _absent = self.change(EventFilter::Write(descriptor), EventFlags::DELETE);
    }

    /// Sets when the poller becomes ready although nothing happens, once; a deadline that has passed and was not
    /// reported is forgotten.
    ///
    /// # Errors
    ///
    /// What kevent(2) says, in practice that there is no memory.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        // Removed first, so that an expiry that nobody saw goes too.
        match self.change(timer(Duration::ZERO), EventFlags::DELETE) {
            Err(Errno::NOENT) => {}
            result => result?,
        }
        if let Some(deadline) = deadline {
            let delay = deadline.saturating_duration_since(Instant::now());
            self.change(timer(delay), EventFlags::ADD | EventFlags::ONESHOT)?;
        }
        Ok(())
    }

    /// Waits until something is ready, the deadline passes or `timeout` is over (`None`: without limit); a signal
    /// ends it too. Puts what is ready, each descriptor once and at most 256, in place of what `ready` held. Returns
    /// whether the deadline has passed, which is told once.
    ///
    /// # Errors
    ///
    /// What kevent(2) says; never `EINTR`.
    pub(crate) fn wait(
        &self,
        ready: &mut Vec<Ready>,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        ready.clear();
        let mut buffer = [const { MaybeUninit::uninit() }; READY_AT_ONCE];
        // SAFETY: the call names no descriptor but the set; those in it leave it when they are closed.
        let events = match unsafe { kevent(&self.set, &[], &mut buffer, timeout) } {
            Ok((events, _)) => &*events,
            Err(Errno::INTR) => &[],
            Err(errno) => return Err(errno.into()),
        };
        let mut expired = false;
        for event in events {
            match event.filter() {
                EventFilter::Timer { .. } => expired = true,
                EventFilter::Read(descriptor) => ready.push(found(descriptor, Events::IN, event)),
                EventFilter::Write(descriptor) => ready.push(found(descriptor, Events::OUT, event)),
                _ => {}
            }
        }
        merge(ready);
        Ok(expired)
    }

    /// Makes one change and tells what came of it.
    fn change(&self, filter: EventFilter, action: EventFlags) -> Result<(), Errno> {
        // A receipt is an event with the error of the change, or zero; nothing else is reported.
        let change = Event::new(filter, action | EventFlags::RECEIPT, ptr::null_mut());
        let mut receipt = [MaybeUninit::uninit()];
        // SAFETY: a descriptor in the change that is closed leaves the set by itself, and one that is not open is an
        // error.
        let (receipts, _) = unsafe { kevent(&self.set, &[change], &mut receipt, None) }?;
        match receipts.first().map_or(0, Event::data) {
            0 => Ok(()),
            error => Err(i32::try_from(error).map_or(Errno::INVAL, Errno::from_raw_os_error)),
        }
    }
}

fn timer(delay: Duration) -> EventFilter {
    // Whole milliseconds, at least one: rustix passes a delay on in seconds when its milliseconds are 0. No longer
    // than decades.
    let delay = delay.min(Duration::from_secs(1 << 30));
    let milliseconds = delay.as_nanos().div_ceil(1_000_000).max(1);
    let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
    EventFilter::Timer {
        ident: TIMER,
        timer: Some(Duration::from_millis(milliseconds)),
    }
}

/// The end of a stream, or an error of the socket, comes with the filter that it ends.
fn found(descriptor: RawFd, event: Events, from: &Event) -> Ready {
    let events = match from.flags().contains(EventFlags::EOF) {
        true => event | Events::HANG_UP,
        false => event,
    };
    Ready { descriptor, events }
}

/// Makes one of what the two filters found for the same descriptor.
fn merge(ready: &mut Vec<Ready>) {
    ready.sort_unstable_by_key(|it| it.descriptor);
    ready.dedup_by(|later, kept| {
        let same = later.descriptor == kept.descriptor;
        if same {
            kept.events |= later.events;
        }
        same
    });
}
