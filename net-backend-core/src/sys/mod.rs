//! What differs by operating system, and the only `unsafe` code of this crate.
//!
//! Each of `unix` and `other` supplies:
//!
//! - `Iovec`: the scatter-gather element that the OS takes,
//! - `BorrowedDescriptor`, `OwnedDescriptor`: what one waits on,
//! - `Bell`: a [`Doorbell`](crate::wake::Doorbell) with a descriptor that is readable while it rings.

mod slices;
#[cfg(feature = "vm-memory")]
mod volatile;

#[cfg(unix)]
#[path = "unix.rs"]
mod imp;
#[cfg(not(unix))]
#[path = "other.rs"]
mod imp;

pub use imp::{Bell, BorrowedDescriptor, OwnedDescriptor};
pub use slices::{RxSlice, TxSlice, gather, scatter, total_length};
#[cfg(feature = "vm-memory")]
pub use volatile::{GuestBuffers, GuestFrame};
