//! Frames on their way to the guest: a bounded queue that is filled and emptied in bursts, so that a burst costs one
//! lock on each side and one ring of the bell.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net_backend_core::VirtioNetHeader;
use net_backend_core::wake::Wake;

use crate::sys::EventBell;

/// Bytes from which on libslirp's sockets are left unread, until half of it was received.
const ENOUGH: usize = 1 << 20;
/// Bytes from which on frames are lost: answers to the guest's own frames come without being asked for.
const MOST: usize = 4 << 20;
/// Bytes of buffers that are kept to be used again, on each side.
const KEPT: usize = 2 << 20;
/// What a frame costs beside its bytes, so that many small ones are bounded too.
const OVERHEAD: usize = 256;

/// The queue itself.
pub(crate) struct Ring {
    state: Mutex<State>,
    /// Cost of the frames that were published and not yet received.
    queued: AtomicUsize,
    /// Frames that found no room and were not yet counted.
    lost: AtomicU64,
    /// For the receiver: there is a frame.
    readable: Wake<EventBell>,
    /// For the poll thread: there is room.
    writable: Wake<EventBell>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Frame>,
    /// Buffers of frames that were received, to be used again, and what they hold in bytes.
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
    /// Whether there is a receiver.
    open: bool,
}

impl State {
    /// Takes buffers back, as many as are worth it.
    fn keep(&mut self, used: &mut Vec<Vec<u8>>) {
        for buffer in used.drain(..) {
            if self.spare_bytes + buffer.capacity() <= KEPT {
                self.spare_bytes += buffer.capacity();
                self.spare.push(buffer);
            }
        }
    }
}

/// A frame for the guest.
pub(crate) struct Frame {
    pub(crate) header: VirtioNetHeader,
    pub(crate) bytes: Vec<u8>,
}

impl Frame {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

impl Ring {
    /// An empty queue without receiver.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::default(),
            queued: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            readable: Wake::new(EventBell::new()?),
            writable: Wake::new(EventBell::new()?),
        })
    }

    /// Rings when there is a frame.
    pub(crate) fn readable(&self) -> &Wake<EventBell> {
        &self.readable
    }

    /// Rings when there is room.
    pub(crate) fn writable(&self) -> &Wake<EventBell> {
        &self.writable
    }

    /// Whether so much is queued that libslirp's sockets should be left unread.
    pub(crate) fn is_full(&self) -> bool {
        self.queued.load(Ordering::Relaxed) >= ENOUGH
    }

    /// A receiver comes: from now on frames are kept.
    pub(crate) fn open(&self) {
        self.state().open = true;
    }

    /// The receiver went; what was queued is lost.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.open = false;
        state.frames.clear();
        self.queued.store(0, Ordering::Relaxed);
        drop(state);
        self.writable.notify();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that is filled, under the lock of the network.
pub(crate) struct Producer {
    ring: Arc<Ring>,
    pending: VecDeque<Frame>,
    pending_cost: usize,
    spare: Vec<Vec<u8>>,
}

impl Producer {
    pub(crate) fn new(ring: Arc<Ring>) -> Self {
        Self {
            ring,
            pending: VecDeque::new(),
            pending_cost: 0,
            spare: Vec::new(),
        }
    }

    /// Whether libslirp's sockets should be left unread.
    pub(crate) fn is_full(&self) -> bool {
        self.queued() >= ENOUGH
    }

    /// Puts a frame into the burst; `fill` appends its bytes to an empty buffer and returns its header.
    pub(crate) fn push(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> VirtioNetHeader) {
        if self.queued() >= MOST {
            self.ring.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        let header = fill(&mut bytes);
        let frame = Frame { header, bytes };
        self.pending_cost += frame.cost();
        self.pending.push_back(frame);
    }

    /// Shows the burst to the receiver, who is to be notified if that returns `true`: once the lock of the network is
    /// free, which the receiver may need.
    #[must_use]
    pub(crate) fn publish(&mut self) -> bool {
        if self.pending.is_empty() {
            return false;
        }
        let mut state = self.ring.state();
        if self.spare.is_empty() {
            std::mem::swap(&mut self.spare, &mut state.spare);
            state.spare_bytes = 0;
        }
        let is_open = state.open;
        if is_open {
            state.frames.append(&mut self.pending);
            self.ring
                .queued
                .fetch_add(self.pending_cost, Ordering::Relaxed);
        }
        drop(state);
        self.pending.clear();
        self.pending_cost = 0;
        is_open
    }

    fn queued(&self) -> usize {
        self.pending_cost + self.ring.queued.load(Ordering::Relaxed)
    }
}

/// The end that is emptied, by the receive half.
pub(crate) struct Consumer {
    ring: Arc<Ring>,
    /// The burst that was taken last.
    taken: VecDeque<Frame>,
    used: Vec<Vec<u8>>,
}

impl Consumer {
    pub(crate) fn new(ring: Arc<Ring>) -> Self {
        ring.open();
        Self {
            ring,
            taken: VecDeque::new(),
            used: Vec::new(),
        }
    }

