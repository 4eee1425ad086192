//! How a process is restricted. A system supplies `enter` and `restrict_thread`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod unsupported;

#[cfg(target_os = "linux")]
use linux as imp;
#[cfg(not(target_os = "linux"))]
use unsupported as imp;

pub(crate) use imp::{enter, restrict_thread};
