//! A client for netgraph's messages: nodes are made, connected, named, asked and removed with it.
//!
//! A [`Client`] is a control socket of ng_socket(4), and with that a node of its own, from which paths begin. This makes
//! a bridge with two links, both to the client's own node, and lists them:
//!
//! ```no_run
//! use net_backend_netgraph::ng::{Address, Client, HookName, Path, bridge};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::open()?;
//! let (first, second) = (HookName::new("first")?, HookName::new("second")?);
//! let link = |number| bridge::Link::Link(number).hook();
//! client.make_peer(&Address::own(), &bridge::TYPE.parse()?, &first, &link(0))?;
//! client.connect(&Address::own(), &Path::from(&first), &second, &link(1))?;
//! for hook in client.hooks(&Address::from(&first))?.hooks {
//!     println!("{} leads to {} of {}", hook.our_hook, hook.peer_hook, hook.peer.id);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What a message says is encoded and decoded by functions that need no kernel: those that every node understands are in
//! [`generic`], those of types in a module each. [`Client::tell`] and [`Client::ask`] send any other.
//!
//! Names and paths are checked before the kernel sees them: it cuts some that are too long, and takes others for
//! something else.
//!
//! Sources: netgraph(4), ng_socket(4), and FreeBSD's `sys/netgraph/ng_message.h`, `ng_base.c` and `ng_socket.c`. Numbers
//! are in the byte order of the machine.

pub mod bridge;
mod client;
mod data;
pub mod device;
pub mod eiface;
mod error;
pub mod ether;
mod fields;
pub mod flow;
pub mod generic;
pub mod hub;
mod message;
mod names;
mod remedies;
pub mod socket;
#[cfg(test)]
mod tests;

pub use client::{Client, Unsolicited};
pub use data::DataSocket;
pub use error::Error;
pub use flow::{FlowEvent, Signal};
pub use generic::{AsciiMessage, BinaryMessage, HookInfo, HookList, NodeInfo, TypeInfo};
pub use message::{
    COMMAND_TEXT_BYTES, Command, HEADER_BYTES, Header, MalformedMessage, Message, RESPONSE, VERSION,
};
pub use names::{
    Address, HookName, LONGEST_ADDRESS, NAME_BYTES, NameError, NodeId, NodeName, PATH_BYTES, Path,
    TypeName,
};
