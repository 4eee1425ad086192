//! Events from one end to the other.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::channel::{bell, readable};
use crate::wake::Wake;
use crate::{Bell, BorrowedDescriptor, Event, Result, Source};

/// Events that wait for somebody to look.
const MOST: usize = 16;

#[derive(Debug)]
pub(super) struct Events {
    queue: Mutex<VecDeque<Event>>,
    wake: Wake<Bell>,
}

impl Events {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            queue: Mutex::default(),
            wake: Wake::new(bell()?),
        })
    }

    /// An end that never looks loses what is old, but for the end itself.
    pub(super) fn push(&self, event: Event) {
        let mut queue = self.queue();
        if queue.len() >= MOST {
            queue.retain(|event| *event == Event::Gone);
        }
        queue.push_back(event);
        drop(queue);
        self.wake.notify();
    }

    pub(super) fn pop(&self) -> Option<Event> {
        let mut queue = self.queue();
        let event = queue.pop_front();
        if event.is_none() {
            self.wake.arm();
        }
        event
    }

    pub(super) fn source(&self) -> Source<'_> {
        readable(&self.wake)
    }

    pub(super) fn descriptors(&self) -> [BorrowedDescriptor<'_>; 2] {
        self.wake.bell().descriptors()
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
