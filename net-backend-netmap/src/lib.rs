//! netmap as a backend: ports of NICs, VALE switches, pipes and monitors, on Linux and FreeBSD.

mod abi;
mod config;
pub mod control;
mod gate;
mod name;
mod remedies;
mod sys;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use config::{NetmapConfig, VirtioHeader};
pub use name::{Directions, Monitor, Pipe, PortKind, PortName, Rings};
