//! What differs by operating system, and the only `unsafe` code of this crate.
//!
//! - `link`: the halves of queue pairs, and what their errors mean; `socket`: frames over sockets;
//! - [`SystemKernel`]: FreeBSD's netgraph; elsewhere there is none;
//! - `is_of_sandbox`: whether an errno says that Capsicum forbids the call.

#[cfg(any(target_os = "freebsd", test, feature = "testing"))]
pub(crate) mod inherited;
#[cfg(any(target_os = "freebsd", test, feature = "testing"))]
pub(crate) mod link;
#[cfg(any(target_os = "freebsd", test, feature = "testing"))]
pub(crate) mod socket;

#[cfg(target_os = "freebsd")]
#[path = "freebsd/mod.rs"]
mod imp;
#[cfg(not(target_os = "freebsd"))]
#[path = "unsupported.rs"]
mod imp;

pub(crate) use imp::SystemKernel;
#[cfg(any(target_os = "freebsd", test, feature = "testing"))]
pub(crate) use imp::is_of_sandbox;
