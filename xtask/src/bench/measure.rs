//! Rounds: both contestants in each, in random order, and a control.

use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::case::{Case, Clock, Contestant, Unit};
use super::statistics::Spread;
use super::sys::allocations;

/// What came out for a case.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) unit: Unit,
    /// Nanoseconds for a unit.
    pub(super) contender: Spread,
    /// Nanoseconds for a unit.
    pub(super) bare: Spread,
    /// Of the costs in each round, library to bare.
    pub(super) ratio: Spread,
    /// The most that the median ratio may be, where there is a goal.
    pub(super) goal: Option<f64>,
    /// Allocations of the measuring thread for a unit, in the library.
    pub(super) allocations: f64,
}

/// One run of one contestant.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Nanoseconds for a unit.
    cost: f64,
    allocations: u64,
    units: u64,
}

/// Measures a case. The first round warms up and does not count.
pub(super) fn measure(
    case: &mut dyn Case,
    rounds: usize,
    random: &mut Random,
    control: &mut Control,
) -> Result<Row> {
    let (mut contender, mut bare, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    let (mut allocations, mut units) = (0, 0);
    for round in 0..=rounds {
        control.round()?;
        let (library, by_hand) = if random.coin() {
            let first = sample(case, Contestant::Contender)?;
            (first, sample(case, Contestant::Bare)?)
        } else {
            let first = sample(case, Contestant::Bare)?;
            (sample(case, Contestant::Contender)?, first)
        };
        if round > 0 {
            contender.push(library.cost);
            bare.push(by_hand.cost);
            ratio.push(library.cost / by_hand.cost);
            allocations += library.allocations;
            units += library.units;
        }
    }
    Ok(Row {
        name: case.name(),
        unit: case.unit(),
        contender: Spread::of(&contender),
        bare: Spread::of(&bare),
        ratio: Spread::of(&ratio),
        goal: case.goal(),
        allocations: float(allocations) / float(units),
    })
}

fn sample(case: &mut dyn Case, contestant: Contestant) -> Result<Sample> {
    let (mut spent, mut units, mut allocated) = (Duration::ZERO, 0, 0);
    while spent < case.duration() {
        case.prepare(contestant)?;
        let allocated_before = allocations();
        let start = now(case.clock())?;
        units += case.run(contestant)?;
        spent += now(case.clock())?.saturating_sub(start);
        allocated += allocations() - allocated_before;
    }
    ensure!(units > 0, "nothing was done");
    Ok(Sample {
        cost: spent.as_secs_f64() * 1e9 / float(units),
        allocations: allocated,
        units,
    })
}

fn now(clock: Clock) -> Result<Duration> {
    let clock = match clock {
        Clock::ThisThread => ClockId::ThreadCPUTime,
        Clock::Wall => ClockId::Monotonic,
    };
    Ok(Duration::try_from(clock_gettime(clock))?)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of frames, printed with four digits"
)]
fn float(count: u64) -> f64 {
    count as f64
}

/// Copies memory in every round. It does the same each time: where its time varies, so do all others.
pub(super) struct Control {
    from: Vec<u8>,
    to: Vec<u8>,
    costs: Vec<f64>,
}

impl Control {
    /// The length of what is copied.
    const BYTES: usize = 1514;
    /// How often in a round; a millisecond or less.
    const COPIES: u64 = 20_000;

    /// Not run yet.
    pub(super) fn new() -> Self {
        Self {
            from: vec![0x5a; Self::BYTES],
            to: vec![0; Self::BYTES],
            costs: Vec::new(),
        }
    }

    fn round(&mut self) -> Result<()> {
        let start = now(Clock::ThisThread)?;
        for _ in 0..Self::COPIES {
            black_box(&mut self.to).copy_from_slice(black_box(&self.from));
        }
        let spent = now(Clock::ThisThread)?.saturating_sub(start);
        let cost = spent.as_secs_f64() * 1e9 / float(Self::COPIES);
        self.costs.push(cost);
        Ok(())
    }

    /// Nanoseconds for a copy.
    pub(super) fn spread(&self) -> Spread {
        Spread::of(&self.costs)
    }
}

/// Coins to toss (xorshift, with a seed from the standard library).
pub(super) struct Random(u64);

impl Random {
    /// Another sequence every time.
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }

    fn coin(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 1 << 32 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_fall_on_both_sides() {
        let mut random = Random::new();
        let heads = (0..1000).filter(|_| random.coin()).count();
        assert!((400..600).contains(&heads), "{heads}");
    }
}
