//! What the suite needs from the operating system to wait like a VMM does.
//!
//! Each of `unix` and `unsupported` supplies `ready`, `closes_on_exec` and `open_descriptors`; each of `epoll`, `kqueue`
//! and `no_edge` supplies `Edge` and `Level`; each of the `sandbox` ones supplies `enter_sandbox`.

#[cfg(not(unix))]
#[path = "unsupported.rs"]
mod imp;
#[cfg(unix)]
#[path = "unix.rs"]
mod imp;

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "epoll.rs"]
mod edge;
#[cfg(any(
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_vendor = "apple"
))]
#[path = "kqueue.rs"]
mod edge;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    target_vendor = "apple"
)))]
#[path = "no_edge.rs"]
mod edge;

#[cfg(target_os = "freebsd")]
#[path = "sandbox_freebsd.rs"]
mod sandbox;
#[cfg(target_os = "linux")]
#[path = "sandbox_linux.rs"]
mod sandbox;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
#[path = "sandbox_none.rs"]
mod sandbox;

pub use edge::Edge;
pub(super) use edge::Level;
pub(super) use imp::open_descriptors;
pub use imp::{closes_on_exec, ready};
pub(super) use sandbox::enter_sandbox;
