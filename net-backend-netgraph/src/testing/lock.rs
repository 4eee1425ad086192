//! A lock that goes on after a panic of somebody who held it: a test that fails must not fail its neighbours.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex.
#[derive(Debug, Default)]
pub(super) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
