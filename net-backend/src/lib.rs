//! Network backends for virtual machine monitors: one trait, chosen at run time by a URI.
//!
//! A backend is what stands between a NIC in a guest and the host: a user-mode network, a tap device, a netmap port, a netgraph node. This crate opens
//! the one that a text names, and is all that a VMM depends on: everything of `net-backend-core` is here too.
//!
//! ```
//! # fn main() -> net_backend::Result<()> {
//! let mut nic = net_backend::connect("loopback:")?;       // or slirp:, tap:tap0
//! let frame = [0x5a; 60];
//! assert_eq!(nic.send(&frame)?, net_backend::Sent::Queued);
//!
//! let mut buffer = [0; 1514];
//! while let Some(received) = nic.recv(&mut buffer)? {     // None: wait for nic.queue.rx.source()
//!     assert_eq!(buffer.get(..received.length), Some(&frame[..]));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! That was a NIC of plain frames. A device model [opens](open) the backend when it is made, tells the guest what
//! its [`Capabilities`] are, and [activates](NetBackend::activate) it with what the guest's driver negotiated;
//! the [`QueuePair`]s that this gives go to the threads that move frames, and are dropped when the guest resets
//! the device.
//!
//! What can be opened depends on the cargo features of this crate, [`drivers`] lists it, and
//! `cargo run --example describe -- --list` prints it. A VMM with backends of its own adds them to the
//! [`registry`]. What is written for bhyve or QEMU, `user,hostfwd=tcp::2222-:22`, is translated by [`compat::parse`].
//!
//! Features:
//!
//! - `tap` (default): tap devices of Linux and FreeBSD,
//! - `slirp` (default): user-mode networking with libslirp, which needs no privilege; libslirp is opened when the first
//!   network is, so that building needs none,
//! - `netmap` (default): netmap ports of Linux and FreeBSD, with VALE switches, pipes and monitors,
//! - `netgraph` (default): nodes of FreeBSD's netgraph, with bridges and devices,
//! - `vm-memory`: send and receive frames in guest memory of rust-vmm's `vm-memory`,
//! - `smoltcp`: any backend as a device of the TCP/IP stack smoltcp,
//! - `testing`: the conformance suite, for backends of your own,
//! - `bench`: what `cargo xtask bench` measures with, for backends of your own.

#[cfg(feature = "bench")]
pub mod bench;
pub mod compat;
mod drivers;
mod open;
#[cfg(feature = "smoltcp")]
pub mod smoltcp;

pub use drivers::{drivers, registry};
pub use net_backend_core::*;
#[cfg(feature = "netgraph")]
pub use net_backend_netgraph as netgraph;
#[cfg(feature = "netmap")]
pub use net_backend_netmap as netmap;
#[cfg(feature = "slirp")]
pub use net_backend_slirp as slirp;
#[cfg(feature = "tap")]
pub use net_backend_tap as tap;
pub use open::{connect, connect_with, open, open_in, open_uri};

/// The example of the README, which is compiled and run as every other.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