    pub(crate) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The next frame, which stays next.
    #[inline]
    pub(crate) fn front(&self) -> Option<&Frame> {
        self.taken.front()
    }

    /// Takes the next burst once the last one was received; whether there is a frame.
    pub(crate) fn refill(&mut self) -> bool {
        if self.taken.is_empty() {
            let mut state = self.ring.state();
            std::mem::swap(&mut self.taken, &mut state.frames);
            state.keep(&mut self.used);
        }
        !self.taken.is_empty()
    }

    /// Done with the next frame.
    #[inline]
    pub(crate) fn pop(&mut self) {
        let Some(frame) = self.taken.pop_front() else {
            return;
        };
        let cost = frame.cost();
        self.used.push(frame.bytes);
        let before = self.ring.queued.fetch_sub(cost, Ordering::Relaxed);
        // Only the frame that makes the difference tells: a thread that waits for room began when all was full.
        if before >= ENOUGH / 2 && before.saturating_sub(cost) < ENOUGH / 2 {
            self.ring.writable.notify();
        }
    }

    /// Frames that were lost since the last call.
    pub(crate) fn lost(&self) -> u64 {
        match self.ring.lost.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.ring.lost.swap(0, Ordering::Relaxed),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.ring.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends() -> (Producer, Consumer) {
        let ring = Arc::new(Ring::new().unwrap());
        (Producer::new(Arc::clone(&ring)), Consumer::new(ring))
    }

    fn push(producer: &mut Producer, length: usize) {
        producer.push(|bytes| {
            bytes.resize(length, 7);
            VirtioNetHeader::default()
        });
    }

    #[test]
    fn frames_come_out_in_order_once_they_are_published() {
        let (mut producer, mut consumer) = ends();
        for length in 1..=3 {
            push(&mut producer, length);
        }
        assert!(!consumer.refill());
        assert!(producer.publish());
        for length in 1..=3 {
            assert!(consumer.refill());
            assert_eq!(consumer.front().unwrap().bytes, vec![7; length]);
            consumer.pop();
        }
        assert!(!consumer.refill());
    }

    #[test]
    fn a_full_ring_stops_the_producer_and_then_loses_and_counts() {
        let (mut producer, mut consumer) = ends();
        assert!(!producer.is_full());
        for _ in 0..ENOUGH / 1024 {
            push(&mut producer, 1024);
        }
        assert!(producer.is_full());
        assert!(producer.publish());
        assert!(consumer.ring().is_full());
        for _ in 0..MOST / 1024 {
            push(&mut producer, 1024);
        }
        assert!(producer.publish());
        assert!(consumer.lost() > 0);
        assert_eq!(consumer.lost(), 0);
        while consumer.refill() {
            consumer.pop();
        }
        assert!(!producer.is_full());
    }

    #[test]
    fn a_producer_that_waits_for_room_is_told_at_half() {
        let (mut producer, mut consumer) = ends();
        while !producer.is_full() {
            push(&mut producer, 1024);
        }
        assert!(producer.publish());
        let room = Arc::clone(&consumer.ring);
        room.writable().arm();
        let silence = || net_backend_core::wake::Doorbell::silence(room.writable().bell());
        let mut received = 0;
        let rang = loop {
            consumer.refill();
            consumer.pop();
            received += 1;
            if silence() > 0 {
                break received;
            }
        };
        let cost = 1024 + OVERHEAD;
        assert_eq!(
            rang,
            ENOUGH.div_ceil(cost) - (ENOUGH / 2).div_ceil(cost) + 1
        );
    }

    #[test]
    fn buffers_are_kept_up_to_a_limit() {
        let (mut producer, mut consumer) = ends();
        for _ in 0..3 {
            for _ in 0..1000 {
                push(&mut producer, 3000);
            }
            assert!(producer.publish());
            while consumer.refill() {
                consumer.pop();
            }
        }
        let kept = |buffers: &[Vec<u8>]| buffers.iter().map(Vec::capacity).sum::<usize>();
        assert!((1..=KEPT).contains(&kept(&producer.spare)));
        let state = consumer.ring.state();
        assert!((1..=KEPT).contains(&kept(&state.spare)));
    }

    #[test]
    fn without_a_receiver_nothing_is_kept() {
        let (mut producer, consumer) = ends();
        push(&mut producer, 60);
        assert!(producer.publish());
        let ring = Arc::clone(&consumer.ring);
        drop(consumer);
        push(&mut producer, 60);
        assert!(!producer.publish());
        let mut consumer = Consumer::new(ring);
        assert!(!consumer.refill());
    }
}
