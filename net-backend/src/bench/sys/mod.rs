//! The CPUs that a thread may use.

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
mod affinity;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
mod anywhere;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(super) use affinity::{keep_to, usable};
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(super) use anywhere::{keep_to, usable};
