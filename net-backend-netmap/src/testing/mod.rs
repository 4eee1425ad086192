//! A netmap kernel in the process, for tests and benchmarks on machines without one.
//!
//! A [`Model`] reads requests as bytes, lays memory out, and moves frames between ports as netmap(4) does: VALE
//! switches, pipes, interfaces with wires between them, monitors. It checks what a user program does with its rings
//! as strictly as the real one, and can do what a real one should not: fail, be slow, lose ports, write garbage.

mod bare;
mod body;
mod bytes;
mod checks;
mod counts;
mod descriptor;
mod engine;
mod far;
mod lookup;
mod memory;
mod model;
mod monitor;
mod nic;
mod offload;
mod parking;
mod pipe;
mod port;
mod ranges;
mod ready;
mod register;
mod request;
mod ring;
mod settings;
mod state;
mod tamper;
#[cfg(test)]
mod tests;
mod vale;
mod wrap;

pub use bare::Bare;
pub use counts::{Call, Counts};
pub use far::{Far, Received};
pub use model::Model;
pub use ring::Direction;
pub use settings::{Polling, Settings, Spread};
pub use tamper::{Field, Moment, Tamper};
