//! What differs by operating system, and the only `unsafe` code of this crate.
//!
//! - [`socket`]: frames and messages over sockets;
//! - [`SystemKernel`]: FreeBSD's netgraph; elsewhere there is none;
//! - [`is_of_sandbox`]: whether an errno says that Capsicum forbids the call.

pub(crate) mod socket;

#[cfg(target_os = "freebsd")]
#[path = "freebsd/mod.rs"]
mod imp;
#[cfg(not(target_os = "freebsd"))]
#[path = "unsupported.rs"]
mod imp;

pub(crate) use imp::{SystemKernel, is_of_sandbox};
