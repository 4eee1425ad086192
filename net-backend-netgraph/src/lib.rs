//! FreeBSD's netgraph as a backend: `netgraph:PATH`, and `ngd:ngd0`.
//!
//! | URI | What it connects the guest with |
//! |---|---|
//! | `netgraph:?bridge=vmbr0` | a free link of a bridge, which is made if there is none; `&uplink=em0` puts an interface in it |
//! | `netgraph:em0:?peerhook=lower` | the hook of a node that there is |
//! | `netgraph:?mkpeer=eiface` | a node that is made, here an interface of the host |
//! | `netgraph:?fd=5` | what somebody else connected a data socket with |
//! | `ngd:ngd0` | the node of a device, for a jail that may not make sockets |
//!
//! Each backend is a node of netgraph with one hook, whose frames are sent and received with one system call each.
//! netgraph knows no virtio-net header: checksums and segmentation are done in software. Opening needs root; activation
//! and everything after it do not, and work in capability mode.
//!
//! [`ng`] is the client for netgraph's messages by which all this is wired, for other uses too.
//!
//! ```no_run
//! use net_backend_core::{Activation, Environment, Nic, Registry};
//!
//! # fn main() -> net_backend_core::Result<()> {
//! let registry = Registry::new([&net_backend_netgraph::DRIVER]);
//! let backend = registry.open("netgraph:?bridge=vmbr0", &Environment::default())?;
//! let mut nic = Nic::activate(backend, &Activation::plain())?;
//! let _ = nic.send(&[0xff; 60])?;
//! # Ok(())
//! # }
//! ```

mod backend;
mod buffers;
mod config;
mod device;
mod gate;
mod line;
pub mod ng;
mod sys;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod wiring;

pub use backend::{DRIVER, Netgraph};
pub use config::{NetgraphConfig, NgdConfig, Wiring};
pub use device::{NGD_DRIVER, Ngd};
