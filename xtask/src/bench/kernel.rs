//! TCP of a guest with a real kernel, in a network namespace of its own, behind user-mode networks.
//!
//! The guest's tap is joined to the library's network by the data path of net-backend/examples/pump.rs, or read by another
//! program; servers are on the host's side, in the network of this process.

mod client;
mod entrant;
mod guest;
mod peer;
mod process;
mod rows;

pub(super) use entrant::{Entrant, MTU};
pub(super) use guest::Guest;
pub(super) use process::private_memory;
pub(super) use rows::section;
