//! A port driven by hand, and settings of the kernel. Each of `linux`, `freebsd` and `unsupported` supplies:
//!
//! - `set_emulated_rings`: gives emulated NICs this many rings, for those that are opened from here on, as far as the
//!   system chooses; tells how many they had.

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod raw_port;

#[cfg(target_os = "freebsd")]
#[path = "freebsd.rs"]
mod imp;
#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod imp;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
#[path = "unsupported.rs"]
mod imp;

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(crate) use imp::RawPort;
pub(crate) use imp::set_emulated_rings;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(crate) use raw_port::RawPort;

/// The frame goes on in the next slot (`NS_MOREFRAG`).
pub(crate) const MORE: u16 = 0x20;
