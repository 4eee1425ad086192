//! The figures, for people and for programs.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use serde::Serialize;

use super::case::Unit;
use super::machine::Machine;
use super::measure::Row;
use super::statistics::Spread;

/// Where the control varies more than this, so does everything.
const NOISE: f64 = 0.15;

/// All that was measured.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    rounds: usize,
    /// Nanoseconds for a copy of 1514 bytes.
    control: Spread,
    rows: Vec<Row>,
}

impl Report {
    /// Of these rows.
    pub(super) fn new(machine: Machine, rounds: usize, control: Spread, rows: Vec<Row>) -> Self {
        Self {
            machine,
            rounds,
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
            "control: {:.1} ns to copy 1514 bytes, quartiles {:.1} to {:.1}; {} rounds\n",
            control.median, control.lower, control.upper, self.rounds
        );
        let width = self.rows.iter().map(|row| row.name.chars().count()).max();
        let width = width.unwrap_or(0);
        let _infallible = writeln!(
            text,
            "{:<width$}  {:>13}  {:>13}  {:<20} {:>7}  allocations",
            "", "library", "by hand", "ratio of the costs", "goal"
        );
        for row in &self.rows {
            let _infallible = writeln!(
                text,
                "{:<width$}  {:>13}  {:>13}  {:<20} {:>7}  {}",
                row.name,
                cost(row.contender.median, row.unit),
                cost(row.bare.median, row.unit),
                ratio(row.ratio),
                row.goal
                    .map_or(String::new(), |goal| format!("≤ {goal:.2}")),
                verdict(row),
            );
        }
        text.push_str("\npoll calls while receiving: none, by construction: each row receives until there is nothing\n");
        if control.relative() > NOISE {
            let _infallible = writeln!(
                text,
                "WARNING: the control varied by {:.0} %; something else is busy here, so do not trust the figures",
                control.relative() * 100.0
            );
        }
        text
    }
}

fn cost(nanoseconds: f64, unit: Unit) -> String {
    match unit {
        Unit::Frame => format!("{nanoseconds:.0} ns/frame"),
        Unit::Byte => format!("{:.2} Gbit/s", 8.0 / nanoseconds),
    }
}

fn ratio(ratio: Spread) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = ratio;
    format!("{median:.3} [{lower:.3}-{upper:.3}]")
}

fn verdict(row: &Row) -> String {
    let allocations = match row.unit {
        Unit::Frame => format!("{:.2} per frame", row.allocations),
        Unit::Byte => "not counted".to_owned(),
    };
    match row.goal {
        Some(goal) if row.ratio.median <= goal => allocations,
        None => allocations,
        Some(_) => format!("{allocations}, GOAL MISSED"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_told_in_the_unit_that_people_use() {
        assert_eq!(cost(1404.4, Unit::Frame), "1404 ns/frame");
        assert_eq!(cost(0.5, Unit::Byte), "16.00 Gbit/s");
    }

    #[test]
    fn the_text_has_the_rows_and_warns_of_noise() {
        let spread = Spread {
            lower: 1.0,
            median: 2.0,
            upper: 3.0,
        };
        let row = Row {
            name: "tap send".to_owned(),
            unit: Unit::Frame,
            contender: spread,
            bare: spread,
            ratio: spread,
            goal: Some(1.05),
            allocations: 0.0,
        };
        let text = Report::new(Machine::now(), 15, spread, vec![row]).text();
        assert!(text.contains("tap send  "), "{text}");
        assert!(text.contains("2.000 [1.000-3.000]"), "{text}");
        assert!(text.contains("GOAL MISSED"), "{text}");
        assert!(
            text.contains("WARNING: the control varied by 100 %"),
            "{text}"
        );
    }
}
