//! A netgraph kernel in the process, for tests and benchmarks on machines without one.
//!
//! A [`Model`] reads messages as bytes, keeps a graph of nodes and hooks, and lets frames flow through it as netgraph(4)
//! does, with the errors that come back to whoever sent: sockets, bridges, hubs, echoes, holes, interfaces of the host,
//! devices. It is written from the kernel's sources, and shares nothing with [`ng`](crate::ng). Its sockets are real
//! descriptors, so that waiting for them is real. It can do what a kernel should not: fail, lose answers, garble them.

mod ascii;
mod bare;
mod bridge;
mod bridge_messages;
mod connect;
mod control;
mod counts;
mod data;
mod endpoint;
mod far;
mod forms;
mod generic;
mod graph;
mod item;
mod kind;
mod lock;
mod message;
mod model;
mod nic;
mod settings;
mod socket;
#[cfg(test)]
mod tests;

pub use bare::{datagram_pair, datagram_pair_with};
pub use counts::{Call, Counts};
pub use far::Far;
pub use model::Model;
pub use settings::{Mischief, Settings};
