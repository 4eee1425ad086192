use std::sync::atomic::{AtomicU64, Ordering};

use crate::Features;

/// The offloads that a guest takes in the frames that it receives: set by the backend, on activation and in
/// [`set_receive_offloads`](crate::NetBackend::set_receive_offloads), and read by its receive halves, from any
/// thread.
#[derive(Debug, Default)]
pub struct AcceptedOffloads(AtomicU64);

impl AcceptedOffloads {
    /// The receive offloads among `features`; the others are not looked at.
    pub const fn new(features: Features) -> Self {
        Self(AtomicU64::new(
            features.intersection(Features::RECEIVE_OFFLOADS).bits(),
        ))
    }

    /// From now on frames may use the receive offloads among `features`. Frames that a half has looked at
    /// already may still use what was accepted before.
    pub fn set(&self, features: Features) {
        let accepted = features & Features::RECEIVE_OFFLOADS;
        self.0.store(accepted.bits(), Ordering::Relaxed);
    }

    /// What frames may use now.
    #[inline]
    pub fn features(&self) -> Features {
        Features::from_bits_truncate(self.0.load(Ordering::Relaxed))
    }
}
