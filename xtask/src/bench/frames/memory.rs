//! What memory alone costs: a copy, and a ring between two ends.

use std::hint::black_box;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

use net_backend::HeaderLength;
use net_backend::bench::frames::{Path, Shape, Subject};
use net_backend::bench::{Outcome, Role};

/// Copies of the frame, from always the same place to always the same.
pub(super) fn copy() -> Subject {
    Subject::new("memcpy", Role::Limit, |shape| {
        Ok(Box::new(Copy::new(shape)))
    })
}

/// A ring of slots with one sender and one receiver: what is sent is copied in and published, what is received is copied out
/// and given back.
pub(super) fn ring() -> Subject {
    Subject::new("ring copy", Role::Limit, |shape| {
        Ok(Box::new(Rings::new(shape)))
    })
}

/// So many frames that reading the clock does not count.
fn burst(shape: Shape) -> usize {
    64 * shape.burst()
}

struct Copy {
    shape: Shape,
    frame: Vec<u8>,
    buffer: Vec<u8>,
}

impl Copy {
    fn new(shape: Shape) -> Self {
        let frame = shape.on_wire(&shape.frame(), HeaderLength::Twelve);
        Self {
            shape,
            buffer: vec![0; frame.len()],
            frame,
        }
    }

    fn copy(&mut self, count: usize) -> usize {
        for _ in 0..count {
            black_box(&mut self.buffer).copy_from_slice(black_box(&self.frame));
        }
        count
    }
}

impl Path for Copy {
    fn burst(&self) -> usize {
        burst(self.shape)
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        Ok(self.copy(count))
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        Ok(self.copy(count))
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        Ok(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        Ok(self.burst())
    }
}

/// A ring in each direction. Where an end is not measured, it only counts.
struct Rings {
    shape: Shape,
    frame: Vec<u8>,
    buffer: Vec<u8>,
    out: Ring,
    back: Ring,
    /// What the far end has still to send.
    offered: usize,
    /// What it has not looked at.
    sent: usize,
}

impl Rings {
    fn new(shape: Shape) -> Self {
        let frame = shape.on_wire(&shape.frame(), HeaderLength::Twelve);
        Self {
            shape,
            buffer: vec![0; frame.len()],
            out: Ring::new(&frame, shape.burst()),
            back: Ring::new(&frame, shape.burst()),
            frame,
            offered: 0,
            sent: 0,
        }
    }
}

impl Path for Rings {
    fn burst(&self) -> usize {
        burst(self.shape)
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        for _ in 0..count {
            if !self.out.push(&self.frame) {
                self.out.empty();
                self.out.push(&self.frame);
            }
        }
        self.sent += count;
        Ok(count)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        let mut received = 0;
        while received < count {
            if self.back.pop(&mut self.buffer) {
                received += 1;
            } else if self.offered > 0 {
                self.offered -= self.back.fill(self.offered);
            } else {
                break;
            }
        }
        Ok(received)
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        self.offered += count;
        Ok(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        Ok(mem::take(&mut self.sent))
    }
}

/// Slots, and how many of them were filled and emptied so far.
struct Ring {
    slots: Vec<Vec<u8>>,
    filled: AtomicUsize,
    emptied: AtomicUsize,
}

impl Ring {
    fn new(frame: &[u8], slots: usize) -> Self {
        Self {
            slots: vec![frame.to_vec(); slots],
            filled: AtomicUsize::new(0),
            emptied: AtomicUsize::new(0),
        }
    }

    /// `false` when there is no room.
    fn push(&mut self, frame: &[u8]) -> bool {
        let filled = self.filled.load(Ordering::Relaxed);
        let emptied = self.emptied.load(Ordering::Acquire);
        let is_full = filled.wrapping_sub(emptied) >= self.slots.len();
        let at = filled % self.slots.len().max(1);
        let Some(slot) = self.slots.get_mut(at).filter(|_| !is_full) else {
            return false;
        };
        slot.copy_from_slice(black_box(frame));
        self.filled.store(filled.wrapping_add(1), Ordering::Release);
        true
    }

    /// `false` when there is nothing.
    fn pop(&self, buffer: &mut [u8]) -> bool {
        let emptied = self.emptied.load(Ordering::Relaxed);
        let filled = self.filled.load(Ordering::Acquire);
        let at = emptied % self.slots.len().max(1);
        let Some(slot) = self.slots.get(at).filter(|_| emptied != filled) else {
            return false;
        };
        black_box(buffer).copy_from_slice(slot);
        self.emptied
            .store(emptied.wrapping_add(1), Ordering::Release);
        true
    }

    /// Takes all, without a copy.
    fn empty(&self) {
        let filled = self.filled.load(Ordering::Acquire);
        self.emptied.store(filled, Ordering::Release);
    }

    /// Publishes up to `count` slots of an empty ring as they are; how many.
    fn fill(&self, count: usize) -> usize {
        let count = count.min(self.slots.len());
        let filled = self.filled.load(Ordering::Relaxed);
        self.filled
            .store(filled.wrapping_add(count), Ordering::Release);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_was_sent() {
        let mut ring = Ring::new(&[0; 4], 8);
        let mut buffer = [0; 4];
        assert!(ring.push(&[7; 4]) && ring.pop(&mut buffer));
        assert_eq!(buffer, [7; 4]);
        assert!(!ring.pop(&mut buffer));
        let room = std::iter::repeat_with(|| ring.push(&[1; 4]));
        assert_eq!(room.take(20).filter(|taken| *taken).count(), 8);
    }

    #[test]
    fn both_ends_count_and_do_not_mix() {
        let mut rings = Rings::new(Shape::Plain(9014));
        let burst = rings.burst();
        assert_eq!(rings.offer(burst).unwrap(), burst);
        for _ in 0..burst / 32 {
            assert_eq!(rings.send(32).unwrap(), 32);
            assert_eq!(rings.receive(32).unwrap(), 32);
        }
        assert_eq!(rings.arrived().unwrap(), burst);
        assert_eq!(rings.receive(1).unwrap(), 0);
    }
}
