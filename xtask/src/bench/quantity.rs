//! Figures in the units that people read.

use net_backend::bench::{Better, Compared, Figure, Row, Spread, Unit};

/// How the figures of a row are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantity {
    /// The unit: `Gbit/s`.
    pub(super) unit: &'static str,
    /// What is good.
    pub(super) better: Better,
    of: fn(&Figure) -> Spread,
}

impl Quantity {
    /// What a row is about, as a table shows it.
    pub(super) fn of(row: &Row) -> Self {
        match row.unit {
            Unit::Frame => Self::less("ns per frame", |it| it.cost),
            Unit::Byte => Self::more("Gbit/s", |it| it.rate().times(8e-9)),
            Unit::RoundTrip => Self::less("µs", |it| it.cost.times(1e-3)),
            Unit::Connection => Self::more("connections per second", Figure::rate),
            Unit::Datagram => {
                Self::more("thousand datagrams per second", |it| it.rate().times(1e-3))
            }
            Unit::Memory => Self::less("KiB", |it| it.cost.times(1.0 / 1024.0)),
            _ => Self::less("ns", |it| it.cost),
        }
    }

    /// The same so that more is better, where time is what is measured.
    pub(super) fn as_rate(row: &Row) -> Self {
        match row.unit {
            Unit::Frame => Self::more("million frames per second", |it| it.rate().times(1e-6)),
            _ => Self::of(row),
        }
    }

    /// What CPUs had to do for it, where the row does not measure just that.
    pub(super) fn cpu(row: &Row) -> Option<Self> {
        match row.unit {
            // A gigabit is 125 000 000 bytes.
            Unit::Byte => Some(Self::less("CPU ms per Gbit", |it| it.cpu.times(125.0))),
            Unit::RoundTrip | Unit::Connection | Unit::Datagram => {
                Some(Self::less("CPU µs each", |it| it.cpu.times(1e-3)))
            }
            _ => None,
        }
    }

    /// That of a figure. `None` where it is no number to show.
    pub(super) fn shown(&self, figure: &Figure) -> Option<Spread> {
        let Spread {
            lower,
            median,
            upper,
        } = (self.of)(figure);
        let is_good = [lower, median, upper].iter().all(|it| it.is_finite());
        (is_good && median > 0.0).then_some(Spread {
            lower: lower.max(0.0),
            median,
            upper,
        })
    }

    const fn less(unit: &'static str, of: fn(&Figure) -> Spread) -> Self {
        let better = Better::Less;
        Self { unit, better, of }
    }

    const fn more(unit: &'static str, of: fn(&Figure) -> Spread) -> Self {
        let better = Better::More;
        Self { unit, better, of }
    }
}

/// How many times as good the contender is: the quotient, or its inverse where less is better. `None` where it is no number to show.
pub(super) fn advantage(compared: &Compared) -> Option<Spread> {
    let value = compared.value;
    let advantage = match compared.better == Better::More {
        true => value,
        false => Spread {
            lower: 1.0 / value.upper,
            median: 1.0 / value.median,
            upper: 1.0 / value.lower,
        },
    };
    let all = [advantage.lower, advantage.median, advantage.upper];
    let is_good = all.iter().all(|it| it.is_finite() && *it > 0.0);
    is_good.then_some(advantage)
}

/// A number with three digits, and more where it is large: `0.0123`, `1.23`, `65 536`.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        ..0.0001 => format!("{value:.0}"),
        ..0.001 => format!("{value:.6}"),
        ..0.01 => format!("{value:.5}"),
        ..0.1 => format!("{value:.4}"),
        ..0.9995 => format!("{value:.3}"),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => grouped(&format!("{value:.0}")),
    }
}

/// The same without zeros at the end, for numbers that are round: `0.5`, `1`, `65 536`.
pub(super) fn round(value: f64) -> String {
    let text = digits(value);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A quotient, with three digits behind the point where it says how little is lost.
pub(super) fn quotient(value: f64) -> String {
    let places = places(value);
    format!("{value:.places$}")
}

/// The same with its quartiles, which have as many digits.
pub(super) fn quotients(value: Spread) -> String {
    let places = places(value.median);
    let all = [value.median, value.lower, value.upper];
    let [median, lower, upper] = all.map(|it| format!("{it:.places$}"));
    format!("{median} [{lower}–{upper}]")
}

fn places(quotient: f64) -> usize {
    match quotient {
        ..0.0995 | 0.8..1.3 => 3,
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    }
}

/// Digits in threes, with spaces that do not break.
fn grouped(digits: &str) -> String {
    if digits.len() < 5 {
        return digits.to_owned();
    }
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_better_of_what_is_shown() {
        let compared = |better, lower, median, upper| {
            let value = Spread {
                lower,
                median,
                upper,
            };
            Compared::new("", "", better, value)
        };
        let faster = advantage(&compared(Better::Less, 0.25, 0.5, 1.0)).unwrap();
        assert_eq!((faster.lower, faster.median, faster.upper), (1.0, 2.0, 4.0));
        let more = advantage(&compared(Better::More, 0.25, 0.5, 1.0)).unwrap();
        assert_eq!((more.lower, more.median), (0.25, 0.5));
        assert_eq!(advantage(&compared(Better::Less, 0.0, 0.5, 1.0)), None);
    }

    #[test]
    fn numbers_have_three_digits() {
        let numbers = [
            0.0, 0.01234, 0.1, 0.99999, 1.0, 1.234, 12.34, 99.97, 1234.5, 65536.0,
        ];
        let written = [
            "0",
            "0.0123",
            "0.100",
            "1.00",
            "1.00",
            "1.23",
            "12.3",
            "100",
            "1234",
            "65\u{a0}536",
        ];
        assert_eq!(numbers.map(digits), written);
        assert_eq!(
            [0.0, 0.5, 1.0, 1.5, 10.0, 100.0].map(round),
            ["0", "0.5", "1", "1.5", "10", "100"]
        );
        assert_eq!(
            [0.0123, 0.98, 1.0, 14.72, 123.4].map(quotient),
            ["0.012", "0.980", "1.000", "14.7", "123"]
        );
        let value = Spread {
            lower: 1.149,
            median: 1.32,
            upper: 13.3,
        };
        assert_eq!(quotients(value), "1.32 [1.15–13.30]");
    }
}
