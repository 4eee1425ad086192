//! What differs by operating system, and the only `unsafe` code of this crate.
//!
//! - [`Region`]: memory shared with a kernel;
//! - [`SystemKernel`]: the netmap kernel behind `/dev/netmap`; [`PassedDescriptors`]: the same, by descriptors that
//!   somebody else opened.
//!
//! Each system with netmap supplies:
//!
//! - `Number`, the type of ioctl numbers, and the numbers `CONTROL`, `TRANSMIT_SYNC` and `RECEIVE_SYNC`,
//! - [`PollSet`]: several descriptors in one,
//! - `limit_mappable`, `limit_mapped` and `limit_source`: what may be done with a descriptor of netmap's from then on.

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod kernel;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod numbers;
#[cfg(test)]
mod poll_set_tests;
mod region;
#[cfg(any(test, feature = "testing"))]
mod region_model;
mod ring_memory;

#[cfg(target_os = "freebsd")]
#[path = "freebsd/mod.rs"]
mod imp;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod imp;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
#[path = "unsupported.rs"]
mod imp;

pub(crate) use imp::PollSet;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(crate) use imp::{PassedDescriptors, SystemKernel};
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(crate) use kernel::{PassedDescriptors, SystemKernel};
pub(crate) use region::Region;
pub(crate) use ring_memory::RingMemory;

/// How many descriptors one look at a [`PollSet`] tells at most.
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
const READY_AT_ONCE: usize = 64;
