// UNSAFETY: a descriptor that another program passed is known only by its number.
#![expect(unsafe_code, reason = "a descriptor is borrowed by number")]

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::{Errno, fcntl_dupfd_cloexec};

/// A duplicate of descriptor `number`.
///
/// # Errors
///
/// [`Errno::BADF`] when it is not open, and what else the system says.
pub(crate) fn duplicate(number: i32) -> Result<OwnedFd, Errno> {
    if number < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the number is not -1, and the borrow ends in this function; should the descriptor not be open, or be
    // closed meanwhile, the one call on it fails or duplicates whatever has that number, and touches no memory.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_dupfd_cloexec(descriptor, 3)
}
