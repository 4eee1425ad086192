//! Rounds: all contestants in each, in random order, and a control.

use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::case::{Case, Clock, Comparison, Contestant, Goal, Quotient, Unit, Verdict};
use super::statistics::Spread;
use super::sys::allocations;

/// What came out for a case.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) unit: Unit,
    pub(super) figures: Vec<Figure>,
    pub(super) comparisons: Vec<Compared>,
    pub(super) remarks: Vec<String>,
}

/// What came out for a contestant.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    pub(super) contestant: String,
    /// Nanoseconds for a unit.
    pub(super) cost: Spread,
    /// Allocations of the measuring thread for a unit.
    pub(super) allocations: f64,
}

/// What came out for two of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compared {
    pub(super) contender: String,
    pub(super) reference: String,
    pub(super) quotient: Quotient,
    /// Of the quotients in each round.
    pub(super) value: Spread,
    pub(super) goal: Option<Goal>,
}

impl Compared {
    /// What became of the goal, where there is one.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let goal = self.goal?;
        Some(goal.judge(self.quotient, self.value.median))
    }
}

/// How to measure.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Rounds that count.
    pub(super) rounds: usize,
    /// Only contestants whose name contains this.
    pub(super) only: String,
    /// How many CPUs everything runs on. Goals are for one.
    pub(super) cpus: usize,
}

/// The runs of one contestant, one in each round.
#[derive(Clone, Debug, Default)]
struct Samples {
    /// Nanoseconds for a unit.
    costs: Vec<f64>,
    allocations: u64,
    units: u64,
}

/// Measures a case. The first round warms up and does not count.
pub(super) fn measure(
    case: &mut dyn Case,
    plan: &Plan,
    random: &mut Random,
    control: &mut Control,
) -> Result<Row> {
    let names = case.contestants();
    let mut order: Vec<Contestant> = (0..names.len()).collect();
    order.retain(|at| names.get(*at).is_some_and(|name| name.contains(&plan.only)));
    let mut samples = vec![Samples::default(); names.len()];
    for round in 0..=plan.rounds {
        control.round()?;
        random.shuffle(&mut order);
        for contestant in &order {
            let one = sample(case, *contestant)?;
            if let Some(all) = samples.get_mut(*contestant).filter(|_| round > 0) {
                all.costs.extend(one.costs);
                all.allocations += one.allocations;
                all.units += one.units;
            }
        }
    }
    let mut row = row(case, &names, &samples);
    if plan.cpus > 1 {
        row.comparisons.iter_mut().for_each(|it| it.goal = None);
    }
    Ok(row)
}

fn row(case: &dyn Case, names: &[String], samples: &[Samples]) -> Row {
    let name = |at: Contestant| names.get(at).cloned().unwrap_or_default();
    let costs = |at: Contestant| samples.get(at).map_or(&[][..], |it| &it.costs);
    let compared = |comparison: Comparison| {
        let Comparison {
            contender,
            reference,
            quotient,
            goal,
        } = comparison;
        let pairs = costs(contender).iter().zip(costs(reference));
        let values: Vec<f64> = pairs
            .map(|(contender, reference)| match quotient {
                Quotient::Costs => contender / reference,
                Quotient::Rates => reference / contender,
            })
            .collect();
        (!values.is_empty()).then(|| Compared {
            contender: name(contender),
            reference: name(reference),
            quotient,
            value: Spread::of(&values),
            goal,
        })
    };
    let measured = names
        .iter()
        .zip(samples)
        .filter(|(_, it)| !it.costs.is_empty());
    let figures = measured.map(|(name, it)| Figure {
        contestant: name.clone(),
        cost: Spread::of(&it.costs),
        allocations: float(it.allocations) / float(it.units),
    });
    Row {
        name: case.name(),
        unit: case.unit(),
        figures: figures.collect(),
        comparisons: case
            .comparisons()
            .into_iter()
            .filter_map(compared)
            .collect(),
        remarks: case.remarks(),
    }
}

fn sample(case: &mut dyn Case, contestant: Contestant) -> Result<Samples> {
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
    Ok(Samples {
        costs: vec![spent.as_secs_f64() * 1e9 / float(units)],
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

/// Random numbers (xorshift, with a seed from the standard library).
pub(super) struct Random(u64);

impl Random {
    /// Another sequence every time.
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(0) | 1)
    }

    /// Puts the elements into any order (Fisher and Yates).
    fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            elements.swap(last, self.below(last + 1));
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.0 >> 32) % limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::{BY_HAND, LIBRARY};
    use super::*;

    #[test]
    fn every_order_comes_up() {
        let mut random = Random::new();
        let mut first = [0; 3];
        for _ in 0..3000 {
            let mut order = [0, 1, 2];
            random.shuffle(&mut order);
            first[order[0]] += 1;
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2]);
        }
        assert!(first.iter().all(|it| (800..1200).contains(it)), "{first:?}");
    }

    /// Nothing, done at once.
    struct Nothing;

    impl Case for Nothing {
        fn name(&self) -> String {
            "nothing".to_owned()
        }

        fn unit(&self) -> Unit {
            Unit::Frame
        }

        fn duration(&self) -> Duration {
            Duration::from_nanos(1)
        }

        fn comparisons(&self) -> Vec<Comparison> {
            let comparison = |quotient, goal| Comparison {
                contender: LIBRARY,
                reference: BY_HAND,
                quotient,
                goal,
            };
            let (costs, rates) = (Quotient::Costs, Quotient::Rates);
            vec![
                comparison(costs, Goal::gate(0.9)),
                comparison(rates, Goal::gate(2.1)),
            ]
        }

        fn prepare(&mut self, _: Contestant) -> Result<()> {
            Ok(())
        }

        fn run(&mut self, _: Contestant) -> Result<u64> {
            Ok(1)
        }
    }

    #[test]
    fn quotients_are_of_the_runs_in_the_same_round() {
        let samples = |costs: [f64; 3]| Samples {
            costs: costs.to_vec(),
            allocations: 6,
            units: 3,
        };
        let runs = [samples([2.0, 20.0, 200.0]), samples([4.0, 40.0, 400.0])];
        let row = row(&Nothing, &Nothing.contestants(), &runs);
        let medians: Vec<f64> = row.comparisons.iter().map(|it| it.value.median).collect();
        assert_eq!(medians, [0.5, 2.0]);
        let verdicts: Vec<_> = row.comparisons.iter().map(Compared::verdict).collect();
        assert_eq!(verdicts, [Some(Verdict::Gate), Some(Verdict::Missed)]);
        assert_eq!(row.figures[1].cost.median, 40.0);
        assert_eq!(row.figures[0].allocations, 2.0);
    }

    #[test]
    fn contestants_can_be_left_out() {
        let plan = Plan {
            rounds: 2,
            only: "hand".to_owned(),
            cpus: 1,
        };
        let row = measure(&mut Nothing, &plan, &mut Random::new(), &mut Control::new()).unwrap();
        assert_eq!(row.figures.len(), 1);
        assert_eq!(row.figures[0].contestant, "by hand");
        assert!(row.comparisons.is_empty());
    }
}
