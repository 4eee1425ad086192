//! The steps of a command: each is announced, timed, and listed in a table at the end.

use std::fmt::{Display, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What a command has done so far. A failed step does not stop the next ones: one run shows all that is wrong.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    finished: Vec<Finished>,
}

#[derive(Debug)]
struct Finished {
    name: String,
    outcome: Outcome,
    duration: Duration,
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Done,
    Failed,
    Skipped,
}

impl Steps {
    /// Announces `name`, does `work` and remembers how it went.
    pub(crate) fn step(&mut self, name: impl Into<String>, work: impl FnOnce() -> Result<()>) {
        let name = name.into();
        println!("\n==> {name}");
        let start = Instant::now();
        let outcome = match work() {
            Ok(()) => Outcome::Done,
            Err(failure) => {
                println!("FAILED: {failure:#}");
                Outcome::Failed
            }
        };
        self.finished.push(Finished {
            name,
            outcome,
            duration: start.elapsed(),
        });
    }

    /// Announces `name` and why it cannot be done on this machine.
    pub(crate) fn skip(&mut self, name: impl Into<String>, reason: impl Display) {
        let name = name.into();
        println!("\n==> {name}\nskipped: {reason}");
        self.finished.push(Finished {
            name,
            outcome: Outcome::Skipped,
            duration: Duration::ZERO,
        });
    }

    /// Prints the table of all steps.
    ///
    /// # Errors
    ///
    /// If a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{}", self.table());
        let failed = self
            .finished
            .iter()
            .filter(|step| step.outcome == Outcome::Failed)
            .count();
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.finished.len());
        }
        Ok(())
    }

    fn table(&self) -> String {
        let width = self.finished.iter().map(|step| step.name.len()).max();
        let width = width.unwrap_or_default();
        let mut table = String::new();
        let mut total = Duration::ZERO;
        for step in &self.finished {
            let verdict = match step.outcome {
                Outcome::Done => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Skipped => "skipped",
            };
            total += step.duration;
            let seconds = step.duration.as_secs_f64();
            let _infallible = writeln!(
                table,
                "{verdict:<7}  {:<width$}  {seconds:>7.1} s",
                step.name
            );
        }
        let _infallible = write!(
            table,
            "{:<7}  {:<width$}  {:>7.1} s",
            "",
            "total",
            total.as_secs_f64()
        );
        table
    }
}

/// Runs a program whose output the user should see.
///
/// # Errors
///
/// If it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", display(command));
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("`{}`: {status}", display(command));
    }
    Ok(())
}

/// Runs a program and returns what it prints; its error messages go to the user.
///
/// # Errors
///
/// If it cannot be started or does not succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| cannot_start(command))?;
    if !output.status.success() {
        bail!("`{}`: {}", display(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", command.get_program().to_string_lossy())
}

/// The command as one would type it, without the search paths.
fn display(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        let (name, Some(value)) = (name.to_string_lossy(), value) else {
            continue;
        };
        if !name.ends_with("PATH") {
            words.push(format!("{name}={}", quoted(&value.to_string_lossy())));
        }
    }
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or(&program);
    words.push(name.to_owned());
    words.extend(
        command
            .get_args()
            .map(|word| quoted(&word.to_string_lossy())),
    );
    words.join(" ")
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"$*;&|".contains(c)) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_failed_step_does_not_stop_the_next_one_but_fails_the_command() {
        let mut steps = Steps::default();
        let mut second_ran = false;
        steps.step("first", || Err(anyhow!("broken")));
        steps.step("second", || {
            second_ran = true;
            Ok(())
        });
        assert!(second_ran);
        let table = steps.table();
        assert!(table.contains("FAILED   first"), "{table}");
        assert!(table.contains("ok       second"), "{table}");
        assert_eq!(
            steps.finish().unwrap_err().to_string(),
            "1 of 2 steps failed"
        );
    }

    #[test]
    fn a_skipped_step_is_listed_and_fails_nothing() {
        let mut steps = Steps::default();
        steps.skip("third", "no such machine");
        assert!(steps.table().contains("skipped  third"));
        assert!(steps.finish().is_ok());
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/opt/bin/cargo");
        command
            .args(["test", "a b"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("LD_LIBRARY_PATH", "/x");
        assert_eq!(display(&command), "RUSTFLAGS='--cfg loom' cargo test 'a b'");
    }

    #[test]
    fn a_program_that_fails_or_is_missing_is_an_error_that_names_it() {
        let error = run(&mut Command::new("false")).unwrap_err().to_string();
        assert!(error.starts_with("`false`: exit status"), "{error}");
        let error = output(&mut Command::new("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot start `no-such-program`");
    }
}
