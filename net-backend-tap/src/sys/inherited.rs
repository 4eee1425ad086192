// UNSAFETY: a descriptor that another program passed is known only by its number.
#![expect(unsafe_code, reason = "a descriptor is borrowed by number")]

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;

/// A duplicate of descriptor `number`; `None` when it is not open.
pub(super) fn duplicate(number: i32) -> Option<OwnedFd> {
    if number < 0 {
        return None;
    }
    // SAFETY: the number is not -1, and the borrow ends in this function; should the descriptor not be open, or be
    // closed meanwhile, the one call on it fails or duplicates whatever has that number, and touches no memory.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_dupfd_cloexec(descriptor, 3).ok()
}
