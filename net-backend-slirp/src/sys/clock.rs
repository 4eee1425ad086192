//! The clock that libslirp sees.
//!
//! libslirp keeps the time in a variable that all its instances share (`curtime`, milliseconds in 32 bits), so there
//! is one time line per process. That variable wraps every 49.7 days, and sockets that expire behind the wrap
//! would count as expired at once; so the line jumps over the last minutes in front of each wrap.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::event::Timespec;

/// Milliseconds between two wraps.
const WRAP: u64 = 1 << 32;
/// Milliseconds in front of a wrap that never are: longer than libslirp's longest expiry, 240 s.
const LEFT_OUT: u64 = 250_000;
/// Milliseconds of real time between two wraps.
const LAP: u64 = WRAP - LEFT_OUT;
/// Milliseconds at which the line begins, as libslirp takes 0 for "never".
const START: u64 = 1000;

const NANOSECONDS: u64 = 1_000_000;

/// What `clock_get_ns` tells: nanoseconds on libslirp's time line.
pub(super) fn nanoseconds() -> i64 {
    let elapsed = origin().elapsed();
    let within = u64::from(elapsed.subsec_nanos()) % NANOSECONDS;
    let nanoseconds = line(milliseconds_of(elapsed)) * NANOSECONDS + within;
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

/// The whole milliseconds on libslirp's time line at `now`.
pub(super) fn milliseconds(now: Instant) -> i64 {
    let elapsed = now.saturating_duration_since(origin());
    i64::try_from(line(milliseconds_of(elapsed))).unwrap_or(i64::MAX)
}

/// When libslirp's time line reaches `milliseconds`; `None` if that is too far away to be told.
pub(super) fn instant(milliseconds: i64) -> Option<Instant> {
    let line = u64::try_from(milliseconds).unwrap_or(0);
    origin().checked_add(Duration::from_millis(real(line)))
}

/// A time as system calls take it.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

fn milliseconds_of(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX / NANOSECONDS / 4)
}

/// From real milliseconds since the origin to the line.
fn line(real: u64) -> u64 {
    let real = real + START;
    real + real / LAP * LEFT_OUT
}

/// The inverse: when the line is at or behind `line` for the first time.
fn real(line: u64) -> u64 {
    let (laps, within) = (line / WRAP, line % WRAP);
    (laps * LAP + within.min(LAP)).saturating_sub(START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_grows_and_leaves_the_time_before_a_wrap_out() {
        for lap in 1..4 {
            let edge = lap * LAP - START;
            assert_eq!(line(edge - 1), (lap - 1) * WRAP + LAP - 1);
            assert_eq!(line(edge), lap * WRAP);
            assert_eq!(line(edge + 1), lap * WRAP + 1);
        }
    }

    #[test]
    fn a_deadline_is_reached_at_its_instant_and_not_before() {
        let deadlines = [
            START,
            START + 1,
            5000,
            LAP - 1,
            LAP,
            WRAP - 1,
            WRAP,
            WRAP + 7,
        ];
        for deadline in deadlines {
            let at = real(deadline);
            assert!(line(at) >= deadline, "{deadline}");
            assert!(at == 0 || line(at - 1) < deadline, "{deadline}");
        }
    }

    #[test]
    fn instants_and_milliseconds_agree() {
        let now = milliseconds(Instant::now());
        let later = instant(now + 600_000).expect("ten minutes");
        assert_eq!(milliseconds(later), now + 600_000);
        assert!(nanoseconds() / 1_000_000 >= now);
    }
}
