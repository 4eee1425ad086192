//! Between the two ends.

use std::time::Duration;

use super::super::case::Outcome;

/// A way for frames of one shape between a near end, which is measured, and a far end, which is not.
///
/// For what is no backend: bare system calls, or other programs and libraries. A backend is an
/// [`Opened`](super::Opened).
pub trait Path {
    /// How many frames to send or to receive in one go: what is on its way at a time without loss.
    fn burst(&self) -> usize {
        256
    }

    /// Whether what the near end sends comes back to it, so that there is nobody at the far end.
    fn comes_back(&self) -> bool {
        false
    }

    /// Sends up to `count` frames from the near end, as far as there is room, and makes them visible; returns how many
    /// went. Measured.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn send(&mut self, count: usize) -> Outcome<usize>;

    /// Receives up to `count` frames at the near end, as far as there are any; returns how many. Frames of others do not
    /// count. Measured.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn receive(&mut self, count: usize) -> Outcome<usize>;

    /// Sends up to `count` frames from the far end, as far as there is room; returns how many went. Not measured, and not
    /// called where frames [come back](Self::comes_back).
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn offer(&mut self, count: usize) -> Outcome<usize>;

    /// Takes what has arrived at the far end; returns how many frames. Not measured, and not called where frames
    /// [come back](Self::comes_back).
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn arrived(&mut self) -> Outcome<usize>;

    /// The CPU time that others than this thread have spent for it so far: what they do before all frames have arrived counts.
    /// Not measured.
    fn time_of_others(&self) -> Duration {
        Duration::ZERO
    }
}

/// The far end of a backend, for frames of one shape.
pub trait FarEnd {
    /// Sends up to `count` frames towards the backend, as far as there is room; returns how many went.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn send(&mut self, count: usize) -> Outcome<usize>;

    /// Takes what has arrived; returns how many frames. Those of others do not count.
    ///
    /// # Errors
    ///
    /// Whatever is in the way.
    fn arrived(&mut self) -> Outcome<usize>;
}
