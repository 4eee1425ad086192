//! What a model's descriptor is waited on through.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use net_backend_core::BorrowedDescriptor;
use rustix::event::{EventfdFlags, eventfd};

use super::parking::Lock;

/// What a wait would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Nothing,
    /// The user program has seen it.
    There,
    /// The next synchronisation shows it: an interrupt is about to come.
    Coming,
}

impl Level {
    /// Of two rings behind one descriptor: what is seen counts, before what is coming.
    pub(super) fn most(self, other: Self) -> Self {
        match (self, other) {
            (Self::There, _) | (_, Self::There) => Self::There,
            (one, other) => one.max(other),
        }
    }
}

/// Two descriptors: one that is readable when there are frames, one that is writable when there is room.
#[derive(Debug)]
pub(super) struct Readiness {
    receive: Side,
    transmit: Side,
    is_gone: AtomicBool,
}

impl Readiness {
    /// Neither frames nor room.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            receive: Side::new(false)?,
            transmit: Side::new(true)?,
            is_gone: AtomicBool::new(false),
        })
    }

    pub(super) fn receive_source(&self) -> BorrowedDescriptor<'_> {
        self.receive.event.as_fd()
    }

    pub(super) fn transmit_source(&self) -> BorrowedDescriptor<'_> {
        self.transmit.event.as_fd()
    }

    /// A wake-up, as an interrupt makes it: an edge too when the descriptor is ready already.
    pub(super) fn wake(&self, is_receive: bool) {
        self.side(is_receive).raise();
    }

    /// A number that changes with each wake-up. [`settle`](Self::settle) compares it.
    pub(super) fn generation(&self, is_receive: bool) -> u64 {
        self.side(is_receive).generation.load(Ordering::SeqCst)
    }

    /// Makes the level what the rings say. What was found out before another wake-up is not believed.
    pub(super) fn settle(&self, is_receive: bool, level: Level, generation: u64) {
        let side = self.side(is_receive);
        let is_raised = side.is_raised.load(Ordering::SeqCst);
        match level {
            Level::Nothing if is_raised && !self.is_gone.load(Ordering::SeqCst) => {
                side.lower(generation);
            }
            Level::Coming => side.raise(),
            Level::There if !is_raised => side.raise(),
            _ => {}
        }
    }

    /// From here on both are ready, as `POLLERR` makes them.
    pub(super) fn gone(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        self.receive.raise();
        self.transmit.raise();
    }

    fn side(&self, is_receive: bool) -> &Side {
        if is_receive {
            &self.receive
        } else {
            &self.transmit
        }
    }
}

/// The counter of an eventfd that stands at this value takes no more: it is not writable.
const FULL: u64 = u64::MAX - 1;

/// One eventfd.
#[derive(Debug)]
struct Side {
    event: OwnedFd,
    /// Ready is writable, and not readable.
    is_writable: bool,
    is_raised: AtomicBool,
    generation: AtomicU64,
    lock: Lock<()>,
}

impl Side {
    fn new(is_writable: bool) -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let side = Self {
            event,
            is_writable,
            is_raised: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            lock: Lock::new(()),
        };
        if is_writable {
            side.count(FULL);
        }
        Ok(side)
    }

    fn raise(&self) {
        let _lock = self.lock.lock();
        self.generation.fetch_add(1, Ordering::SeqCst);
        if self.is_writable {
            self.clear();
        } else {
            self.count(1);
        }
        self.is_raised.store(true, Ordering::SeqCst);
    }

    fn lower(&self, generation: u64) {
        let _lock = self.lock.lock();
        if self.generation.load(Ordering::SeqCst) != generation {
            return;
        }
        if self.is_writable {
            self.count(FULL);
        } else {
            self.clear();
        }
        self.is_raised.store(false, Ordering::SeqCst);
    }

    fn count(&self, by: u64) {
        let _full = rustix::io::write(&self.event, &by.to_ne_bytes());
    }

    fn clear(&self) {
        let _empty = rustix::io::read(&self.event, &mut [0; 8]);
    }
}
