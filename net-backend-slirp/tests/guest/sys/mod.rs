//! What a test process is given for itself alone, where the operating system has such things.
//!
//! Each of `linux` and `elsewhere` supplies `shadow`.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod imp;
#[cfg(not(target_os = "linux"))]
#[path = "elsewhere.rs"]
mod imp;

pub(crate) use imp::shadow;
