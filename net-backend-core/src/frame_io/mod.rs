//! The halves of backends that move one frame with each system call, as taps and netgraph's sockets do.
//!
//! Such a backend supplies a [`FrameIo`] for each half: the system calls themselves, and what their errors mean.
//! [`pair`] makes a queue pair of two. The rest is the same for all of them: frames of any number of pieces, lengths
//! that are known although kernels cut frames to the buffer, headers that ask for what was not negotiated, counters.

mod attachment;
mod receive;
mod transmit;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::layers::{adapt_received_header, adapt_transmitted_header};
use crate::{
    DropReason, Features, FrameLength, HeaderLength, QueuePair, RxQueue, RxSlice, Source, TxQueue,
    TxSlice,
};

pub use attachment::Attachment;

use receive::Receive;
use transmit::Transmit;

/// Bytes of the longest frame with the longest header.
pub const LONGEST: usize = FrameLength::MAX.buffer_length(HeaderLength::Twelve);

/// The system calls of one half, on a descriptor of its own.
pub trait FrameIo: Send {
    /// Writes one frame, in one system call; the pieces are at most 1024. Does not block.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize>;

    /// Reads one frame, in one system call; what does not fit is lost. The pieces are at most 1024. Does not block.
    /// Returns the bytes that were stored, or the frame's true length where the system tells it, which may be more.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize>;

    /// Bytes of the next frame, header included, where the system tells it without giving the frame; 0 when there is
    /// none.
    fn next_length(&mut self) -> Option<io::Result<usize>> {
        None
    }

    /// What to wait for.
    fn source(&self) -> Source<'_>;

    /// What a failed write means; `errno` is 0 when it was not the system's.
    fn send_failure(&mut self, errno: i32) -> SendFailure;

    /// What a failed read means; `errno` is 0 when it was not the system's.
    fn receive_failure(&mut self, errno: i32) -> ReceiveFailure;
}

/// What a failed write means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// A signal came; again at once.
    Interrupted,
    /// The system is out of room; again when the source is ready, or after this time.
    Busy(Option<Duration>),
    /// The frame will never go.
    Dropped(DropReason),
    /// The device is gone.
    Gone,
    /// A mistake of the caller or of the backend.
    Other,
}

/// What a failed read means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveFailure {
    /// Again at once: a signal came, or the system threw away a frame that it could not describe.
    Again,
    /// No frame now.
    Empty,
    /// The device is gone.
    Gone,
    /// A mistake of the caller or of the backend.
    Other,
}

/// A queue pair of [`receive`] and [`transmit`].
pub fn pair(
    rx: impl FrameIo + 'static,
    tx: impl FrameIo + 'static,
    native: HeaderLength,
    wanted: HeaderLength,
    features: Features,
    attachment: &Arc<Attachment>,
) -> QueuePair {
    QueuePair {
        rx: receive(rx, native, wanted, attachment),
        tx: transmit(tx, native, wanted, features, attachment),
    }
}

/// A receive half over a descriptor whose frames have a header of `native` length, for a guest whose frames have one of
/// `wanted` length. A header that the device does not know asks for nothing, and costs next to nothing; other lengths are
/// adapted as [`adapt_header`](crate::layers::adapt_header) does it.
pub fn receive(
    io: impl FrameIo + 'static,
    native: HeaderLength,
    wanted: HeaderLength,
    attachment: &Arc<Attachment>,
) -> Box<dyn RxQueue> {
    match (native, wanted) {
        (HeaderLength::None, HeaderLength::Ten) => {
            Box::new(Receive::<_, TEN>::new(io, wanted, attachment))
        }
        (HeaderLength::None, HeaderLength::Twelve) => {
            Box::new(Receive::<_, TWELVE>::new(io, wanted, attachment))
        }
        _ => {
            let rx = Box::new(Receive::<_, 0>::new(io, native, attachment));
            adapt_received_header(rx, native, wanted)
        }
    }
}

/// A transmit half, as [`receive`] makes them. `features` were negotiated: what a guest's header asks for beyond them is
/// not written, nor is what the device does not know.
pub fn transmit(
    io: impl FrameIo + 'static,
    native: HeaderLength,
    wanted: HeaderLength,
    features: Features,
    attachment: &Arc<Attachment>,
) -> Box<dyn TxQueue> {
    match (native, wanted) {
        (HeaderLength::None, HeaderLength::Ten) => {
            let features = Features::empty();
            Box::new(Transmit::<_, TEN>::new(io, wanted, features, attachment))
        }
        (HeaderLength::None, HeaderLength::Twelve) => {
            let features = Features::empty();
            Box::new(Transmit::<_, TWELVE>::new(io, wanted, features, attachment))
        }
        _ => {
            let tx = Box::new(Transmit::<_, 0>::new(io, native, features, attachment));
            adapt_transmitted_header(tx, native, wanted)
        }
    }
}

const TEN: usize = HeaderLength::Ten.bytes();
const TWELVE: usize = HeaderLength::Twelve.bytes();

/// The most pieces that one system call takes (`IOV_MAX`, the same on all systems).
const MOST_PIECES: usize = 1024;

#[cfg(test)]
mod tests;
