//! What netgraph's sockets and devices say when they do not take a frame, and what that means.

use std::io;
use std::time::{Duration, Instant};

use net_backend_core::frame_io::{FrameIo, ReceiveFailure, SendFailure};
use net_backend_core::{DropReason, RxSlice, Source, TxSlice};


/// How a link behaves that is not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Temper {
    /// How long a frame may be busy before it is dropped.
    pub(crate) patience: Duration,
    /// Whether a hook that is not connected is a link that is down. Otherwise it is gone.
    pub(crate) lingers: bool,
}

/// The system calls of a link: of one half, on a descriptor of its own.
pub(crate) trait Port: Send {
    /// Sends one frame. Does not block.
    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize>;

    /// Receives one frame; what does not fit is lost. Does not block. 0 when the node is gone.
    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize>;

    /// What to wait for.
    fn source(&self) -> Source<'_>;
}
