//! What differs between two runs.

use std::fmt;

use super::case::{Clock, Role, Unit};
use super::report::Report;
use super::row::{Better, Figure, Row};
use super::spread::Spread;
use super::text::{compared, cost_text, cpu_text, lost_text, ratio_text, references};

/// A part of all units that does not matter.
const LITTLE_LOSS: f64 = 0.001;

/// What differs between two runs beyond what chance does.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// Why the runs can hardly be compared, each in a sentence.
    pub warnings: Vec<String>,
    /// What changed, in the order of the rows.
    pub changed: Vec<Change>,
    /// What only the later run has, `ROW: CONTESTANT`.
    pub added: Vec<String>,
    /// What only the earlier run has.
    pub gone: Vec<String>,
    /// How many were compared.
    pub compared: usize,
    /// How many of these have quartiles that overlap.
    pub agree: usize,
    /// What differs by no more than this part is no change, however narrow the quartiles are: a twentieth, a tenth if a run
    /// was a first look, and more if the controls differ.
    pub least: f64,
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// `ROW: CONTESTANT`, with ` / REFERENCE` where it is a quotient.
    pub what: String,
    /// What was compared.
    pub measure: Measure,
    /// In the earlier run.
    pub before: Spread,
    /// In the later run.
    pub after: Spread,
    /// What is good.
    pub better: Better,
}

/// What is compared of a contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Measure {
    /// The quotient with another contestant of the same run.
    Quotient,
    /// The cost of such a unit.
    Cost(Unit),
    /// The CPU time for such a unit.
    Cpu(Unit),
    /// The part of the units that did not arrive.
    Lost,
}

impl Changes {
    /// What differs between an `earlier` run and a `later` one.
    ///
    /// What else the machine was busy with should not change it. Of the library's contestants, therefore, quotients are
    /// compared, beside the most telling reference that both runs have; of others, costs, where these are CPU time, and
    /// CPU time where they are time on the wall. What is lost is compared of everybody.
    #[must_use]
    pub fn between(earlier: &Report, later: &Report) -> Self {
        let mut changes = Self {
            warnings: warnings(earlier, later),
            added: only_in(later, earlier),
            gone: only_in(earlier, later),
            least: least(earlier, later),
            ..Self::default()
        };
        for row in &later.rows {
            let Some(old) = counterpart(row, earlier) else {
                continue;
            };
            for figure in &row.figures {
                let Some(before) = old.figure(&figure.contestant, figure.at) else {
                    continue;
                };
                changes.add(change((old, before), (row, figure)));
                changes.add_losses(name(row, figure), before.losses(), figure.losses());
            }
        }
        changes
    }

    fn add(&mut self, change: Change) {
        self.compared += 1;
        if change.before.overlaps(&change.after) {
            self.agree += 1;
        } else if (change.quotient() - 1.0).abs() > self.least {
            self.changed.push(change);
        }
    }

    /// They are not counted among what was compared: hardly anybody loses something.
    fn add_losses(&mut self, what: String, before: Spread, after: Spread) {
        let difference = (after.median - before.median).abs();
        let least = self.least * before.median.max(after.median);
        if !before.overlaps(&after) && difference > least.max(LITTLE_LOSS) {
            self.changed.push(Change {
                what,
                measure: Measure::Lost,
                before,
                after,
                better: Better::Less,
            });
        }
    }
}

impl Change {
    /// What it is after by what it was before; no finite number where there was nothing before.
    #[must_use]
    pub fn quotient(&self) -> f64 {
        self.after.median / self.before.median
    }

    /// Whether it changed for the better.
    #[must_use]
    pub fn is_better(&self) -> bool {
        match self.better {
            Better::Less => self.quotient() < 1.0,
            Better::More => self.quotient() > 1.0,
        }
    }
}

/// One line each, then how many agree.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changed {
            writeln!(f, "  {change}")?;
        }
        for what in &self.added {
            writeln!(f, "  new     {what}")?;
        }
        for what in &self.gone {
            writeln!(f, "  gone    {what}")?;
        }
        let (compared, agree, changed) = (self.compared, self.agree, self.changed.len());
        let little = compared.saturating_sub(agree + changed);
        writeln!(
            f,
            "{agree} of {compared} agree within their quartiles; {little} differ by {:.0} % or less, {changed} changed",
            self.least * 100.0
        )?;
        self.warnings
            .iter()
            .try_for_each(|it| writeln!(f, "WARNING: {it}"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_better() { "better" } else { "worse" };
        let told = |it: Spread| match self.measure {
            Measure::Quotient => ratio_text(it),
            Measure::Cost(unit) => cost_text(it, unit),
            Measure::Cpu(unit) => cpu_text(it, unit),
            Measure::Lost => lost_text(it),
        };
        // People read rates where these are what counts.
        let quotient = match self.measure {
            Measure::Cost(unit) if unit.better() == Better::More => 1.0 / self.quotient(),
            _ => self.quotient(),
        };
        let (what, before, after) = (&self.what, told(self.before), told(self.after));
        write!(f, "{word:<7} {what}  {before} → {after}")?;
        let percent = (quotient - 1.0) * 100.0;
        match percent.is_finite() && self.measure != Measure::Lost {
            true => write!(f, "  {percent:+.0} %"),
            false => Ok(()),
        }
    }
}

