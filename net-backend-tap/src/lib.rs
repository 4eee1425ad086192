//! Tap devices as a backend: `tap:NAME`.
//!
//! | System | Devices | Opening needs |
//! |---|---|---|
//! | Linux | tap by name, macvtap and ipvtap by device path, descriptors that somebody else opened | `CAP_NET_ADMIN`, or a persistent tap owned by the user |
//! | FreeBSD | tap and vmnet by name, descriptors | root, or `net.link.tap.user_open` and permission on the device |
//!
//! On Linux a tap has several queues, carries the virtio-net header in front of each frame and takes and gives
//! super-frames; on FreeBSD it has one queue. Opening needs privilege; activation and everything after it do not.
//!
//! ```no_run
//! use net_backend_core::{Activation, Environment, Nic, Registry};
//!
//! # fn main() -> net_backend_core::Result<()> {
//! let registry = Registry::new([&net_backend_tap::DRIVER]);
//! let backend = registry.open("tap:tap0", &Environment::default())?;
//! let mut nic = Nic::activate(backend, &Activation::plain())?;
//! let _ = nic.send(&[0xff; 60])?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod config;
mod sys;

#[cfg(feature = "testing")]
pub mod testing;

pub use backend::{DRIVER, Tap};
pub use config::{TapConfig, TapTarget};
