//! What the backend, its two halves and its thread share.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net_backend_core::wake::Doorbell;
use net_backend_core::{Error, Result};

use crate::ring::Ring;
use crate::sockets::Epoch;
use crate::stack::Stack;
use crate::sys::{EventBell, Poller};

/// A network, while somebody uses it.
pub(crate) struct Network {
    /// `None` once the backend was dropped.
    stack: Mutex<Option<Stack>>,
    pub(crate) poller: Arc<Poller>,
    pub(crate) epoch: Arc<Epoch>,
    pub(crate) ring: Arc<Ring>,
    /// Ends the poll thread.
    pub(crate) alarm: EventBell,
    /// The poll thread is on its way to the lock, and will tell the poller what others changed before.
    pub(crate) thread_is_awake: AtomicBool,
    is_gone: AtomicBool,
    /// For messages.
    name: String,
}

impl Network {
    pub(crate) fn new(
        stack: Stack,
        poller: Arc<Poller>,
        epoch: Arc<Epoch>,
        ring: Arc<Ring>,
        alarm: EventBell,
        name: String,
    ) -> Self {
        Self {
            stack: Mutex::new(Some(stack)),
            poller,
            epoch,
            ring,
            alarm,
            thread_is_awake: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            name,
        }
    }

    /// The stack, for one caller at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when there is none any more.
    pub(crate) fn lock(&self) -> Result<Locked<'_>> {
        let guard = self.stack.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_gone() || guard.is_none() {
            return Err(self.gone());
        }
        Ok(Locked {
            network: self,
            guard: Some(guard),
        })
    }

    /// Whether no frame will ever pass again.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// No frame will ever pass again; whoever waits is woken.
    pub(crate) fn set_gone(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
        self.ring.readable().notify();
        self.ring.writable().notify();
        self.alarm.ring();
    }

    /// Ends libslirp, closes its sockets.
    pub(crate) fn close(&self) {
        self.set_gone();
        let stack = self
            .stack
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(stack);
    }

    pub(crate) fn gone(&self) -> Error {
        Error::Gone {
            object: self.name.clone(),
            cause: io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the backend was dropped, or libslirp or its thread failed",
            ),
        }
    }
}

/// The stack of a network, locked. What came of it for the guest is shown to the receiver in the end.
pub(crate) struct Locked<'n> {
    network: &'n Network,
    /// `None` only while this is dropped.
    guard: Option<MutexGuard<'n, Option<Stack>>>,
}

impl Locked<'_> {
    /// Does something with the stack.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] if a callback of libslirp has panicked.
    pub(crate) fn with<T>(&mut self, work: impl FnOnce(&mut Stack) -> T) -> Result<T> {
        let Some(stack) = stack(&mut self.guard) else {
            return Err(self.network.gone());
        };
        let done = work(stack);
        if stack.instance.has_panicked() {
            self.network.set_gone();
            return Err(self.network.gone());
        }
        Ok(done)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let stack = stack(&mut self.guard);
        let is_published = stack.is_some_and(|stack| stack.hooks().output.producer.publish());
        self.guard = None;
        if is_published {
            self.network.ring.readable().notify();
        }
    }
}

fn stack<'g>(guard: &'g mut Option<MutexGuard<'_, Option<Stack>>>) -> Option<&'g mut Stack> {
    guard.as_mut()?.as_mut()
}
