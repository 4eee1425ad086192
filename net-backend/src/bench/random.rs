//! Orders.

use std::hash::{BuildHasher, RandomState};

/// Random numbers (xorshift, with a seed from the standard library).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    /// Another sequence every time.
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// Puts the elements into any order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            elements.swap(last, self.below(last + 1));
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.0 >> 32) % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_comes_up() {
        let mut random = Random::new();
        let mut first = [0; 3];
        for _ in 0..3000 {
            let mut order = [0, 1, 2];
            random.shuffle(&mut order);
            first[order[0]] += 1;
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2]);
        }
        assert!(first.iter().all(|it| (800..1200).contains(it)), "{first:?}");
    }
}
