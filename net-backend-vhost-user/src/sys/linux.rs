//! The device and its daemon.

#[path = "../config_space.rs"]
pub(crate) mod config_space;
#[path = "../daemon/mod.rs"]
pub(crate) mod daemon;
#[path = "../device/mod.rs"]
pub(crate) mod device;
#[path = "../features.rs"]
pub(crate) mod features;
#[path = "../options.rs"]
pub(crate) mod options;
#[cfg(test)]
#[path = "../queue/tests.rs"]
mod queue_tests;
#[path = "../relay/mod.rs"]
pub(crate) mod relay;
#[path = "../sandbox/mod.rs"]
pub mod sandbox;

pub use daemon::{Daemon, DaemonError, Endpoint, Stop, run};
pub use device::{Device, DeviceOptions, Memory, Vring};

pub(crate) use super::inherited::duplicate;
