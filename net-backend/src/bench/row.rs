//! What came out for a case.

use serde::{Deserialize, Serialize};

use super::case::{Clock, Role, Unit};
use super::report::LeftOut;
use super::spread::{Spread, float};

/// What came out for a [`Case`](super::Case).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// The group that it belongs to.
    pub section: String,
    /// What was done, in a few words; nothing else in the section has this name.
    pub name: String,
    /// Its place among the rows of a plot.
    pub at: Option<f64>,
    /// What was counted.
    pub unit: Unit,
    /// What the costs were measured with.
    pub clock: Clock,
    /// Of each contestant, in the order of the case.
    pub figures: Vec<Figure>,
    /// Of pairs.
    pub comparisons: Vec<Compared>,
    /// Contestants without a figure.
    pub left_out: Vec<LeftOut>,
    /// What there is to say beside the figures.
    pub remarks: Vec<String>,
}

impl Row {
    /// One without figures.
    #[must_use]
    pub fn new(
        section: impl Into<String>,
        name: impl Into<String>,
        unit: Unit,
        clock: Clock,
    ) -> Self {
        Self {
            section: section.into(),
            name: name.into(),
            at: None,
            unit,
            clock,
            figures: Vec::new(),
            comparisons: Vec::new(),
            left_out: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// What it is known by in files of goals, and from one run to the next: `SECTION/NAME`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.section, self.name)
    }

    /// The first figure of a contestant with this name.
    #[must_use]
    pub fn figure(&self, contestant: &str, at: Option<f64>) -> Option<&Figure> {
        let mut figures = self.figures.iter();
        figures.find(|it| it.contestant == contestant && it.at == at)
    }
}

/// What came out for a contestant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figure {
    /// Its name.
    pub contestant: String,
    /// What it is to the library.
    pub role: Role,
    /// Its place on a scale, where it took part several times.
    pub at: Option<f64>,
    /// Nanoseconds for a unit, by the row's clock; bytes, where that is none.
    pub cost: Spread,
    /// Nanoseconds for a unit on the wall.
    pub wall: Spread,
    /// Nanoseconds for a unit that CPUs were busy with it: this thread's and those of who worked for it where its time is what
    /// counts, else those of all threads and of the processes that helped.
    pub cpu: Spread,
    /// Units that were done, in all rounds.
    pub units: u64,
    /// Units of these that did not arrive. They are not among those that the time was divided by.
    pub lost: u64,
    /// The part of the units that did not arrive, in each round; `None` if all arrived, or nobody knows it by round.
    pub lost_part: Option<Spread>,
    /// Allocations of the measuring thread for a unit; `None` where nobody counted.
    pub allocations: Option<f64>,
    /// How times of single units are spread, where they were told.
    pub latency: Option<Latency>,
}

impl Figure {
    /// One of these costs, by any clock, of no units.
    #[must_use]
    pub fn new(contestant: impl Into<String>, role: Role, cost: Spread) -> Self {
        Self {
            contestant: contestant.into(),
            role,
            at: None,
            cost,
            wall: cost,
            cpu: cost,
            units: 0,
            lost: 0,
            lost_part: None,
            allocations: None,
            latency: None,
        }
    }

    /// The part of the units that did not arrive: 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        match self.units {
            0 => 0.0,
            units => float(self.lost) / float(units),
        }
    }

    /// The same with its spread over the rounds, where that is known.
    #[must_use]
    pub fn losses(&self) -> Spread {
        self.lost_part.unwrap_or_else(|| Spread::of(&[self.loss()]))
    }

    /// Units in a second, by the row's clock.
    #[must_use]
    pub fn rate(&self) -> Spread {
        let Spread {
            lower,
            median,
            upper,
        } = self.cost;
        Spread {
            lower: 1e9 / upper,
            median: 1e9 / median,
            upper: 1e9 / lower,
        }
    }
}

/// How times of single units are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// Nanoseconds in which half of them were done: its spread over the rounds.
    pub p50: Spread,
    /// Nanoseconds in which 99 of 100 were done: its spread over the rounds. `None` of fewer than 1000 in all, or of fewer
    /// than 100 in a round: too few are beyond it to say where it is.
    pub p99: Option<Spread>,
    /// Nanoseconds in which 999 of 1000 were done, of all rounds together. `None` of fewer than 10 000.
    pub p999: Option<f64>,
    /// How many there were.
    pub count: u64,
    /// Quantile, 0 to 1, and nanoseconds: enough of them for a plot. It ends at the last that has ten beyond it, or at the
    /// half.
    pub curve: Vec<(f64, f64)>,
}

impl Latency {
    /// The quantiles of [`curve`](Self::curve).
    const QUANTILES: [f64; 15] = [
        0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999,
    ];
    /// So many must be beyond a quantile of all, so that one or two do not make it.
    const BEYOND: f64 = 10.0;
    /// In a round one must be beyond: the rounds' median is of several.
    const BEYOND_IN_ROUND: f64 = 1.0;

    /// Of nanoseconds that were told in these rounds; `None` if nothing was told in any.
    #[must_use]
    pub fn of(rounds: &[Vec<u32>]) -> Option<Self> {
        let told = rounds.iter().filter(|round| !round.is_empty());
        let sorted: Vec<Vec<u32>> = told
            .map(|round| {
                let mut round = round.clone();
                round.sort_unstable();
                round
            })
            .collect();
        let mut all = sorted.concat();
        all.sort_unstable();
        let in_rounds = |part: f64| {
            let values: Vec<f64> = sorted.iter().map(|it| quantile(it, part)).collect();
            Spread::of(&values)
        };
        let is_known = |part| has_beyond(all.len(), part, Self::BEYOND);
        let is_known_in_rounds = |part| {
            let mut rounds = sorted.iter();
            rounds.all(|it| has_beyond(it.len(), part, Self::BEYOND_IN_ROUND))
        };
        let curve = Self::QUANTILES.into_iter();
        let curve = curve.filter(|part| *part <= 0.5 || is_known(*part));
        (!all.is_empty()).then(|| Self {
            p50: in_rounds(0.5),
            p99: (is_known(0.99) && is_known_in_rounds(0.99)).then(|| in_rounds(0.99)),
            p999: is_known(0.999).then(|| quantile(&all, 0.999)),
            count: all.len() as u64,
            curve: curve.map(|it| (it, quantile(&all, it))).collect(),
        })
    }
}

