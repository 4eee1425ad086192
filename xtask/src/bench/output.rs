//! What people see, while it is measured and afterwards.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use net_backend::bench::{self, Changes, Goals, Report};

use super::{compare, gate};

/// What the figures are held against.
#[derive(Args, Debug)]
pub(super) struct Judgement {
    /// Show what changed, beyond noise, since the figures that --json wrote to this file
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    /// Fail if a goal of bench/goals.toml is missed by more than its margin
    #[arg(long)]
    gate: bool,
}

impl Judgement {
    /// Reads what is needed, so that a mistake shows before anything is measured.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or the goals are not for that.
    pub(super) fn prepare(&self, cpus: usize) -> Result<Judge> {
        ensure!(
            cpus == 1 || !self.gate,
            "--gate: the goals are for one CPU; leave out --cpus {cpus}"
        );
        let earlier = self.compare.as_deref().map(compare::read);
        Ok(Judge {
            goals: gate::goals()?,
            earlier: earlier.transpose()?,
            is_gate: self.gate,
        })
    }
}

/// Holds figures against goals, and against those of another run.
#[derive(Debug)]
pub(super) struct Judge {
    goals: Goals,
    earlier: Option<Report>,
    is_gate: bool,
}

impl Judge {
    /// Gives the report its goals, and prints it. Goals that were used for nothing are mistakes if `everything` was measured.
    pub(super) fn show(&self, report: &mut Report, everything: bool) {
        let unused = self.goals.attach(report);
        let mut text = report.to_string();
        if everything {
            text.push('\n');
            text.push_str(&gate::complaints(&unused));
        }
        if self.is_gate {
            text.push('\n');
            text.push_str(&gate::unjudged(&self.goals, report));
        }
        if let Some(earlier) = &self.earlier {
            let changes = Changes::between(earlier, report);
            let _infallible = write!(text, "\nsince the other run\n{changes}");
        }
        // Whoever reads may have read enough.
        let _closed = io::stdout().write_all(text.as_bytes());
    }

    /// Fails if a goal was missed and that matters.
    ///
    /// # Errors
    ///
    /// That.
    pub(super) fn finish(&self, report: &Report) -> Result<()> {
        match self.is_gate {
            true => gate::gate(&self.goals, report),
            false => Ok(()),
        }
    }
}

/// How far it is: a bar, or a line for each row where nobody watches. Clones show the same.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    /// Rows that are done.
    done: Rc<Cell<u64>>,
    rows: u64,
    /// Which process of several this is.
    process: String,
    is_watched: bool,
}

impl Progress {
    /// The bar's length for a row.
    const STEPS: u64 = 1000;

    /// For so many rows, of which perhaps only a part is measured, by the process of this name.
    pub(super) fn new(rows: usize, is_part: bool, process: &str) -> Self {
        let rows = rows as u64;
        let bar = ProgressBar::new(rows * Self::STEPS);
        let template = "{bar:24} {elapsed}{left}  {wide_msg}";
        // The style is a constant: it is good, or the default is.
        if let Ok(style) = ProgressStyle::with_template(template) {
            let left = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
                let left = match is_part {
                    true => String::new(),
                    false => left(state.elapsed(), state.fraction()),
                };
                let _infallible = text.write_str(&left);
            };
            bar.set_style(style.with_key("left", left));
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            done: Rc::default(),
            process: process.to_owned(),
            rows,
            is_watched: io::stderr().is_terminal(),
        }
    }

    /// A round begins.
    pub(super) fn round(&self, it: bench::Progress<'_>) {
        let (done, rounds) = (self.done.get(), it.rounds.max(1) as u64);
        let (process, rows, section, name) = (&self.process, self.rows, it.section, it.name);
        let which = format!("{process}, {}/{rows} {section} {name}", done + 1);
        if self.is_watched {
            let round = (it.round as u64).min(rounds);
            self.bar
                .set_position(done * Self::STEPS + round * Self::STEPS / rounds);
            self.bar
                .set_message(format!("{which}, round {round} of {rounds}"));
        } else if it.round == 0 {
            eprintln!("{which}");
        }
    }

    /// A row is done, or is not wanted.
    pub(super) fn row_is_done(&self) {
        self.done.set(self.done.get() + 1);
        self.bar.set_position(self.done.get() * Self::STEPS);
    }

    /// All are done.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How long it takes on, if it goes on like that; nothing while that would be a guess.
fn left(elapsed: Duration, fraction: f32) -> String {
    if elapsed < Duration::from_secs(3) || fraction < 0.01 {
        return String::new();
    }
    let seconds = elapsed.as_secs_f32() * (1.0 - fraction) / fraction;
    match seconds {
        seconds if seconds < 90.0 => format!(", {seconds:.0} s left"),
        seconds => format!(", {:.0} min left", seconds / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_once_it_can_be_known() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(1), 0.5), "");
        assert_eq!(left(seconds(60), 0.001), "");
        assert_eq!(left(seconds(10), 0.25), ", 30 s left");
        assert_eq!(left(seconds(60), 0.1), ", 9 min left");
        assert_eq!(left(seconds(60), 1.0), ", 0 s left");
    }

    #[test]
    fn goals_are_for_one_cpu() {
        let judgement = Judgement {
            compare: None,
            gate: true,
        };
        assert!(judgement.prepare(1).is_ok());
        let error = judgement.prepare(2).unwrap_err();
        assert!(error.to_string().contains("--cpus 2"), "{error}");
    }
}
