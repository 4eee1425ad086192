//! netmap as a backend: ports of NICs, VALE switches, pipes and monitors, on Linux and FreeBSD.

mod abi;
mod attachment;
mod backend;
mod config;
pub mod control;
mod forward;
mod gate;
mod lend;
mod name;
mod persist;
mod port;
mod queues;
mod receive;
mod receive_ring;
mod remedies;
mod request;
mod ring;
mod ring_table;
mod spares;
mod sys;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod transmit;
mod transmit_ring;
mod waiting;

pub use backend::{DRIVER, Netmap};
pub use config::{NetmapConfig, VirtioHeader};
pub use forward::{Forwarded, Stopped};
pub use lend::LentFrame;
pub use name::{Directions, Monitor, Pipe, PortKind, PortName, Rings};
pub use receive::ReceiveQueue;
pub use spares::TakenFrame;
pub use transmit::TransmitQueue;
