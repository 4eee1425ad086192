use std::io;
use std::time::Duration;

use crate::Source;

/// An edge-triggered wait that cannot be made on this operating system.
#[derive(Debug)]
pub struct Edge(std::convert::Infallible);

impl Edge {
    /// Fails: this operating system has no edge-triggered wait.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`], always.
    pub fn new(_: Source<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Waits for an edge.
    ///
    /// # Errors
    ///
    /// None, since there is no such value.
    pub fn wait(&self, _: Duration) -> io::Result<bool> {
        match self.0 {}
    }
}

/// A level-triggered wait that cannot stay registered on this operating system.
#[derive(Debug)]
pub(in crate::testing) struct Level(std::convert::Infallible);

impl Level {
    pub(in crate::testing) fn new(_: Source<'_>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in crate::testing) fn wait(&self, _: Duration) -> io::Result<bool> {
        match self.0 {}
    }
}
