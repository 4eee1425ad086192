//! What one side of a queue pair may not be given, done in software.

mod accepted;
mod hold;
mod judge;
mod receive;
mod software;
mod transmit;

pub use accepted::AcceptedOffloads;
pub use hold::HoldNext;
pub use receive::{PeekHeader, soften_receive};
pub use transmit::{NativeTransmit, SOFTWARE_OFFLOADS, offload_transmit};
