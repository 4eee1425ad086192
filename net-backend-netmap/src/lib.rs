//! netmap as a backend: `netmap:PORT`, for ports of NICs, VALE switches, pipes and monitors, on Linux and FreeBSD.
//!
//! | Port | Name | What it is |
//! |---|---|---|
//! | NIC | `netmap:em0` | the NIC's rings, which the host does without meanwhile |
//! | host rings | `netmap:em0^` | the host's side of the NIC |
//! | VALE | `netmap:vale0:vm1` | a port of a switch in the kernel; the only kind with virtio-net header and offloads |
//! | pipe | `netmap:vale0:vm1{1`, `}1` | the two ends of a pipe, whose frames move without a copy |
//! | monitor | `netmap:em0/r`, `/t`, `/z` | what passes through a port that others have open |
//!
//! Frames are copied to and from rings that are shared with the kernel, without a system call: a
//! [flush](net_backend_core::TxQueue::flush) is one, and so is a wait. [`Netmap::queues`] gives halves that can do
//! more: frames are [lent](ReceiveQueue::lend) in place, [kept](LentFrame::take) while their ring goes on, and
//! [moved](TransmitQueue::forward) to another port by an exchange of buffers. [`control`] wires switches.
//!
//! Opening needs permission on `/dev/netmap`; activation and everything after it do not.
//!
//! ```no_run
//! use net_backend_core::{Activation, Environment, Nic, Registry};
//!
//! # fn main() -> net_backend_core::Result<()> {
//! let registry = Registry::new([&net_backend_netmap::DRIVER]);
//! let backend = registry.open("netmap:vale0:vm1", &Environment::default())?;
//! let mut nic = Nic::activate(backend, &Activation::plain())?;
//! let _ = nic.send(&[0xff; 60])?;
//! # Ok(())
//! # }
//! ```

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
mod ring_checks;
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
