//! What differs by operating system: vhost-user's crates wait with epoll and eventfd, so that all of it but the queues is for
//! Linux only.
//!
//! Each system supplies `run() -> ExitCode`, which is the program. Linux has the device and its daemon besides.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "other.rs"]
mod imp;

#[cfg(target_os = "linux")]
mod inherited;

pub use imp::*;
