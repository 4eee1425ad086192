//! What became of each step.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

/// How a step went that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What came of it.
    Done(String),
    /// Why it was not done.
    Skipped(String),
}

/// Lines that are shown as steps end.
#[derive(Debug, Default)]
pub(super) struct Report {
    failed: Vec<String>,
    count: usize,
    time: Duration,
}

impl Report {
    /// Does a step of `group` and says how it went; whether it did not fail.
    pub(super) fn step(
        &mut self,
        group: &str,
        name: &str,
        work: impl FnOnce() -> Result<Verdict>,
    ) -> bool {
        let start = Instant::now();
        let outcome = work();
        let time = start.elapsed();
        self.count += 1;
        self.time += time;
        let fine = outcome.is_ok();
        let (verdict, detail) = match outcome {
            Ok(Verdict::Done(detail)) => ("ok", detail),
            Ok(Verdict::Skipped(reason)) => ("skipped", reason),
            Err(error) => {
                self.failed.push(format!("{group}: {name}"));
                ("FAILED", format!("{error:#}"))
            }
        };
        say(&line(verdict, group, name, &detail, time));
        fine
    }

    /// The names of steps that failed, how many there were, and how long they took.
    pub(super) fn finish(self) -> (Vec<String>, usize, Duration) {
        (self.failed, self.count, self.time)
    }
}

fn line(verdict: &str, group: &str, name: &str, detail: &str, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let detail = detail.trim_end();
    format!("{verdict:<7}  {group:<5}  {name:<28}  {seconds:>6.1} s  {detail}")
}

/// Whoever reads may have read enough.
fn say(line: &str) {
    let mut stdout = io::stdout().lock();
    let _reader_left = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn only_what_failed_counts_as_failed() {
        let mut report = Report::default();
        assert!(report.step("a", "one", || Ok(Verdict::Done(String::new()))));
        assert!(report.step("a", "two", || Ok(Verdict::Skipped("why".to_owned()))));
        assert!(!report.step("b", "three", || Err(anyhow!("broken"))));
        let (failed, count, _) = report.finish();
        assert_eq!((failed, count), (vec!["b: three".to_owned()], 3));
    }

    #[test]
    fn a_line_tells_all() {
        let line = line("ok", "tap", "ping", "1.0 ms", Duration::from_millis(1500));
        assert_eq!(
            line,
            "ok       tap    ping                             1.5 s  1.0 ms"
        );
    }
}
