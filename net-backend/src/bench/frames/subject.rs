//! What is measured.

use std::fmt;

use super::super::case::{Contestant, Outcome, Role};
use super::{Opened, Path, Shape};

/// What is measured: a name, and a way to open it for frames of one shape. It is opened once for each case, before its first
/// round, and kept until the case is dropped.
pub struct Subject {
    contestant: Contestant,
    open: Box<Open>,
    /// What names of its contenders begin with; nothing where all are.
    beside: Vec<String>,
}

type Open = dyn Fn(Shape) -> Outcome<Box<dyn Path>>;

impl Subject {
    /// A backend. `open` opens it with something at its far end, and does not activate it.
    ///
    /// An [`Unavailable`](super::super::Unavailable) error says that there is nothing to measure for this shape, and is no
    /// failure; neither is a backend that lacks an offload, or whose frames are shorter.
    pub fn backend(
        name: impl Into<String>,
        open: impl Fn(Shape) -> Outcome<Opened> + 'static,
    ) -> Self {
        Self::new(name, Role::Library, move |shape| {
            Ok(Box::new(open(shape)?.activate(shape)?))
        })
    }

    /// Anything else: `open` makes a path for frames of one shape.
    pub fn new(
        name: impl Into<String>,
        role: Role,
        open: impl Fn(Shape) -> Outcome<Box<dyn Path>> + 'static,
    ) -> Self {
        Self {
            contestant: Contestant::new(name, role),
            open: Box::new(open),
            beside: Vec::new(),
        }
    }

    /// Compares it only with those whose names begin like this, or as another call of this says: a bare loop over a tap
    /// says nothing about a network in user mode.
    #[must_use]
    pub fn beside(mut self, beginning: impl Into<String>) -> Self {
        self.beside.push(beginning.into());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.contestant.name
    }

    /// What it is to the library.
    pub fn role(&self) -> Role {
        self.contestant.role
    }

    pub(super) fn contestant(&self) -> Contestant {
        self.contestant.clone()
    }

    pub(super) fn is_beside(&self, other: &str) -> bool {
        let mut beginnings = self.beside.iter();
        self.beside.is_empty() || beginnings.any(|it| other.starts_with(it))
    }

    pub(super) fn open(&self, shape: Shape) -> Outcome<Box<dyn Path>> {
        (self.open)(shape)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subject").field(&self.contestant).finish()
    }
}
