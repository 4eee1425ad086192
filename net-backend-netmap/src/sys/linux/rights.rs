//! Linux has no rights that a descriptor could lose.

use std::io;
use std::os::fd::BorrowedFd;

pub(in crate::sys) fn limit_mappable(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

pub(in crate::sys) fn limit_mapped(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}

pub(in crate::sys) fn limit_source(_: BorrowedFd<'_>) -> io::Result<()> {
    Ok(())
}
