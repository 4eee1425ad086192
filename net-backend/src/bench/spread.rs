//! Medians and quartiles.

use serde::{Deserialize, Serialize};

/// The middle of some numbers, and how far they are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// A quarter of the numbers is below.
    pub lower: f64,
    /// Half of the numbers is below.
    pub median: f64,
    /// A quarter of the numbers is above.
    pub upper: f64,
}

impl Spread {
    /// That of `numbers`; all zero when there are none.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Self {
            lower: quantile(&sorted, 1),
            median: quantile(&sorted, 2),
            upper: quantile(&sorted, 3),
        }
    }

    /// That of `numbers` times `factor`.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            lower: self.lower * factor,
            median: self.median * factor,
            upper: self.upper * factor,
        }
    }

    /// Whether two spreads have something in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lower <= other.upper && other.lower <= self.upper
    }

    /// Distance of the quartiles, as a part of the median.
    #[must_use]
    pub fn relative(&self) -> f64 {
        if self.median == 0.0 {
            return 0.0;
        }
        (self.upper - self.lower) / self.median
    }
}

/// A count as a number to divide by.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of frames and bytes, printed with four digits"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// Where `quarters` quarters of what the sorted numbers are samples of is below, between two numbers where it must be: at
/// number (n + 1) · quarters / 4 (definition 6 of Hyndman and Fan, "Sample Quantiles in Statistical Packages"). Of three
/// numbers the quartiles are the least and the greatest: less would promise too much of the next three.
fn quantile(sorted: &[f64], quarters: usize) -> f64 {
    let last = sorted.len().saturating_sub(1) * 4;
    let at = ((sorted.len() + 1) * quarters).saturating_sub(4).min(last);
    let number = |index: usize| sorted.get(index).copied();
    let Some(below) = number(at / 4) else {
        return 0.0;
    };
    let above = number(at / 4 + 1).unwrap_or(below);
    let part = [0.0, 0.25, 0.5, 0.75].into_iter().nth(at % 4);
    below + (above - below) * part.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_of_few_numbers() {
        assert_eq!(Spread::of(&[]), Spread::default());
        let one = Spread::of(&[3.0]);
        assert_eq!((one.lower, one.median, one.upper), (3.0, 3.0, 3.0));
        let five = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]);
        assert_eq!((five.lower, five.median, five.upper), (1.5, 3.0, 4.5));
        let four = Spread::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((four.lower, four.median, four.upper), (1.25, 2.5, 3.75));
        assert_eq!(four.relative(), 1.0);
        let three = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!((three.lower, three.median, three.upper), (1.0, 2.0, 3.0));
    }
}
