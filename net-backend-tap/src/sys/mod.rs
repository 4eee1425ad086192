//! What differs by operating system, and the only `unsafe` code of this crate.
//!
//! Each system supplies:
//!
//! - `NAME_LENGTH`: bytes in an interface name; `MAX_QUEUES`, `MAX_MTU`: limits of its taps,
//! - `check_name(name) -> Result<(), &'static str>`: whether a name can be a tap's; the complaint continues the
//!   sentence "the name NAME …",
//! - `open(&TapConfig) -> Result<Device>`: everything that needs privilege. Unsupported options of the config are
//!   errors here, before any side effect,
//! - `Device`: an open tap, see below,
//! - `Queue`: one direction of one queue, a [`FrameIo`](net_backend_core::frame_io::FrameIo).
//!
//! `Device` has (all of it `pub(crate)`):
//!
//! - `name: String`, the interface's; `config: TapConfig`, which opens the same again;
//! - `capabilities(&self) -> Capabilities`: what was found, nothing assumed;
//! - `queues(&mut self, count: u16, header: HeaderLength, features: Features) -> Result<Vec<(Queue, Queue)>>`: sets
//!   header length and offloads on the device, reads back what can be read back, throws away frames that were
//!   queued before, and gives a receiving and a transmitting end for each queue, with different descriptors;
//! - `set_receive_offloads(&self, features: Features) -> Result<()>`;
//! - `link(&self) -> LinkState` as of the last event, `events(&self) -> Option<Source<'_>>`,
//!   `next_event(&mut self) -> Option<Event>`;
//! - `queue_descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>>`, and
//!   `descriptors(&self) -> Vec<BorrowedDescriptor<'_>>`, which are all that it holds.

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod imp;
#[cfg(target_os = "freebsd")]
#[path = "freebsd/mod.rs"]
mod imp;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
#[path = "unsupported.rs"]
mod imp;

#[cfg(all(test, not(target_os = "freebsd")))]
#[path = "freebsd/name.rs"]
mod freebsd_name;
#[cfg(all(test, not(target_os = "freebsd")))]
#[path = "freebsd/route.rs"]
mod freebsd_route;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod inherited;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod interface_request;
#[cfg(feature = "testing")]
pub(crate) mod testing;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
mod vectored;

pub(crate) use imp::{Device, MAX_MTU, MAX_QUEUES, NAME_LENGTH, check_name, open};