fn warnings(earlier: &Report, later: &Report) -> Vec<String> {
    let (one, other) = (&earlier.machine, &later.machine);
    let on = |cpus: usize| format!("{cpus} CPUs");
    let differ = [
        ("machine", one.cpu.clone(), other.cpu.clone()),
        ("machine", on(one.cpus), on(other.cpus)),
        ("kernel", one.kernel.clone(), other.kernel.clone()),
        ("way to measure", on(earlier.plan.cpus), on(later.plan.cpus)),
        (
            "way to measure",
            length(earlier).to_owned(),
            length(later).to_owned(),
        ),
    ];
    let differ = differ.into_iter().filter(|(_, one, other)| one != other);
    let mut warnings: Vec<String> = differ
        .map(|(what, one, other)| format!("another {what}: {one} before, {other} after"))
        .collect();
    let noisy = [(earlier, "earlier"), (later, "later")].into_iter();
    let noisy = noisy.filter(|(report, _)| report.noise() > Report::NOISE);
    warnings.extend(noisy.map(|(_, which)| format!("the machine was too busy in the {which} run")));
    warnings
}

/// Between two runs of the same figures differ by more than within one: other places in memory, another time of the day.
fn least(earlier: &Report, later: &Report) -> f64 {
    let least = match earlier.plan.quick || later.plan.quick {
        true => 0.1,
        false => 0.05,
    };
    let controls = [(earlier.copy, later.copy), (earlier.call, later.call)];
    let shifts = controls.map(|(before, after)| (after.median / before.median - 1.0).abs());
    let shifts = shifts.into_iter().filter(|it| it.is_finite());
    least + shifts.fold(0.0, f64::max)
}

fn length(report: &Report) -> &'static str {
    match report.plan.quick {
        true => "a first look",
        false => "runs of full length",
    }
}

/// The same row in another run. What was counted otherwise is not the same.
fn counterpart<'a>(row: &Row, report: &'a Report) -> Option<&'a Row> {
    let mut rows = report.rows.iter();
    rows.find(|it| it.id() == row.id() && it.unit == row.unit && it.clock == row.clock)
}

/// `ROW: CONTESTANT` of figures that the other report does not have; where it does not have the row, only that.
fn only_in(report: &Report, other: &Report) -> Vec<String> {
    let mut found = Vec::new();
    for row in &report.rows {
        let Some(same) = counterpart(row, other) else {
            found.push(row.id());
            continue;
        };
        let figures = row.figures.iter();
        let alone = figures.filter(|it| same.figure(&it.contestant, it.at).is_none());
        found.extend(alone.map(|it| name(row, it)));
    }
    found
}

fn name(row: &Row, figure: &Figure) -> String {
    let at = figure.at.map_or(String::new(), |at| format!(" at {at}"));
    format!("{}: {}{at}", row.id(), figure.contestant)
}

fn change((old, before): (&Row, &Figure), (row, after): (&Row, &Figure)) -> Change {
    let name = name(row, after);
    let mut shared = references(row).into_iter().filter_map(|reference| {
        let find = |row| compared(row, &after.contestant, after.at, reference);
        Some((find(old)?, find(row)?))
    });
    if let (Role::Library, Some((before, after))) = (after.role, shared.next()) {
        return Change {
            what: format!("{name} / {}", after.reference),
            measure: Measure::Quotient,
            before: before.value,
            after: after.value,
            better: after.better,
        };
    }
    let (measure, before, after) = match row.clock {
        Clock::ThisThread | Clock::Value => (Measure::Cost(row.unit), before.cost, after.cost),
        Clock::Wall => (Measure::Cpu(row.unit), before.cpu, after.cpu),
    };
    Change {
        what: name,
        measure,
        before,
        after,
        better: Better::Less,
    }
}

#[cfg(test)]
mod tests;
