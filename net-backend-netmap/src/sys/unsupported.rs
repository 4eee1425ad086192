//! Systems without netmap.

use std::convert::Infallible;
use std::io;
use std::os::fd::RawFd;

use net_backend_core::{BorrowedDescriptor, Interest};

use crate::gate::{Control, Kernel};

/// There is none.
#[derive(Debug)]
pub(crate) struct SystemKernel;

impl Kernel for SystemKernel {
    fn open(&self) -> io::Result<Box<dyn Control>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// There are none.
#[derive(Debug)]
pub(crate) struct PassedDescriptors(Infallible);

impl PassedDescriptors {
    /// Fails.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`], always.
    pub(crate) fn new(_: &[RawFd]) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Kernel for PassedDescriptors {
    fn open(&self) -> io::Result<Box<dyn Control>> {
        match self.0 {}
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) struct PollSet(Infallible);

impl PollSet {
    /// Fails.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`], always.
    pub(crate) fn new(_: &[BorrowedDescriptor<'_>], _: Interest) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn source(&self) -> BorrowedDescriptor<'_> {
        match self.0 {}
    }

    pub(crate) fn settle(&self) -> io::Result<bool> {
        match self.0 {}
    }
}
