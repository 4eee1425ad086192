//! The figures, for people and for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;

use super::case::{Quotient, Unit, Verdict};
use super::machine::Machine;
use super::measure::{Compared, Figure, Plan, Row};
use super::statistics::Spread;

/// Where the control varies more than this, so does everything.
const NOISE: f64 = 0.15;

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    rounds: usize,
    /// How many CPUs everything ran on.
    cpus: usize,
    /// Nanoseconds for a copy of 1514 bytes.
    control: Spread,
    rows: Vec<Row>,
}

impl Report {
    /// Of these rows.
    pub(super) fn new(machine: Machine, plan: Plan, control: Spread, rows: Vec<Row>) -> Self {
        Self {
            machine,
            rounds: plan.rounds,
            cpus: plan.cpus,
            control,
            rows,
        }
    }

    /// Prints a table.
    pub(super) fn print(&self) {
        // Whoever reads may have read enough.
        let _closed = io::stdout().write_all(self.text().as_bytes());
    }

    fn text(&self) -> String {
        let mut text = self.machine.describe();
        let control = self.control;
        let _infallible = writeln!(
            text,
            "control: {:.1} ns to copy 1514 bytes, quartiles {:.1} to {:.1}; {} rounds on {}",
            control.median,
            control.lower,
            control.upper,
            self.rounds,
            match self.cpus {
                1 => "one CPU".to_owned(),
                cpus => format!("{cpus} CPUs, so that goals do not count"),
            }
        );
        let (lines, blocks): (Vec<&Row>, Vec<&Row>) =
            self.rows.iter().partition(|row| Line::of(row).is_some());
        let lines: Vec<Line<'_>> = lines.into_iter().filter_map(Line::of).collect();
        if !lines.is_empty() {
            text.push_str(&table(&lines));
        }
        for row in blocks {
            text.push_str(&block(row));
        }
        if control.relative() > NOISE {
            let _infallible = writeln!(
                text,
                "\nWARNING: the control varied by {:.0} %; something else is busy here, so do not trust the figures",
                control.relative() * 100.0
            );
        }
        text
    }
}

/// A row that fits in one line: two contestants, and one comparison.
struct Line<'a> {
    row: &'a Row,
    contender: &'a Figure,
    reference: &'a Figure,
    compared: &'a Compared,
}

impl<'a> Line<'a> {
    fn of(row: &'a Row) -> Option<Self> {
        match (&*row.figures, &*row.comparisons) {
            ([contender, reference], [compared]) if contender.contestant == "library" => {
                Some(Self {
                    row,
                    contender,
                    reference,
                    compared,
                })
            }
            _ => None,
        }
    }
}

