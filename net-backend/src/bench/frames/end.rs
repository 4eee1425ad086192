//! A far end that is a backend itself.

use std::fmt;

use super::super::case::Outcome;
use super::nic::NicPath;
use super::{FarEnd, Opened, Path, Shape};
use crate::NetBackend;

/// A far end that is a backend itself: the other end of a pair, of a socket, another port of a switch.
pub struct BackendEnd(NicPath);

impl BackendEnd {
    /// Activates `backend` for frames of this shape.
    ///
    /// # Errors
    ///
    /// What activation says; an [`Unavailable`](super::super::Unavailable) if the backend cannot do it.
    pub fn new(backend: Box<dyn NetBackend>, shape: Shape) -> Outcome<Self> {
        Ok(Self(Opened::echo(backend).activate(shape)?))
    }
}

impl fmt::Debug for BackendEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FarEnd for BackendEnd {
    fn send(&mut self, count: usize) -> Outcome<usize> {
        self.0.send(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        self.0.receive(usize::MAX)
    }
}
