//! What differs between two runs.

use std::fmt;

use super::case::{Clock, Role, Unit};
use super::report::Report;
use super::row::{Better, Figure, Row};
use super::spread::Spread;
use super::text::{compared, cost_text, cpu_text, ratio_text, references};

/// What differs between two runs beyond what chance does.
#[derive(Clone, Debug, Default, PartialEq)]
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
}

impl Changes {
    /// What differs between an `earlier` run and a `later` one.
    ///
    /// What else the machine was busy with should not change it. Of the library's contestants, therefore, quotients are
    /// compared, beside the most telling reference that both runs have; of others, costs, where these are CPU time, and
    /// CPU time where they are time on the wall.
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
}

impl Change {
    /// What it is after by what it was before.
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
        };
        // People read rates where these are what counts.
        let quotient = match self.measure {
            Measure::Cost(unit) if unit.better() == Better::More => 1.0 / self.quotient(),
            _ => self.quotient(),
        };
        let percent = (quotient - 1.0) * 100.0;
        let (what, before, after) = (&self.what, told(self.before), told(self.after));
        write!(f, "{word:<7} {what}  {before} → {after}  {percent:+.0} %")
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
mod tests {
    use super::super::text::samples::{figure, report, row};
    use super::*;

    fn run(library: f64, hand: f64) -> Report {
        let figures = vec![
            figure("library", Role::Library, library),
            figure("by hand", Role::ByHand, hand),
        ];
        report(vec![row("tap/send", figures)])
    }

    #[test]
    fn the_same_run_has_no_changes() {
        let run = run(11.0, 10.0);
        let changes = Changes::between(&run, &run);
        assert_eq!((changes.compared, changes.agree), (2, 2));
        assert_eq!(
            changes.to_string(),
            "2 of 2 agree within their quartiles; 0 differ by 5 % or less, 0 changed\n"
        );
    }

    #[test]
    fn of_the_library_quotients_are_compared_and_of_others_costs() {
        let changes = Changes::between(&run(11.0, 10.0), &run(22.0, 20.0));
        assert_eq!((changes.compared, changes.agree), (2, 1));
        let [change] = &*changes.changed else {
            panic!("{changes:?}")
        };
        assert_eq!(change.measure, Measure::Cost(Unit::Frame));
        assert!(!change.is_better());
        assert_eq!(
            change.to_string(),
            "worse   tap/send: by hand  10.0 ns/frame [9.9-10.1] → 20.0 ns/frame [19.8-20.2]  +100 %"
        );
        let changes = Changes::between(&run(11.0, 10.0), &run(10.0, 10.0));
        let text = changes.to_string();
        let better =
            "better  tap/send: library / by hand  1.100 [1.100-1.100] → 1.000 [1.000-1.000]  -9 %";
        assert!(text.contains(better), "{text}");
    }

    #[test]
    fn little_is_no_change() {
        let changes = Changes::between(&run(10.0, 10.0), &run(10.4, 10.0));
        assert_eq!((changes.agree, changes.changed.len()), (1, 0));
        assert!(changes.to_string().contains("1 differ by 5 % or less"));
    }

    #[test]
    fn what_moved_the_controls_may_move_the_rest() {
        let (old, mut new) = (run(10.0, 10.0), run(10.8, 10.0));
        let changed = |new: &Report| Changes::between(&old, new).changed.len();
        assert_eq!(changed(&new), 1);
        new.call = new.call.times(1.06);
        assert_eq!(changed(&new), 0);
        new = run(10.8, 10.0);
        new.plan.quick = true;
        assert_eq!(changed(&new), 0);
    }

    #[test]
    fn what_is_in_one_run_only_is_told() {
        let mut old = run(1.0, 1.0);
        let mut new = old.clone();
        new.rows[0].figures.push(figure("tun-rs", Role::Peer, 1.0));
        old.rows.push(row("tap/receive", vec![]));
        let changes = Changes::between(&old, &new);
        assert_eq!(changes.added, ["tap/send: tun-rs"]);
        assert_eq!(changes.gone, ["tap/receive"]);
        old.rows[0].unit = Unit::Memory;
        let changes = Changes::between(&old, &new);
        assert_eq!(changes.compared, 0, "other things are counted");
    }

    #[test]
    fn rates_go_up_where_costs_go_down() {
        let mut runs = [run(1.0, 2.0), run(1.0, 1.0)];
        for run in &mut runs {
            run.rows[0].unit = Unit::Byte;
            run.rows[0].comparisons.clear();
        }
        let changes = Changes::between(&runs[0], &runs[1]);
        let text = changes.to_string();
        assert!(
            text.contains("better  tap/send: by hand  4.00 Gbit/s"),
            "{text}"
        );
        assert!(text.contains("+100 %"), "{text}");
    }

    #[test]
    fn time_on_the_wall_is_compared_as_cpu_time() {
        let mut runs = [run(1.0, 2.0), run(1.0, 2.0)];
        for (run, cpu) in runs.iter_mut().zip([2.0, 1.0]) {
            run.rows[0].unit = Unit::Byte;
            run.rows[0].clock = Clock::Wall;
            run.rows[0].figures[1].cpu = Spread::of(&[cpu]);
        }
        let text = Changes::between(&runs[0], &runs[1]).to_string();
        let change = "better  tap/send: by hand  CPU ms/Gbit 250 [250-250] → CPU ms/Gbit 125 [125-125]  -50 %";
        assert!(text.contains(change), "{text}");
        runs[1].rows[0].figures[1].cost = Spread::of(&[99.0]);
        runs[0].rows[0].figures[1].cpu = Spread::of(&[1.0]);
        let changes = Changes::between(&runs[0], &runs[1]);
        assert_eq!(changes.agree, 2, "somebody else was busy: {changes}");
    }

    #[test]
    fn other_conditions_are_warned_of() {
        let old = run(1.0, 1.0);
        let mut new = old.clone();
        new.machine.kernel = "7.0".to_owned();
        new.plan.quick = true;
        new.call = Spread::of(&[1.0, 2.0, 3.0]);
        let warnings = Changes::between(&old, &new).warnings;
        assert_eq!(
            warnings,
            [
                "another kernel: 6.18 before, 7.0 after",
                "another way to measure: runs of full length before, a first look after",
                "the machine was too busy in the later run"
            ]
        );
    }
}
