//! Other programs.

use std::fs;
use std::time::Duration;

/// The CPU time that all threads of a process have spent so far; zero for one that has ended.
///
/// The sum of the first numbers in `/proc/PID/task/*/schedstat`, nanoseconds (Documentation/scheduler/sched-stats.rst of
/// Linux). Threads that have ended are not in it.
pub(in crate::bench) fn cpu_time(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let times = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let (running, _) = text.split_once(' ')?;
            running.parse().ok().map(Duration::from_nanos)
        });
    times.sum()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Instant;

    use super::*;

    #[test]
    fn time_is_spent_and_ends_with_the_process() {
        let first = cpu_time(std::process::id());
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        // The kernel adds it up now and then.
        let deadline = Instant::now() + Duration::from_secs(10);
        while cpu_time(std::process::id()) <= first {
            assert!(Instant::now() < deadline, "no time passes");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(cpu_time(child.id()), Duration::ZERO);
    }
}
