use std::time::Duration;

use crate::{Counters, Error, RxSlice, Source, TxSlice};

/// The two halves of one queue. Each may go to a thread of its own.
pub struct QueuePair {
    /// Host to guest.
    pub rx: Box<dyn RxQueue>,
    /// Guest to host.
    pub tx: Box<dyn TxQueue>,
}

/// The transmit half: frames from the guest. Nothing here blocks.
///
/// A frame starts with the virtio-net header of the length that was activated, if any.
pub trait TxQueue: Send {
    /// Takes the whole frame or nothing of it. When it returns, the memory of the frame is free again.
    ///
    /// A frame of any number of pieces is good; empty pieces are too. What a backend cannot transmit is
    /// [`Sent::Dropped`], never an error: guests can send anything.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when the backend will never take a frame again; others are the caller's mistake.
    fn send(&mut self, frame: &[TxSlice<'_>]) -> Result<Sent, Error>;

    /// Makes everything that was queued visible to the other side. Call it after a burst, before waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// What to wait for after [`Sent::Busy`].
    fn source(&self) -> Source<'_>;

    /// The counters of this half, to be read from any thread.
    fn counters(&self) -> Counters;
}

/// The receive half: frames for the guest. Nothing here blocks.
///
/// The rule for waiting: call [`recv`](Self::recv) until it gives `None`, then wait for [`source`](Self::source).
/// A frame that was peeked at is held and does not make the source ready. Without buffers, do not watch the
/// source at all: the frames stay where they are.
pub trait RxQueue: Send {
    /// Length in bytes of the next frame, header included; `None` when there is none now. Repeatable, and the
    /// frame stays next. What it costs depends on the backend: [`Capabilities::peek`](crate::Capabilities::peek).
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when the backend will never give a frame again.
    fn peek(&mut self) -> Result<Option<usize>, Error>;

    /// Moves the next frame into the buffer; `None` when there is none now.
    ///
    /// A buffer of any number of pieces is good; empty pieces are too. Nothing is written behind the end of the
    /// frame. A frame longer than the buffer is cut and gone, which [`Received::truncated`] tells; the next frame
    /// is intact.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when the backend will never give a frame again.
    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>, Error>;

    /// What to wait for after `None`.
    fn source(&self) -> Source<'_>;

    /// The counters of this half, to be read from any thread.
    fn counters(&self) -> Counters;
}

/// What became of a frame that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a busy frame has to be sent again"]
pub enum Sent {
    /// Taken; on its way after the next [`TxQueue::flush`] at the latest.
    Queued,
    /// Nothing was taken. Send the same frame again once [`TxQueue::source`] is ready, or after `retry_after`
    /// if given, whichever comes first.
    Busy {
        /// For backends whose descriptor does not tell when there is room.
        retry_after: Option<Duration>,
    },
    /// Done with, and not transmitted; sending it again would not help.
    Dropped(DropReason),
}

/// Why a frame was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The link is down.
    LinkDown,
    /// The frame or its header is not one: too short, lengths that lie.
    Malformed,
    /// The frame is longer than [`Capabilities::max_frame`](crate::Capabilities::max_frame).
    TooLong,
    /// The header asks for something that was not negotiated, by the sender or by the receiver.
    NotNegotiated,
    /// Received, and longer than the buffer.
    Truncated,
    /// Refused by a filter or a rule.
    Policy,
    /// Whoever was to receive it had not received what came before.
    NoRoom,
}

impl DropReason {
    /// Every reason, in the order of [`CounterSnapshot::drops`](crate::CounterSnapshot::drops).
    pub const ALL: [Self; 7] = [
        Self::LinkDown,
        Self::Malformed,
        Self::TooLong,
        Self::NotNegotiated,
        Self::Truncated,
        Self::Policy,
        Self::NoRoom,
    ];
}

/// A frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// True length of the frame in bytes, header included, also when the buffer was shorter.
    pub length: usize,
    /// Whether the buffer was shorter, so that the end of the frame is lost.
    pub truncated: bool,
}

impl std::fmt::Debug for QueuePair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueuePair")
            .field("rx", &self.rx.source())
            .field("tx", &self.tx.source())
            .finish()
    }
}
