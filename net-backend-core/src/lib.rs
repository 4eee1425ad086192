//! The contract of `net-backend`: what a virtual machine monitor and a network backend say to each other.
//!
//! A [`NetBackend`] is one NIC's attachment to the host. It is opened from a [`Uri`] by the [`Driver`] of its
//! scheme, stays with the device model, and makes [`QueuePair`]s: a [`TxQueue`] that takes the guest's frames
//! and an [`RxQueue`] that has frames for the guest. Frames are whole, calls do not block, completion is
//! synchronous, readiness is a descriptor to wait on ([`Source`]).
//!
//! This crate names no backend but the ones in memory ([`memory`]), and makes no system calls of its own. To
//! write a backend, implement the traits, export a [`Driver`], and run the suite of the `testing` module (feature
//! `testing`) against it.
//!
//! ```
//! use net_backend_core::{Activation, Nic, memory};
//!
//! # fn main() -> net_backend_core::Result<()> {
//! let (left, right) = memory::pair(&memory::PairConfig::default())?;
//! let mut left = Nic::activate(Box::new(left), &Activation::plain())?;
//! let mut right = Nic::activate(Box::new(right), &Activation::plain())?;
//!
//! let frame = [0x5a; 60];
//! assert_eq!(left.send(&frame)?, net_backend_core::Sent::Queued);
//! let mut buffer = [0; 1514];
//! let received = right.recv(&mut buffer)?.expect("a frame is there");
//! assert_eq!(&buffer[..received.length], &frame);
//! # Ok(())
//! # }
//! ```

mod backend;
mod capabilities;
mod counters;
mod environment;
mod error;
mod features;
pub mod frame_io;
mod header;
pub mod layers;
mod mac;
pub mod memory;
mod mtu;
mod nic;
pub mod offload;
mod port_forwarding;
mod queue;
mod registry;
mod source;
mod sync;
mod sys;
#[cfg(feature = "testing")]
pub mod testing;
mod uri;
pub mod wake;

pub use backend::{Activation, Event, LinkState, NetBackend, check_features};
pub use capabilities::{Capabilities, PeekCost};
pub use counters::{CounterSnapshot, Counters};
pub use environment::{Environment, Spawn, StandardThreads};
pub use error::{Error, ErrorKind, Result};
pub use features::Features;
pub use header::{HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader};
pub use mac::{MacAddr, MacAddrError};
pub use mtu::{FrameLength, Mtu};
pub use nic::Nic;
pub use port_forwarding::{
    Connection, ConnectionDirection, ConnectionProtocol, Forwarding, PortForwarding,
};
pub use queue::{DropReason, QueuePair, Received, RxQueue, Sent, TxQueue};
pub use registry::{AbsentDriver, Driver, Registry, Spelling};
pub use source::{Interest, Source};
pub use sys::{
    Bell, BorrowedDescriptor, OwnedDescriptor, RxSlice, TxSlice, gather, scatter, total_length,
};
#[cfg(feature = "vm-memory")]
pub use sys::{GuestBuffers, GuestFrame};
pub use uri::{ConfigError, ConfigProblem, OptionSpec, OptionValue, Options, Uri};
