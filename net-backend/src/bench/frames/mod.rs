//! What a frame costs, one by one: sent, received, and both, at several lengths.
//!
//! A [`Subject`] is a way to open a backend with something at its far end. [`cases`] has all of them send and receive the
//! same frames in bursts; what did not arrive at the other side is counted there, and shown beside the cost. The
//! backend's frames have the virtio-net header of 12 bytes, as those of every device since virtio 1.0.
//!
//! ```
//! use net_backend::bench::frames::{self, BackendEnd, Opened, Subject};
//! use net_backend::bench::{Bench, Machine, Outcome, Plan};
//! use net_backend::memory::{PairConfig, pair};
//!
//! # fn main() -> Outcome<()> {
//! // Your own backend, and whatever is at the other end of it.
//! let mine = Subject::backend("mine", |shape| {
//!     let config = PairConfig { mtu: shape.mtu(), ..PairConfig::default() };
//!     let (near, far) = pair(&config)?;
//!     Ok(Opened::new(Box::new(near), BackendEnd::new(Box::new(far), shape)?))
//! });
//! // One of the library, beside it.
//! let loopback = Subject::backend("loopback:", |shape| {
//!     let uri = format!("loopback:?mtu={}", shape.mtu());
//!     Ok(Opened::echo(net_backend::open(&uri)?))
//! });
//!
//! let mut plan = Plan::default();
//! (plan.rounds, plan.quick) = (3, true);
//! let machine = Machine::now();
//! let mut bench = Bench::new(plan);
//! let mut rows = Vec::new();
//! for mut case in frames::cases(vec![mine, loopback]) {
//!     let row = bench.measure(&mut *case);
//!     # assert!(row.left_out.is_empty(), "{row:?}");
//!     # assert_eq!(row.figures.len(), 2);
//!     # assert!(row.figures.iter().all(|it| it.lost == 0 && it.units > 0));
//!     # let is_enough = row.name == "send 512 bytes";
//!     rows.push(row);
//!     # if is_enough { break; }
//! }
//! println!("{}", bench.report(machine, rows));
//! # Ok(())
//! # }
//! ```
//!
//! A far end of another kind, as a socket or a device, is a [`FarEnd`]; what is no backend at all, as a bare loop of system calls
//! to compare with, is a [`Path`]. Whoever has the conformance suite's `Rig` (feature `testing`) has a subject: `Subject::rig`.

mod case;
mod end;
mod nic;
mod page;
mod path;
#[cfg(feature = "testing")]
mod rig;
mod shape;
mod subject;
#[cfg(test)]
mod tests;

pub use case::{Direction, Frames, cases};
pub use end::BackendEnd;
pub use nic::Opened;
pub use page::PageBuffer;
pub use path::{FarEnd, Path};
pub use shape::Shape;
pub use subject::Subject;
