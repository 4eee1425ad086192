//! A wake-up from one thread to another that is never lost and never left ringing.
//!
//! A producer that puts something where a consumer looks calls [`Wake::notify`]. A consumer that found nothing
//! calls [`Wake::arm`], looks once more, and only then waits for the bell. A burst costs one ring: until the
//! consumer arms again, `notify` is one load.

use crate::sync::{AtomicBool, AtomicUsize, Ordering, fence};

/// What can be heard while a thread waits: an eventfd, a socket pair.
pub trait Doorbell: Send + Sync {
    /// Makes the bell audible until it is silenced. Must not block.
    fn ring(&self);

    /// Makes the bell silent; returns how many rings that took away. Must not block.
    fn silence(&self) -> usize;
}

/// A wake-up for one consumer from any number of producers.
#[derive(Debug)]
pub struct Wake<D> {
    /// The consumer found nothing and is going to wait: the next producer rings.
    armed: AtomicBool,
    /// Rings that were begun and not yet silenced. Counted, because a producer may be interrupted between its
    /// decision to ring and the ring; the late ring has to be silenced too, or it would be heard for ever.
    rings: AtomicUsize,
    bell: D,
}

impl<D: Doorbell> Wake<D> {
    /// A wake-up whose consumer is waiting.
    pub fn new(bell: D) -> Self {
        Self {
            armed: AtomicBool::new(true),
            rings: AtomicUsize::new(0),
            bell,
        }
    }

    /// The bell to listen to.
    pub fn bell(&self) -> &D {
        &self.bell
    }

    /// Producer: something was put where the consumer looks.
    pub fn notify(&self) {
        // Pairs with the fence in `arm`: either this load sees the armed flag, or the consumer's second look
        // sees what was put there.
        fence(Ordering::SeqCst);
        if self.armed.load(Ordering::Relaxed) && self.claim() {
            self.rings.fetch_add(1, Ordering::Relaxed);
            self.bell.ring();
        }
    }

    /// Whether this producer is the one that rings. One that comes too late stores nothing, so that its `false`
    /// need not be ordered against the consumer's next `true`.
    fn claim(&self) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
        self.armed
            .compare_exchange(true, false, success, failure)
            .is_ok()
    }

    /// Consumer: nothing is there. Look once more after this; if there is still nothing, the bell will ring.
    pub fn arm(&self) {
        if self.rings.load(Ordering::Relaxed) != 0 {
            let silenced = self.bell.silence();
            self.rings.fetch_sub(silenced, Ordering::Relaxed);
        }
        self.armed.store(true, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Consumer: the second look after [`arm`](Self::arm) found something, so the next producers need not ring.
    pub fn disarm(&self) {
        self.armed.store(false, Ordering::Relaxed);
    }
}

#[cfg(all(test, loom))]
mod loom_tests;
