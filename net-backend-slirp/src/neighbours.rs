//! The addresses of the guest that libslirp can answer at once.
//!
//! libslirp keeps an answer to an address that it does not know for a second, and has no limit for how much it keeps. So
//! frames from addresses that the guest did not make known by ARP or neighbour discovery pass at a small rate: enough for
//! libslirp to ask for the address, and not more.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Addresses that are remembered, of each IP version: as many as libslirp remembers.
const REMEMBERED: usize = 16;
/// Frames from other addresses in each period.
const STRANGERS: u32 = 64;
const PERIOD: Duration = Duration::from_secs(1);

pub(crate) struct Neighbours {
    /// Oldest first.
    ipv4: VecDeque<IpAddr>,
    ipv6: VecDeque<IpAddr>,
    /// When the period began, and frames of strangers in it.
    since: Instant,
    strangers: u32,
}

impl Neighbours {
    pub(crate) fn new() -> Self {
        Self {
            ipv4: VecDeque::with_capacity(REMEMBERED),
            ipv6: VecDeque::with_capacity(REMEMBERED),
            since: Instant::now(),
            strangers: 0,
        }
    }

    /// The guest made this address known.
    pub(crate) fn learn(&mut self, address: IpAddr) {
        let known = self.known(address);
        if address.is_unspecified() || known.contains(&address) {
            return;
        }
        if known.len() >= REMEMBERED {
            known.pop_front();
        }
        known.push_back(address);
    }

    /// Whether a frame from this address may pass.
    pub(crate) fn may_send(&mut self, address: IpAddr, now: impl FnOnce() -> Instant) -> bool {
        if address.is_unspecified() || self.known(address).contains(&address) {
            return true;
        }
        let now = now();
        if now.saturating_duration_since(self.since) >= PERIOD {
            self.since = now;
            self.strangers = 0;
        }
        self.strangers = self.strangers.saturating_add(1);
        self.strangers <= STRANGERS
    }

    fn known(&mut self, address: IpAddr) -> &mut VecDeque<IpAddr> {
        match address {
            IpAddr::V4(_) => &mut self.ipv4,
            IpAddr::V6(_) => &mut self.ipv6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_few_and_neighbours_as_many_as_they_like() {
        let mut neighbours = Neighbours::new();
        let (neighbour, stranger) = ([10, 0, 2, 15].into(), [10, 0, 2, 200].into());
        let now = neighbours.since;
        neighbours.learn(neighbour);
        for _ in 0..STRANGERS {
            assert!(neighbours.may_send(stranger, || now));
        }
        assert!(!neighbours.may_send(stranger, || now));
        assert!(neighbours.may_send(neighbour, || now));
        assert!(neighbours.may_send([0, 0, 0, 0].into(), || now));
        assert!(neighbours.may_send(stranger, || now + PERIOD));
        neighbours.learn(stranger);
        for _ in 0..2 * STRANGERS {
            assert!(neighbours.may_send(stranger, || now + PERIOD));
        }
    }

    #[test]
    fn the_oldest_neighbour_is_forgotten() {
        let mut neighbours = Neighbours::new();
        for number in 0..=u8::try_from(REMEMBERED).unwrap() {
            neighbours.learn([10, 0, 2, number + 1].into());
        }
        assert_eq!(neighbours.ipv4.len(), REMEMBERED);
        assert!(!neighbours.ipv4.contains(&[10, 0, 2, 1].into()));
        assert!(neighbours.ipv6.is_empty());
    }
}
