//! What tests of a real kernel need from the operating system. Each of `linux`, `freebsd` and `unsupported` supplies:
//!
//! - `is_supported`: whether netmap runs on it;
//! - `add_wire`, `delete` and `forget`: two interfaces with a cable between them.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
mod unsupported;

#[cfg(target_os = "freebsd")]
pub(crate) use freebsd::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(crate) use unsupported::*;
