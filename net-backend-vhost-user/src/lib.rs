//! Network backends as vhost-user devices.

mod config_space;
mod daemon;
mod device;
mod features;
pub mod queue;
mod relay;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use daemon::{Daemon, DaemonError, listen};
pub use device::{Device, DeviceOptions, Memory, Vring};
