//! What can be measured.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

/// The same work, done by several contestants.
pub(super) trait Case {
    /// What it is, in a few words.
    fn name(&self) -> String;

    /// What is counted, in the singular.
    fn unit(&self) -> Unit;

    /// What its time is measured with.
    fn clock(&self) -> Clock {
        Clock::ThisThread
    }

    /// How long to go on in each round.
    fn duration(&self) -> Duration {
        Duration::from_millis(15)
    }

    /// Who does it, by name. A [`Contestant`] is a place in this list.
    fn contestants(&self) -> Vec<String> {
        ["library", "by hand"].map(str::to_owned).to_vec()
    }

    /// Who is compared with whom.
    fn comparisons(&self) -> Vec<Comparison> {
        vec![Comparison {
            contender: LIBRARY,
            reference: BY_HAND,
            quotient: Quotient::Costs,
            goal: self.goal(),
        }]
    }

    /// What is asked of the library beside the same thing done by hand.
    fn goal(&self) -> Option<Goal> {
        None
    }

    /// What the table has to say beside the figures, one line each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes everything ready for one run of `contestant`. Not measured.
    ///
    /// # Errors
    ///
    /// If something is in the way.
    fn prepare(&mut self, contestant: Contestant) -> Result<()>;

    /// Does it at least once; returns how many units were done.
    ///
    /// # Errors
    ///
    /// If it did not work.
    fn run(&mut self, contestant: Contestant) -> Result<u64>;
}

/// Who runs: a place in [`Case::contestants`].
pub(super) type Contestant = usize;

/// The library, where there are two.
pub(super) const LIBRARY: Contestant = 0;
/// The loop without it, where there are two.
pub(super) const BY_HAND: Contestant = 1;

/// Two contestants, and what is asked of the first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) contender: Contestant,
    pub(super) reference: Contestant,
    pub(super) quotient: Quotient,
    /// `None` where it only informs.
    pub(super) goal: Option<Goal>,
}

/// What is divided by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Quotient {
    /// The contender's time for a unit by the reference's: less is better.
    Costs,
    /// Units in a second: more is better.
    Rates,
}

/// What a quotient should be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Goal {
    /// The worst that is good enough.
    pub(super) gate: f64,
    /// What it might be at best, where that is known.
    pub(super) aim: Option<f64>,
}

impl Goal {
    /// Only a limit.
    pub(super) fn gate(gate: f64) -> Option<Self> {
        Some(Self { gate, aim: None })
    }

    /// A limit and a hope.
    pub(super) fn aim(gate: f64, aim: f64) -> Option<Self> {
        let aim = Some(aim);
        Some(Self { gate, aim })
    }

    /// How good a quotient is.
    pub(super) fn judge(&self, quotient: Quotient, value: f64) -> Verdict {
        let reaches = |limit: f64| match quotient {
            Quotient::Costs => value <= limit,
            Quotient::Rates => value >= limit,
        };
        if !reaches(self.gate) {
            Verdict::Missed
        } else if self.aim.is_some_and(reaches) {
            Verdict::Aim
        } else {
            Verdict::Gate
        }
    }
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not good enough.
    Missed,
    /// It is good enough.
    Gate,
    /// It is as good as was hoped for.
    Aim,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// Frames: the time of each counts.
    Frame,
    /// Bytes of a stream: how many pass in a second counts.
    Byte,
    /// A byte there and one back: the time of each counts.
    RoundTrip,
    /// A TCP connection from beginning to end: how many there are in a second counts.
    Connection,
}

/// What time is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// CPU time of the measuring thread: what others do meanwhile does not count.
    ThisThread,
    /// Time on the wall, for work of several threads and the kernel.
    Wall,
}
