//! Numbers, as people read them.

use crate::bench::case::{Clock, Unit};
use crate::bench::row::{Better, Compared, Figure, Goal, Verdict};
use crate::bench::spread::Spread;

impl Unit {
    /// What people count in: the name of what [`shown`](Self::shown) returns.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Frame => "ns/frame",
            Self::Byte => "Gbit/s",
            Self::RoundTrip => "µs",
            Self::Connection => "/s",
            Self::Datagram => "kpps",
            Self::Memory => "KiB",
        }
    }

    /// A cost, in nanoseconds or bytes for a unit, in what people count in: a time, a rate or a size.
    #[must_use]
    pub fn shown(self, cost: f64) -> f64 {
        match self {
            Self::Frame => cost,
            Self::Byte => 8.0 / cost,
            Self::RoundTrip => cost / 1e3,
            Self::Connection => 1e9 / cost,
            Self::Datagram => 1e6 / cost,
            Self::Memory => cost / 1024.0,
        }
    }
}

/// With two or three digits that count, and no more than three behind the point.
pub(super) fn number(value: f64) -> String {
    fixed(value, decimals(value))
}

/// A quotient, with more digits where these say how little is lost, or how little it is.
pub(super) fn quotient(value: f64) -> String {
    fixed(value, decimals_of_quotient(value))
}

/// A cost in what people count in, without its name.
pub(super) fn cost(cost: f64, unit: Unit) -> String {
    number(unit.shown(cost))
}

/// `[from-to]`, the lesser first.
pub(super) fn quartiles(spread: Spread, unit: Unit) -> String {
    let [from, to] = match unit.better() {
        Better::Less => [spread.lower, spread.upper],
        Better::More => [spread.upper, spread.lower],
    };
    let digits = decimals(unit.shown(spread.median));
    let [from, to] = [from, to].map(|it| fixed(unit.shown(it), digits));
    format!("[{from}-{to}]")
}

/// `1404 ±1%`: half of the distance between the quartiles, where there is no room for both.
pub(super) fn about(figure: &Figure, unit: Unit) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = figure.cost;
    // The slowest has the lowest rate.
    let ends = (unit.shown(upper) - unit.shown(lower)).abs();
    let percent = ends / unit.shown(median) * 50.0;
    format!("{} ±{percent:.0}%", cost(median, unit))
}

/// `0.98 [0.97-0.99]`.
pub(super) fn ratio(value: Spread) -> String {
    let digits = decimals_of_quotient(value.median);
    let all = [value.median, value.lower, value.upper];
    let [median, lower, upper] = all.map(|it| fixed(it, digits));
    format!("{median} [{lower}-{upper}]")
}

/// `0.98 ±1%`.
pub(super) fn short_ratio(value: Spread) -> String {
    let percent = value.relative() * 50.0;
    format!("{} ±{percent:.0}%", quotient(value.median))
}

fn decimals(value: f64) -> usize {
    match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size < 0.0995 && size > 0.0 => 3,
        _ => 2,
    }
}

fn decimals_of_quotient(value: f64) -> usize {
    match value {
        small if small < 0.00995 => 4,
        small if small < 0.0995 => 3,
        near if (0.8..1.3).contains(&near) => 3,
        _ => decimals(value),
    }
}

fn fixed(value: f64, decimals: usize) -> String {
    match value.is_finite() {
        true => format!("{value:.decimals$}"),
        false => "-".to_owned(),
    }
}

/// `≤ 1.03`.
pub(super) fn limit(goal: Goal, better: Better) -> String {
    let sign = match better {
        Better::Less => '≤',
        Better::More => '≥',
    };
    format!("{sign} {}", number(goal.limit))
}

/// What became of a goal, in one character.
pub(super) fn mark(compared: &Compared) -> &'static str {
    match compared.verdict() {
        None => "",
        Some(Verdict::Missed) => "✗",
        Some(Verdict::Margin) => "~",
        Some(Verdict::Reached) => "✓",
        Some(Verdict::Aim) => "★",
    }
}

/// What was asked for, and what became of it: `≤ 1.03 ✓`.
pub(super) fn goal(compared: &Compared) -> String {
    let Some(goal) = compared.goal else {
        return String::new();
    };
    let word = match compared.verdict() {
        Some(Verdict::Missed) => " MISSED",
        _ => "",
    };
    let (limit, mark) = (limit(goal, compared.better), mark(compared));
    format!("{limit} {mark}{word}")
}