fn table(lines: &[Line<'_>]) -> String {
    let width = lines.iter().map(|line| line.row.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = format!(
        "\n{:<width$}  {:>13}  {:>13}  {:<20} {:>7}  allocations\n",
        "", "library", "by hand", "ratio of the costs", "goal"
    );
    for line in lines {
        let _infallible = writeln!(
            text,
            "{:<width$}  {:>13}  {:>13}  {:<20} {:>7}  {}",
            line.row.name,
            cost(line.contender.cost.median, line.row.unit),
            cost(line.reference.cost.median, line.row.unit),
            spread(line.compared.value),
            gate(line.compared),
            verdict(line),
        );
    }
    text.push_str("\npoll calls while receiving: none, by construction: each row receives until there is nothing\n");
    text
}

/// A row with more than two contestants, in less than 100 columns.
fn block(row: &Row) -> String {
    let name = |text: &str| text.chars().count();
    let pair = |it: &Compared| format!("{} / {}", it.contender, it.reference);
    let names = row.figures.iter().map(|it| name(&it.contestant));
    let pairs = row.comparisons.iter().map(|it| name(&pair(it)));
    let width = names.chain(pairs).max().unwrap_or(0);
    let mut text = format!("\n{}\n", row.name);
    for figure in &row.figures {
        let Spread {
            lower,
            median,
            upper,
        } = figure.cost;
        // The slowest is the lowest rate.
        let [from, to] = if counts_rates(row.unit) {
            [upper, lower]
        } else {
            [lower, upper]
        };
        let _infallible = writeln!(
            text,
            "  {:<width$}  {:>15}  [{} to {}]",
            figure.contestant,
            cost(median, row.unit),
            number(from, row.unit),
            number(to, row.unit),
        );
    }
    for compared in &row.comparisons {
        let aim = compared.goal.and_then(|goal| goal.aim);
        let aim = aim.map_or(String::new(), |aim| format!("aim {aim}"));
        let verdict = match compared.verdict() {
            None => "",
            Some(Verdict::Missed) => "GOAL MISSED",
            Some(Verdict::Gate) => "reached",
            Some(Verdict::Aim) => "aim reached",
        };
        let line = format!(
            "  {:<width$}  {:<22}  {:>7}  {aim:<8}  {verdict}",
            pair(compared),
            spread(compared.value),
            gate(compared),
        );
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    for remark in &row.remarks {
        let _infallible = writeln!(text, "  {remark}");
    }
    text
}

/// A cost in the unit that people use, with its name.
fn cost(nanoseconds: f64, unit: Unit) -> String {
    let name = match unit {
        Unit::Frame => "ns/frame",
        Unit::Byte => "Gbit/s",
        Unit::RoundTrip => "µs",
        Unit::Connection => "/s",
    };
    format!("{} {name}", number(nanoseconds, unit))
}

/// The same without its name.
fn number(nanoseconds: f64, unit: Unit) -> String {
    match unit {
        Unit::Frame => format!("{nanoseconds:.0}"),
        Unit::Byte => format!("{:.2}", 8.0 / nanoseconds),
        Unit::RoundTrip => format!("{:.1}", nanoseconds / 1e3),
        Unit::Connection => format!("{:.0}", 1e9 / nanoseconds),
    }
}

fn counts_rates(unit: Unit) -> bool {
    matches!(unit, Unit::Byte | Unit::Connection)
}

fn spread(spread: Spread) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = spread;
    format!("{median:.3} [{lower:.3}-{upper:.3}]")
}

fn gate(compared: &Compared) -> String {
    let sign = match compared.quotient {
        Quotient::Costs => '≤',
        Quotient::Rates => '≥',
    };
    let goal = compared.goal;
    goal.map_or(String::new(), |goal| format!("{sign} {:.2}", goal.gate))
}

fn verdict(line: &Line<'_>) -> String {
    let allocations = match line.row.unit {
        Unit::Frame => format!("{:.2} per frame", line.contender.allocations),
        Unit::Byte | Unit::RoundTrip | Unit::Connection => "not counted".to_owned(),
    };
    match line.compared.verdict() {
        Some(Verdict::Missed) => format!("{allocations}, GOAL MISSED"),
        _ => allocations,
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Goal;
    use super::*;

    const SPREAD: Spread = Spread {
        lower: 1.0,
        median: 2.0,
        upper: 3.0,
    };

    fn row(names: &[&str], quotient: Quotient, goal: Option<Goal>) -> Row {
        let figures = names.iter().map(|name| Figure {
            contestant: (*name).to_owned(),
            cost: SPREAD,
            allocations: 0.0,
        });
        Row {
            name: "tap send".to_owned(),
            unit: Unit::Byte,
            figures: figures.collect(),
            comparisons: vec![Compared {
                contender: names[0].to_owned(),
                reference: names[1].to_owned(),
                quotient,
                value: SPREAD,
                goal,
            }],
            remarks: vec!["so it is".to_owned()],
        }
    }

    #[test]
    fn costs_are_told_in_the_unit_that_people_use() {
        assert_eq!(cost(1404.4, Unit::Frame), "1404 ns/frame");
        assert_eq!(cost(0.5, Unit::Byte), "16.00 Gbit/s");
        assert_eq!(cost(25_500.0, Unit::RoundTrip), "25.5 µs");
        assert_eq!(cost(500_000.0, Unit::Connection), "2000 /s");
    }

    #[test]
    fn two_contestants_are_one_line_and_noise_is_warned_of() {
        let row = row(&["library", "by hand"], Quotient::Costs, Goal::gate(1.05));
        let plan = Plan {
            rounds: 15,
            only: String::new(),
            cpus: 1,
        };
        let text = Report::new(Machine::now(), plan, SPREAD, vec![row]).text();
        assert!(text.contains("tap send  "), "{text}");
        assert!(text.contains("2.000 [1.000-3.000]"), "{text}");
        assert!(text.contains("≤ 1.05"), "{text}");
        assert!(text.contains("GOAL MISSED"), "{text}");
        let warning = "WARNING: the control varied by 100 %";
        assert!(text.contains(warning), "{text}");
    }

    #[test]
    fn more_contestants_are_a_block_that_fits_the_screen() {
        let names = ["slirp, offloads, thread", "slirp4netns", "passt"];
        let text = block(&row(&names, Quotient::Rates, Goal::aim(1.5, 2.5)));
        assert!(text.contains("4.00 Gbit/s  [2.67 to 8.00]"), "{text}");
        assert!(
            text.contains("slirp, offloads, thread / slirp4netns  2.000"),
            "{text}"
        );
        assert!(text.contains("≥ 1.50  aim 2.5   reached"), "{text}");
        assert!(text.contains("so it is"), "{text}");
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest < Some(100), "{text}");
    }
}
