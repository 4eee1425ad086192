//! CPU time.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time that this thread has spent so far (`CLOCK_THREAD_CPUTIME_ID`, clock_gettime(2)).
#[must_use]
pub fn thread_time() -> Duration {
    time(ClockId::ThreadCPUTime)
}

/// The CPU time that all threads of this process have spent so far (`CLOCK_PROCESS_CPUTIME_ID`, clock_gettime(2)).
#[must_use]
pub fn process_time() -> Duration {
    time(ClockId::ProcessCPUTime)
}

fn time(clock: ClockId) -> Duration {
    // Such a clock never shows less than nothing.
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}
