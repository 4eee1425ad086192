//! The conformance suite: what every backend has to do, tried out with a peer at its far end.
//!
//! A frame counts as sent when the peer saw it. A backend crate describes how to open its backend and what the
//! far end can do in a [`Rig`], and calls [`main`] from a test without harness, `tests/conformance.rs`:
//!
//! ```toml
//! [[test]]
//! name = "conformance"
//! harness = false
//! ```
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use net_backend_core::memory::{PairConfig, pair};
//! use net_backend_core::testing::{self, BackendPeer, Failure, Opened, Rig, RigTraits};
//!
//! struct Pair;
//!
//! impl Rig for Pair {
//!     fn name(&self) -> &str {
//!         "pair"
//!     }
//!
//!     fn traits(&self) -> RigTraits {
//!         RigTraits { fills: true, ..RigTraits::default() }
//!     }
//!
//!     fn open(&self) -> Result<Opened, Failure> {
//!         let (near, far) = pair(&PairConfig::default())?;
//!         let peer = Box::new(BackendPeer::new(Box::new(far))?);
//!         Ok(Opened { backend: Box::new(near), peer })
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     testing::main(vec![Box::new(Pair)])
//! }
//! ```
//!
//! Cases are named `rig/concern/what` and take the arguments of `cargo test`. A case about something that the
//! backend does not offer is not run, nor is any case of a rig that is not available here; the reasons are in the
//! output, which ends with a line for each rig. No environment is needed, nor any file that the backend does not need.
//!
//! | Environment variable | Meaning |
//! |---|---|
//! | `NET_BACKEND_REQUIRE` | groups of rigs, with commas between them, or `all`: not available means failed |
//! | `NET_BACKEND_SEED` | the seed of the random cases, as they tell it when they fail |
//! | `NET_BACKEND_FRAMES` | frames in each stress case (20000) |

mod bench;
mod cases;
mod failure;
mod frames;
mod peer;
mod ping;
mod random;
mod rig;
mod runner;
mod segments;
mod suite;
mod sys;

pub use failure::Failure;
pub use peer::{BackendPeer, NoPeer};
pub use ping::{Ping, Station};
pub use rig::{Opened, Path, Peer, Rig, RigTraits, Seen};
pub use runner::{is_required, main};
pub use suite::{Suite, Verdict};
pub use sys::{Edge, closes_on_exec, ready};