/// Whether of `count` numbers at least so many are beyond a quantile.
fn has_beyond(count: usize, part: f64, beyond: f64) -> bool {
    // 1 - 0.9 is a little less than 0.1.
    float(count as u64) * (1.0 - part) > beyond - 0.001
}

/// The nearest number that this part of the sorted ones is not above.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index into measured times, between 0 and their number"
)]
fn quantile(sorted: &[u32], part: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (last as f64 * part).ceil() as usize;
    sorted.get(at.min(last)).copied().unwrap_or(0).into()
}

/// What came out for two contestants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Compared {
    /// Who is judged.
    pub contender: String,
    /// Beside whom.
    pub reference: String,
    /// Where on a scale the contender took part.
    pub at: Option<f64>,
    /// What is good.
    pub better: Better,
    /// Of the quotients in each round: of costs where less is better, of rates where more is.
    pub value: Spread,
    /// What was asked for; `None` where it only informs.
    pub goal: Option<Goal>,
}

impl Compared {
    /// One without a goal.
    #[must_use]
    pub fn new(
        contender: impl Into<String>,
        reference: impl Into<String>,
        better: Better,
        value: Spread,
    ) -> Self {
        Self {
            contender: contender.into(),
            reference: reference.into(),
            at: None,
            better,
            value,
            goal: None,
        }
    }

    /// What became of the goal, where there is one.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let goal = self.goal?;
        Some(goal.judge(self.better, self.value.median))
    }
}

/// What is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Better {
    /// The contender's cost by the reference's should be small.
    Less,
    /// The contender's rate by the reference's should be large.
    More,
}

/// What a quotient should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// The worst that is good enough.
    pub limit: f64,
    /// What it might be at best, where that is known.
    pub aim: Option<f64>,
    /// By what part of itself the limit may be missed on a noisy machine: 0.1 is ten percent.
    pub margin: f64,
}

impl Goal {
    /// How good a quotient is.
    #[must_use]
    pub fn judge(&self, better: Better, value: f64) -> Verdict {
        let reaches = |limit: f64, margin: f64| match better {
            Better::Less => value <= limit * (1.0 + margin),
            Better::More => value >= limit * (1.0 - margin),
        };
        if self.aim.is_some_and(|aim| reaches(aim, 0.0)) {
            Verdict::Aim
        } else if reaches(self.limit, 0.0) {
            Verdict::Reached
        } else if reaches(self.limit, self.margin) {
            Verdict::Margin
        } else {
            Verdict::Missed
        }
    }
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is not good enough.
    Missed,
    /// It is not good enough, by no more than the margin.
    Margin,
    /// It is good enough.
    Reached,
    /// It is as good as was hoped for.
    Aim,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_numbers_that_were_there() {
        assert_eq!(Latency::of(&[vec![], vec![]]), None);
        let first: Vec<u32> = (1..=1000).rev().collect();
        let latency = Latency::of(&[first, vec![10_000; 9000], vec![]]).unwrap();
        assert_eq!((latency.p50.lower, latency.p50.upper), (501.0, 10_000.0));
        let p99 = latency.p99.unwrap();
        assert_eq!((p99.lower, p99.upper), (991.0, 10_000.0));
        assert_eq!((latency.p999, latency.count), (Some(10_000.0), 10_000));
        assert_eq!(latency.curve.first(), Some(&(0.0, 1.0)));
        assert_eq!(latency.curve.last(), Some(&(0.999, 10_000.0)));
    }

    #[test]
    fn quantiles_that_few_numbers_say_nothing_about_are_not_told() {
        let of = |round: usize, rounds: usize| {
            let latency = Latency::of(&vec![vec![7; round]; rounds]).unwrap();
            let last = latency.curve.last().map(|it| it.0);
            (latency.p99.is_some(), latency.p999.is_some(), last)
        };
        assert_eq!(of(1000, 10), (true, true, Some(0.999)));
        assert_eq!(of(999, 10), (true, false, Some(0.99)));
        assert_eq!(of(100, 10), (true, false, Some(0.99)));
        assert_eq!(of(99, 10), (false, false, Some(0.95)));
        assert_eq!(of(99, 20), (false, false, Some(0.99)), "too few in a round");
        assert_eq!(of(100, 1), (false, false, Some(0.9)));
        assert_eq!(of(1, 1), (false, false, Some(0.5)));
    }

    #[test]
    fn a_goal_has_a_margin() {
        let goal = Goal {
            limit: 1.0,
            aim: Some(0.5),
            margin: 0.1,
        };
        let verdicts = [0.5, 1.0, 1.05, 1.2].map(|value| goal.judge(Better::Less, value));
        let all = [
            Verdict::Aim,
            Verdict::Reached,
            Verdict::Margin,
            Verdict::Missed,
        ];
        assert_eq!(verdicts, all);
        let more = Goal {
            aim: Some(2.0),
            ..goal
        };
        let verdicts = [2.0, 1.0, 0.95, 0.8].map(|value| more.judge(Better::More, value));
        assert_eq!(verdicts, all);
    }
}
