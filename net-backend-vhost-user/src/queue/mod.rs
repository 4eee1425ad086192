//! A driver's virtqueues and a backend's queue pair: frames are moved without a copy besides the backend's own.
//!
//! Nothing here knows of vhost-user. A device model of one's own that has a [`Queue`](virtio_queue::Queue) and the
//! guest's memory uses [`Transmit`] and [`Receive`] as the daemon does, and [`Request`] for a control queue.

mod chain;
mod control;
mod receive;
mod rings;
mod transmit;

pub use crate::control::{Answer, Command};
pub use control::Request;
pub use receive::Receive;
pub use rings::RingError;
pub use transmit::Transmit;

/// Frames that are moved before anybody else has a turn.
pub const BURST: usize = 64;

/// What a turn did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the driver waits for its interrupt"]
pub struct Turn {
    /// Frames that were moved.
    pub frames: usize,
    /// Chains of the driver's that were refused: not what a driver should send.
    pub refused: usize,
    /// Whether the driver wants an interrupt.
    pub interrupt: bool,
    /// Why it ended.
    pub end: End,
}

impl Default for Turn {
    /// Nothing was done yet.
    fn default() -> Self {
        Self {
            frames: 0,
            refused: 0,
            interrupt: false,
            end: End::More,
        }
    }
}

impl Turn {
    /// What comes of it. A failure that came behind something else waits for the next turn, which meets it at once: the
    /// driver is not left without its interrupt.
    fn after(self, outcome: Result<(), Failure>) -> Result<Self, Failure> {
        match outcome {
            Err(failure) if self.frames + self.refused == 0 => Err(failure),
            _ => Ok(self),
        }
    }
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// There may be more: take another turn soon.
    More,
    /// There is nothing more to send or to receive. Wait for the driver's kick to send, for the backend's source to receive.
    Idle,
    /// The backend has no room: wait for its source, or for so long.
    Busy(Option<std::time::Duration>),
    /// The driver has no buffers: wait for its kick.
    NoBuffers,
}

/// What ends a queue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The backend is gone.
    #[error(transparent)]
    Backend(#[from] net_backend::Error),
    /// The driver's rings are not where they should be.
    #[error("the driver's rings: {0}")]
    Ring(#[from] RingError),
}
