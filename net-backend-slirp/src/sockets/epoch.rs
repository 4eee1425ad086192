use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the sockets that began, so that what was known before is told from what came after.
#[derive(Default)]
pub(crate) struct Epoch(AtomicU64);

impl Epoch {
    /// Later than all sockets.
    pub(crate) const NOW: u64 = u64::MAX;

    /// To be asked before the poller is.
    pub(crate) fn current(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Another socket begins; its number.
    pub(super) fn begin(&self) -> u64 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }
}