/// A part of 1 in percent; nothing where that is nothing.
pub(super) fn percent(part: f64) -> String {
    match part {
        0.0 => String::new(),
        part if part < 0.001 => "<0.1 %".to_owned(),
        part => format!("{:.1} %", part * 100.0),
    }
}

/// What CPUs were busy for, where the cost is not just that.
pub(super) fn cpu(figure: &Figure, unit: Unit, clock: Clock) -> String {
    if clock != Clock::Wall {
        return String::new();
    }
    number(cpu_shown(figure.cpu.median, unit))
}

/// CPU time with its quartiles.
pub(super) fn cpu_text(spread: Spread, unit: Unit) -> String {
    let all = [spread.median, spread.lower, spread.upper].map(|it| cpu_shown(it, unit));
    let digits = decimals(cpu_shown(spread.median, unit));
    let [median, lower, upper] = all.map(|it| fixed(it, digits));
    format!("{} {median} [{lower}-{upper}]", cpu_heading(unit))
}

/// Nanoseconds for a unit, in what [`cpu_heading`] says.
fn cpu_shown(nanoseconds: f64, unit: Unit) -> f64 {
    match unit {
        Unit::Frame | Unit::Datagram | Unit::Memory => nanoseconds,
        // An eighth of 10^9 bytes, and 10^6 nanoseconds.
        Unit::Byte => nanoseconds * 125.0,
        Unit::RoundTrip | Unit::Connection => nanoseconds / 1e3,
    }
}

/// What [`cpu`] counts in.
pub(super) fn cpu_heading(unit: Unit) -> &'static str {
    match unit {
        Unit::Frame | Unit::Datagram | Unit::Memory => "CPU ns",
        Unit::Byte => "CPU ms/Gbit",
        Unit::RoundTrip | Unit::Connection => "CPU µs",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;
    use crate::bench::case::Role;

    #[test]
    fn costs_are_told_in_what_people_count_in() {
        assert_eq!(cost(1404.4, Unit::Frame), "1404");
        assert_eq!(cost(0.5, Unit::Byte), "16.0");
        assert_eq!(cost(25_500.0, Unit::RoundTrip), "25.5");
        assert_eq!(cost(500_000.0, Unit::Connection), "2000");
        assert_eq!(cost(2500.0, Unit::Datagram), "400");
        assert_eq!(cost(1536.0, Unit::Memory), "1.50");
        assert_eq!(cost(250.0, Unit::Byte), "0.032");
        assert_eq!(cost(0.0, Unit::Byte), "-");
    }

    #[test]
    fn the_lesser_quartile_is_first_for_rates_too() {
        let spread = Spread {
            lower: 1.0,
            median: 2.0,
            upper: 4.0,
        };
        assert_eq!(quartiles(spread, Unit::Frame), "[1.00-4.00]");
        assert_eq!(quartiles(spread, Unit::Byte), "[2.00-8.00]");
    }

    #[test]
    fn rates_are_spread_as_rates() {
        let mut figure = samples::figure("passt", Role::Peer, 1.0);
        figure.cost.lower = 0.5;
        figure.cost.upper = 10.0;
        assert_eq!(about(&figure, Unit::Frame), "1.00 ±475%");
        assert_eq!(about(&figure, Unit::Byte), "8.00 ±95%");
    }

    #[test]
    fn quotients_have_the_digits_that_say_something() {
        let numbers = [0.00131, 0.0312, 0.312, 0.984, 2.5678, 27.81, 127.81].map(quotient);
        let expected = ["0.0013", "0.031", "0.31", "0.984", "2.57", "27.8", "128"];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn goals_have_a_mark() {
        let goal_of = |median: f64| {
            goal(&Compared {
                contender: "library".to_owned(),
                reference: "by hand".to_owned(),
                at: None,
                better: Better::Less,
                value: Spread::of(&[median]),
                goal: Some(Goal {
                    limit: 1.03,
                    aim: Some(1.0),
                    margin: 0.05,
                }),
            })
        };
        assert_eq!(
            [1.0, 1.03, 1.08, 1.1].map(goal_of),
            ["≤ 1.03 ★", "≤ 1.03 ✓", "≤ 1.03 ~", "≤ 1.03 ✗ MISSED"]
        );
    }

    #[test]
    fn little_loss_is_not_none() {
        assert_eq!(
            [0.0, 0.0001, 0.031].map(percent),
            ["", "<0.1 %", "3.1 %"].map(str::to_owned)
        );
    }
}
