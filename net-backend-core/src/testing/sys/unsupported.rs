use std::io;
use std::time::Duration;

use crate::{BorrowedDescriptor, Source};

/// Fails: there is nothing to wait with yet.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`], always.
pub fn ready(_: Source<'_>, _: Duration) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Fails: there is nothing to ask yet.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`], always.
pub fn closes_on_exec(_: BorrowedDescriptor<'_>) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

/// How many descriptors are open: nobody knows.
pub(in crate::testing) fn open_descriptors() -> Option<usize> {
    None
}
