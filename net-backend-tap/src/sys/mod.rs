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
//! - `Queue`: one direction of one queue, a [`FrameIo`],
//! - `send_failure(errno)`, `receive_failure(errno)`: what a failed write or read means.
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

use std::io;
use std::time::Duration;

use net_backend_core::{DropReason, RxSlice, Source, TxSlice};

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

pub(crate) use imp::{
    Device, MAX_MTU, MAX_QUEUES, NAME_LENGTH, Queue, check_name, open, receive_failure,
    send_failure,
};

/// The system calls of the data path: the one gate, which tests replace.
pub(crate) trait FrameIo: Send {
    /// Writes one frame. Does not block.
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize>;

    /// Reads one frame; what does not fit is lost. Does not block.
    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize>;

    /// Length of the next frame, header included, where the system tells it; 0 when there is none.
    fn next_length(&mut self) -> Option<io::Result<usize>>;

    /// What to wait for.
    fn source(&self) -> Source<'_>;
}

/// What a failed write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// A signal came; again at once.
    Interrupted,
    /// The system is out of room; again later.
    Busy(Option<Duration>),
    /// The frame will never go.
    Dropped(DropReason),
    /// The device is gone.
    Gone,
    /// A mistake of the caller or of ours.
    Other,
}

/// What a failed read means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveFailure {
    /// Again at once: a signal came, or the system threw away a frame that it could not describe.
    Again,
    /// No frame now.
    Empty,
    /// The device is gone.
    Gone,
    /// A mistake of the caller or of ours.
    Other,
}
