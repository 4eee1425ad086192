//! The servers of guest forwards, and connections to them that have only begun.
//!
//! libslirp opens something on the host when such a connection is complete, not when it begins; and one that has begun
//! has no descriptor that would bound their number.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

/// How long libslirp remembers a connection that is not completed.
const PATIENCE: Duration = Duration::from_secs(75);
/// How many of them there may be.
const BEGUN: usize = 1024;

#[derive(Default)]
pub(crate) struct GuestServers {
    addresses: Vec<SocketAddrV4>,
    /// When connections began that are not complete, oldest first.
    begun: VecDeque<Instant>,
}

impl GuestServers {
    pub(crate) fn add(&mut self, address: SocketAddrV4) {
        self.addresses.push(address);
    }

    /// Whether this is one.
    #[inline]
    pub(crate) fn has(&self, address: SocketAddr) -> bool {
        match address {
            SocketAddr::V4(address) => self.addresses.contains(&address),
            SocketAddr::V6(_) => false,
        }
    }

    /// Whether libslirp would take a connection for one to a server, although it is over IPv6: it looks for the server's
    /// address in the middle of the guest's (4.7, 4.8).
    pub(crate) fn are_mistaken(&self, source: IpAddr, port: u16) -> bool {
        let IpAddr::V6(source) = source else {
            return false;
        };
        let [_, _, _, _, a, b, c, d, ..] = source.octets();
        let address = SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port);
        self.addresses.contains(&address)
    }

    /// A connection begins; `false` when there are too many that are not complete.
    pub(crate) fn begin(&mut self, now: Instant) -> bool {
        let is_over = |begun: &Instant| now.saturating_duration_since(*begun) > PATIENCE;
        while self.begun.front().is_some_and(is_over) {
            self.begun.pop_front();
        }
        let has_room = self.begun.len() < BEGUN;
        if has_room {
            self.begun.push_back(now);
        }
        has_room
    }

    /// One is complete.
    pub(crate) fn complete(&mut self) {
        self.begun.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_are_never_completed_are_bounded() {
        let mut servers = GuestServers::default();
        let now = Instant::now();
        for _ in 0..BEGUN {
            assert!(servers.begin(now));
        }
        assert!(!servers.begin(now));
        servers.complete();
        assert!(servers.begin(now));
        assert!(!servers.begin(now + PATIENCE));
        assert!(servers.begin(now + PATIENCE + Duration::from_millis(1)));
    }
}
