//! netmap as a backend: ports of NICs, VALE switches, pipes and monitors, on Linux and FreeBSD.

mod abi;
mod config;
mod gate;
mod name;
mod sys;

pub use config::{NetmapConfig, VirtioHeader};
pub use name::{Directions, Monitor, Pipe, PortKind, PortName, Rings};
