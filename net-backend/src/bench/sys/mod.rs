//! The CPUs that a thread may use.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod affinity;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod anywhere;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use affinity::Set;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use anywhere::Set;
