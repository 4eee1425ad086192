use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, FormatSetting, Trial};

/// After this time it is said which case still runs: perhaps it never ends.
const LONG: Duration = Duration::from_secs(60);

/// Cases for a test without harness, in groups. It needs no terminal, no environment and no file, so that it can be the
/// only process of a system; it takes the arguments of `cargo test`.
#[derive(Debug, Default)]
pub struct Suite {
    trials: Vec<Trial>,
    tally: Arc<Mutex<Tally>>,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Passed,
    /// It could not be tried, for this reason.
    NotRun(String),
    /// It is not, and this is what was found.
    Failed(String),
}

impl Suite {
    /// One without cases.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the case `group/name`. A panic of it is a failure.
    pub fn add(&mut self, group: &str, name: &str, run: impl FnOnce() -> Verdict + Send + 'static) {
        let tally = Arc::clone(&self.tally);
        let (group, name) = (group.to_owned(), format!("{group}/{name}"));
        let title = name.clone();
        self.trials.push(Trial::ignorable_test(title, move || {
            locked(&tally).running.insert(name.clone(), Instant::now());
            let outcome = catch_unwind(AssertUnwindSafe(run));
            let panicked = Verdict::Failed("it panicked".to_owned());
            let verdict = outcome.as_ref().unwrap_or(&panicked);
            locked(&tally).ended(&group, &name, verdict);
            if let Verdict::Failed(found) = verdict {
                // Said again at the end, which a later case may keep it from reaching.
                let _unheard = writeln!(std::io::stdout(), "\n{name}: {found}");
            }
            match outcome {
                Ok(verdict) => verdict.into(),
                Err(panic) => resume_unwind(panic),
            }
        }));
    }

    /// Runs the cases that the arguments of the program choose. Says what became of each and why, at the end of each
    /// group and of all together. Returns what `main` returns: success unless a case failed.
    pub fn run(self) -> ExitCode {
        let arguments = Arguments::from_args();
        let is_plain = !arguments.list && !matches!(arguments.format, Some(FormatSetting::Json));
        if is_plain {
            watch(&self.tally);
        }
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        if is_plain {
            // Without anybody who reads it there is nothing to say.
            let _unheard = write!(std::io::stdout(), "{}", locked(&self.tally));
        }
        conclusion.exit_code()
    }
}

impl From<Verdict> for Result<Completion, Failed> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Ok(Completion::Completed),
            Verdict::NotRun(reason) => Ok(Completion::ignored_with(reason)),
            Verdict::Failed(found) => Err(found.into()),
        }
    }
}

/// What has become of all cases so far.
#[derive(Debug, Default)]
struct Tally {
    groups: BTreeMap<String, Group>,
    running: BTreeMap<String, Instant>,
}

#[derive(Debug, Default)]
struct Group {
    passed: usize,
    failed: usize,
    /// How many, by reason.
    not_run: BTreeMap<String, usize>,
}

impl Tally {
    fn ended(&mut self, group: &str, name: &str, verdict: &Verdict) {
        self.running.remove(name);
        let group = self.groups.entry(group.to_owned()).or_default();
        match verdict {
            Verdict::Passed => group.passed += 1,
            Verdict::Failed(_) => group.failed += 1,
            Verdict::NotRun(reason) => *group.not_run.entry(reason.clone()).or_default() += 1,
        }
    }
}

impl Group {
    fn not_run(&self) -> usize {
        self.not_run.values().sum()
    }
}

/// A line for each group and one for all.
impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.groups.keys().map(String::len).max().unwrap_or(0);
        let (mut passed, mut failed, mut not_run) = (0, 0, 0);
        for (name, group) in &self.groups {
            writeln!(f, "{name:width$}  {group}")?;
            passed += group.passed;
            failed += group.failed;
            not_run += group.not_run();
        }
        writeln!(
            f,
            "total: {passed} passed, {failed} failed, {not_run} not run"
        )
    }
}

impl Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, not_run) = (self.passed, self.failed, self.not_run());
        write!(f, "{passed} passed, {failed} failed, {not_run} not run")?;
        let mut before = ": ";
        for (reason, count) in &self.not_run {
            // A reason is one line of this one.
            let reason = reason.replace('\n', " ");
            write!(f, "{before}{reason} ({count})")?;
            before = "; ";
        }
        Ok(())
    }
}

/// Says once of each case that it takes long. The thread ends with the process.
fn watch(tally: &Arc<Mutex<Tally>>) {
    let tally = Arc::clone(tally);
    let watching = thread::Builder::new().name("watch".to_owned());
    let _nobody_watches = watching.spawn(move || {
        let mut said = Vec::new();
        loop {
            thread::sleep(Duration::from_secs(5));
            let mut text = String::new();
            for (name, since) in &locked(&tally).running {
                if since.elapsed() >= LONG && !said.contains(name) {
                    said.push(name.clone());
                    let _always = writeln!(text, "{name} runs for more than {LONG:?}");
                }
            }
            let _unheard = std::io::stdout().write_all(text.as_bytes());
        }
    });
}

/// A case that panics leaves the numbers as they are.
fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_group_and_one_for_all() {
        let mut tally = Tally::default();
        let absent = |reason: &str| Verdict::NotRun(reason.to_owned());
        for (group, verdict) in [
            ("tap", Verdict::Passed),
            ("tap", Verdict::Failed("wrong".to_owned())),
            ("netmap/vale", absent("no /dev/netmap")),
            ("netmap/vale", absent("no /dev/netmap")),
            ("netmap/vale", absent("two\nlines")),
            ("tap", Verdict::Passed),
        ] {
            tally.ended(group, "case", &verdict);
        }
        let expected = "\
            netmap/vale  0 passed, 0 failed, 3 not run: no /dev/netmap (2); two lines (1)\n\
            tap          2 passed, 1 failed, 0 not run\n\
            total: 2 passed, 1 failed, 3 not run\n";
        assert_eq!(tally.to_string(), expected);
    }

    #[test]
    fn what_runs_is_known_until_it_ends() {
        let mut tally = Tally::default();
        tally.running.insert("tap/a".to_owned(), Instant::now());
        tally.running.insert("tap/b".to_owned(), Instant::now());
        tally.ended("tap", "tap/a", &Verdict::Passed);
        let running: Vec<_> = tally.running.keys().collect();
        assert_eq!(running, ["tap/b"]);
    }
}
