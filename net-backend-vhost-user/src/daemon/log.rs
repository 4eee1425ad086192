//! What the daemon says, and how often: a guest may not fill a log.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines at once.
const BURST: u32 = 20;
/// Time for one more.
const PERIOD: Duration = Duration::from_secs(10);

/// Lines about a device on the standard error output.
#[derive(Debug)]
pub(super) struct Log {
    about: String,
    limit: Mutex<Limit>,
}

impl Log {
    /// Lines about a device.
    pub(super) fn new(about: String) -> Self {
        let limit = Mutex::new(Limit::new(Instant::now()));
        Self { about, limit }
    }

    /// Says it, unless too much was said.
    pub(super) fn tell(&self, what: &str) {
        let limit = self.limit.lock();
        let unsaid = limit
            .unwrap_or_else(PoisonError::into_inner)
            .take(Instant::now());
        match unsaid {
            None => {}
            Some(0) => say(&format!("{}: {what}", self.about)),
            Some(unsaid) => say(&format!("{}: {what} ({unsaid} lines left out)", self.about)),
        }
    }
}

/// Says a line, always.
pub(super) fn say(what: &str) {
    // Nobody may listen any more, as when a pipe is closed.
    let _closed = writeln!(io::stderr().lock(), "net-backend-vhost-user: {what}");
}

/// How many lines may be said.
#[derive(Debug)]
struct Limit {
    left: u32,
    since: Instant,
    unsaid: u64,
}

impl Limit {
    fn new(now: Instant) -> Self {
        Self {
            left: BURST,
            since: now,
            unsaid: 0,
        }
    }

    /// Whether a line may be said, and then how many were not since the last.
    fn take(&mut self, now: Instant) -> Option<u64> {
        while self.left < BURST && now.saturating_duration_since(self.since) >= PERIOD {
            self.left += 1;
            self.since += PERIOD;
        }
        if self.left == BURST {
            self.since = now;
        }
        if self.left == 0 {
            self.unsaid += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_lines_are_counted_instead() {
        let start = Instant::now();
        let mut limit = Limit::new(start);
        for _ in 0..BURST {
            assert_eq!(limit.take(start), Some(0));
        }
        for _ in 0..1000 {
            assert_eq!(limit.take(start + PERIOD / 2), None);
        }
        assert_eq!(limit.take(start + PERIOD), Some(1000));
        assert_eq!(limit.take(start + PERIOD), None);
        let later = start + 1000 * PERIOD;
        assert_eq!(limit.take(later), Some(1));
        for _ in 1..BURST {
            assert_eq!(limit.take(later), Some(0));
        }
        assert_eq!(limit.take(later), None);
    }
}
