// UNSAFETY: tokio watches a descriptor by its number, and has to be promised that it stays the same and open.
#![expect(
    unsafe_code,
    reason = "tokio has to be promised what owners of descriptors do"
)]

use std::io;
use std::os::fd::OwnedFd;

use net_backend::{Interest, Source};
use tokio::io::unix::AsyncFd;
use vmm_sys_util::eventfd::EventFd;

/// Watches a source of a backend, by a duplicate: the half of the queue pair is used meanwhile, and may go first.
pub(crate) fn source(source: Source<'_>) -> io::Result<AsyncFd<OwnedFd>> {
    let interest = match source.interest {
        Interest::Readable => tokio::io::Interest::READABLE,
        Interest::Writable => tokio::io::Interest::WRITABLE,
    };
    let owned = source.descriptor.try_clone_to_owned()?;
    // SAFETY: an OwnedFd owns its descriptor, which nobody replaces, and is closed when the AsyncFd is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(owned, interest) }?)
}

/// Watches an eventfd.
pub(crate) fn event(event: EventFd) -> io::Result<AsyncFd<EventFd>> {
    // SAFETY: an EventFd owns its descriptor, which nobody replaces, and is closed when the AsyncFd is dropped.
    Ok(unsafe { AsyncFd::register_with_interest(event, tokio::io::Interest::READABLE) }?)
}
