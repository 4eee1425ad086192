//! Numbers to places.

use super::super::quantity::round;

/// How numbers become places.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    ticks: Vec<Tick>,
}

/// A number that stands at an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    /// How it is written; nothing for a line without a number.
    pub(super) label: String,
}

impl Scale {
    /// From nothing to `high`, in equal steps.
    pub(super) fn from_zero(high: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = step(high / 5.0);
        let count = (high / step).ceil();
        let steps = (0..).map(f64::from).take_while(|it| *it <= count);
        Self {
            kind: Kind::Linear,
            low: 0.0,
            high: count * step,
            ticks: steps.map(|it| Tick::labelled(it * step)).collect(),
        }
    }

    /// From below `low` to above `high`, in equal factors.
    pub(super) fn factors(low: f64, high: f64) -> Self {
        let room = (high / low).powf(0.04).max(1.02);
        let (low, high) = (low / room, high * room);
        Self {
            kind: Kind::Factors,
            low,
            high,
            ticks: factors(low, high),
        }
    }

    /// Equal factors from the first to the last of these numbers, which are written at the axis. Where the first is
    /// zero it stands apart from the others.
    pub(super) fn places(places: &[f64]) -> Self {
        let positive = places.iter().copied().filter(|it| *it > 0.0);
        let first = positive.clone().fold(f64::INFINITY, f64::min);
        let first = if first.is_finite() { first } else { 1.0 };
        let last = positive.fold(first, f64::max);
        let low = match places.iter().any(|it| *it <= 0.0) {
            true => first / Self::ZERO,
            false => first,
        };
        Self {
            kind: Kind::Factors,
            low,
            high: if last > low { last } else { low * 2.0 },
            ticks: places.iter().map(|it| Tick::labelled(*it)).collect(),
        }
    }

    /// Quantiles from none to 99.9 percent: each nine takes as much room as the one before.
    pub(super) fn quantiles() -> Self {
        let ticks = [0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999].map(|value| Tick {
            value,
            label: format!("{} %", round(value * 100.0)),
        });
        Self {
            kind: Kind::Nines,
            low: 0.0,
            high: 3.0,
            ticks: ticks.into(),
        }
    }

    /// Where it is: 0 at the beginning, 1 at the end, and nothing outside of that.
    pub(super) fn place(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Factors if value <= self.low => 0.0,
            Kind::Factors => (value / self.low).ln() / (self.high / self.low).ln(),
            Kind::Nines => -(1.0 - value).max(1e-9).log10() / self.high,
        };
        if part.is_finite() {
            part.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// What stands at the axis.
    pub(super) fn ticks(&self) -> &[Tick] {
        &self.ticks
    }

    /// Zero is as far before the first number.
    const ZERO: f64 = 4.0;
}

impl Tick {
    fn labelled(value: f64) -> Self {
        Self {
            value,
            label: round(value),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linear,
    Factors,
    Nines,
}

/// 1, 2 or 5 times a power of ten, and not less than `least`.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|it| it * power);
    let mut fitting = steps.into_iter().filter(|it| *it >= least * 0.999);
    fitting.next().unwrap_or(power * 10.0)
}

/// Powers of ten, with more between them where there are few, and equal steps where there is none.
fn factors(low: f64, high: f64) -> Vec<Tick> {
    let decades = (high / low).log10();
    if decades < 0.4 {
        return equal_steps(low, high);
    }
    let labelled: &[f64] = match decades {
        ..1.3 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
        ..3.3 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let first = low.log10().floor();
    let powers = (0..40).map(|it| 10_f64.powf(first + f64::from(it)));
    let powers = powers.take_while(|power| *power <= high);
    let all = powers.flat_map(|power| labelled.iter().map(move |it| Tick::labelled(it * power)));
    all.filter(|it| (low..=high).contains(&it.value)).collect()
}

fn equal_steps(low: f64, high: f64) -> Vec<Tick> {
    let step = step((high - low) / 8.0);
    let first = (low / step).ceil();
    let steps = (0..40).map(|it| (first + f64::from(it)) * step);
    let places = steps.take_while(|it| *it <= high);
    let digits = if step < 0.1 { 2 } else { 1 };
    let written = places.map(|value| Tick {
        value,
        label: match value >= 20.0 {
            true => round(value),
            false => format!("{value:.digits$}"),
        },
    });
    written.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks().iter().map(|it| &*it.label).collect()
    }

    #[test]
    fn linear_scales_end_at_a_step() {
        assert_eq!(labels(&Scale::from_zero(7.3)), ["0", "2", "4", "6", "8"]);
        assert_eq!(Scale::from_zero(7.3).place(4.0), 0.5);
        assert_eq!(
            labels(&Scale::from_zero(0.5)),
            ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]
        );
        assert_eq!(Scale::from_zero(0.0).place(f64::NAN), 0.0);
    }

    #[test]
    fn factors_are_labelled_as_closely_as_there_is_room() {
        let wide = Scale::factors(0.02, 300.0);
        assert_eq!(labels(&wide), ["0.1", "1", "10", "100"]);
        let narrow = Scale::factors(0.5, 21.0);
        assert_eq!(labels(&narrow), ["0.5", "1", "2", "5", "10", "20"]);
        let close = Scale::factors(0.95, 1.04);
        assert_eq!(
            labels(&close),
            ["0.94", "0.96", "0.98", "1.00", "1.02", "1.04", "1.06"]
        );
        assert_eq!((wide.place(0.0), wide.place(1e9)), (0.0, 1.0));
    }

    #[test]
    fn places_may_begin_with_zero() {
        let scale = Scale::places(&[0.0, 1.0, 16.0]);
        assert_eq!(labels(&scale), ["0", "1", "16"]);
        let places = [0.0, 1.0, 16.0].map(|it| scale.place(it));
        assert_eq!(places[0], 0.0);
        assert!((places[1] - 1.0 / 3.0).abs() < 1e-9, "{places:?}");
        assert_eq!(places[2], 1.0);
        assert_eq!(Scale::places(&[]).place(1.0), 0.0);
    }

    #[test]
    fn quantiles_get_room_for_their_nines() {
        let scale = Scale::quantiles();
        let thirds = [0.9, 0.99, 0.999].map(|it| (scale.place(it) * 300.0).round());
        assert_eq!(thirds, [100.0, 200.0, 300.0]);
        assert_eq!(scale.place(1.0), 1.0);
    }
}
