use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{DropReason, Received, Sent};

/// The counters of one half of a queue: the half counts, any thread may read.
///
/// Clones share the numbers. Only the owner of the half may count, so that counting costs no atomic addition.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Cells>);

/// On a cache line of its own, so that readers and other queues do not slow the counting.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Cells {
    frames: AtomicU64,
    bytes: AtomicU64,
    busy: AtomicU64,
    drops: [AtomicU64; DropReason::ALL.len()],
}

/// The numbers at one moment. Each is exact; a frame may be counted in one and not yet in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CounterSnapshot {
    /// Frames that were sent or received, truncated ones not included.
    pub frames: u64,
    /// Bytes of these frames, headers included.
    pub bytes: u64,
    /// How often `send` was busy.
    pub busy: u64,
    /// Frames dropped, in the order of [`DropReason::ALL`].
    pub drops: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// All zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The numbers now. Callable from any thread.
    pub fn snapshot(&self) -> CounterSnapshot {
        let cells = &*self.0;
        CounterSnapshot {
            frames: cells.frames.load(Ordering::Relaxed),
            bytes: cells.bytes.load(Ordering::Relaxed),
            busy: cells.busy.load(Ordering::Relaxed),
            drops: std::array::from_fn(|index| {
                cells
                    .drops
                    .get(index)
                    .map_or(0, |cell| cell.load(Ordering::Relaxed))
            }),
        }
    }

    /// Counts what `send` returns for a frame of `length` bytes, and hands it on. For the owning half only.
    #[inline]
    pub fn count_sent(&self, length: usize, sent: Sent) -> Sent {
        match sent {
            Sent::Queued => self.count_frame(length),
            Sent::Busy { .. } => add(&self.0.busy, 1),
            Sent::Dropped(reason) => self.count_drop(reason),
        }
        sent
    }

    /// Counts what `recv` returns, and hands it on. For the owning half only.
    #[inline]
    pub fn count_received(&self, received: Received) -> Received {
        if received.truncated {
            self.count_drop(DropReason::Truncated);
        } else {
            self.count_frame(received.length);
        }
        received
    }

    /// Counts a frame that was dropped. For the owning half only.
    #[inline]
    pub fn count_drop(&self, reason: DropReason) {
        if let Some(cell) = self.0.drops.get(reason as usize) {
            add(cell, 1);
        }
    }

    #[inline]
    fn count_frame(&self, length: usize) {
        add(&self.0.frames, 1);
        add(&self.0.bytes, length as u64);
    }
}

impl CounterSnapshot {
    /// Frames dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or(0)
    }

    /// Frames dropped for any reason.
    pub fn dropped_in_all(&self) -> u64 {
        self.drops.iter().sum()
    }
}

/// There is one writer, so load and store lose nothing and need no locked instruction.
#[inline]
fn add(cell: &AtomicU64, count: u64) {
    let sum = cell.load(Ordering::Relaxed).wrapping_add(count);
    cell.store(sum, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_cell() {
        let counters = Counters::new();
        for (index, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            let _ = counters.count_sent(60, Sent::Dropped(reason));
            assert_eq!(counters.snapshot().dropped(reason), 1, "{reason:?}");
        }
        assert_eq!(
            counters.snapshot().dropped_in_all(),
            DropReason::ALL.len() as u64
        );
        assert_eq!(counters.snapshot().frames, 0);
    }

    #[test]
    fn counts_what_went_through() {
        let counters = Counters::new();
        let reader = counters.clone();
        let _ = counters.count_sent(60, Sent::Queued);
        let _ = counters.count_sent(1514, Sent::Busy { retry_after: None });
        counters.count_received(Received {
            length: 1514,
            truncated: false,
        });
        counters.count_received(Received {
            length: 9000,
            truncated: true,
        });
        let numbers = reader.snapshot();
        assert_eq!((numbers.frames, numbers.bytes), (2, 1574));
        assert_eq!(numbers.busy, 1);
        assert_eq!(numbers.dropped(DropReason::Truncated), 1);
    }
}
