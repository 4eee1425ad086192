//! Network backends as vhost-user devices.
//!
//! The program `net-backend-vhost-user` serves a [`Device`] to QEMU, Cloud Hypervisor or crosvm; `--help` tells its options. What it is
//! made of is here for programs that do more: a [`Daemon`] serves a device to the frontends of an [`Endpoint`], one after the other,
//! until a [`Stop`] ends it.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! use net_backend_vhost_user::{Daemon, Device, DeviceOptions, Endpoint, Stop};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let backend = net_backend::open("slirp:")?;
//! let tell = |what: &str| eprintln!("nic0: {what}");
//! let device = Device::new(backend, &DeviceOptions::default(), tell)?;
//! let mut endpoint = Endpoint::listen(Path::new("/run/nic0"))?;
//! Daemon::new(Arc::new(device))?.run(&mut endpoint, &Stop::new()?);
//! # Ok(())
//! # }
//! ```
//!
//! Each queue pair has a thread, and each device one more, which takes connections. A guest cannot do harm: what it puts into its rings
//! is checked, refused and counted. A frontend is trusted with a little more, because it shares memory: one that cuts off the file of
//! that memory while it is in use ends the process (SIGBUS), as with every vhost-user daemon. Whatever it says ends its own connection
//! at most.
//!
//! # Systems
//!
//! vhost-user is for Linux: the crates that it is built on wait with epoll and eventfd. [`queue`], and `testing`, which has the
//! driver's side of it, are for FreeBSD too, where a device model such as bhyve's calls them itself.

pub mod queue;
mod sys;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use sys::*;
