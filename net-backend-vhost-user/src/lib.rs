//! Network backends as vhost-user devices.

mod config_space;
mod control;
mod daemon;
mod device;
mod features;
pub mod queue;

pub use daemon::{Daemon, DaemonError};
pub use device::{Device, DeviceOptions, Memory, Vring};
