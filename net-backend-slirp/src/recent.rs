//! A map that forgets.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// A map with a limit: when it is full, the half that is least recent goes.
pub(crate) struct Recent<K, V> {
    entries: HashMap<K, (Instant, V)>,
    most: usize,
}

impl<K: Hash + Eq, V> Recent<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            most,
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value, and when it was put in.
    pub(crate) fn get(&self, key: &K) -> Option<&(Instant, V)> {
        self.entries.get(key)
    }

    /// The value, which is as recent as if it were put in again.
    pub(crate) fn renew(&mut self, key: &K) -> Option<&V> {
        let (time, value) = self.entries.get_mut(key)?;
        *time = Instant::now();
        Some(value)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            self.forget_half();
        }
        self.entries.insert(key, (Instant::now(), value));
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.entries.retain(|_, (_, value)| keep(value));
    }

    fn forget_half(&mut self) {
        let mut times: Vec<Instant> = self.entries.values().map(|(time, _)| *time).collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, (time, _)| *time > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_half_makes_room() {
        let mut recent = Recent::new(8);
        for number in 0..9 {
            recent.insert(number, ());
        }
        assert!(recent.get(&0).is_none());
        assert!(recent.get(&8).is_some());
        assert!(recent.entries.len() <= 5);
        for _ in 0..100 {
            recent.insert(8, ());
        }
        assert!(
            recent.get(&7).is_some(),
            "an entry that is there needs no room"
        );
    }
}
