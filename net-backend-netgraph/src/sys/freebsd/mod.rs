//! FreeBSD: netgraph(4).
//!
//! `kernel` makes sockets and opens devices, `control` and `data` are the two kinds of sockets, `device` is ng_device(4);
//! `address` is what they are named by, `rights` what Capsicum leaves them.

mod address;
mod control;
mod data;
mod device;
mod kernel;
mod rights;

pub(crate) use kernel::SystemKernel;

/// Whether an errno says that Capsicum forbids the call.
pub(crate) fn is_of_sandbox(errno: i32) -> bool {
    matches!(errno, libc::ENOTCAPABLE | libc::ECAPMODE)
}
