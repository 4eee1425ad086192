//! Rounds: all contestants in each, in random order, and a control.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::case::{Case, Clock, Contestant, Outcome, Pair, Role, Unavailable, Unit};
use super::clock::{process_time, thread_time};
use super::control::Control;
use super::random::Random;
use super::report::LeftOut;
use super::row::{Better, Compared, Figure, Latency, Row};
use super::spread::{Spread, float};

/// How to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Rounds that count.
    pub rounds: usize,
    /// How many CPUs everything runs on. Goals are for one.
    pub cpus: usize,
    /// Whether runs are shorter than they should be, for a first look.
    pub quick: bool,
    /// Only contestants whose name contains this.
    pub only: String,
}

impl Default for Plan {
    /// 15 rounds on one CPU, of everybody.
    fn default() -> Self {
        Self {
            rounds: 15,
            cpus: 1,
            quick: false,
            only: String::new(),
        }
    }
}

/// How far the case that is measured is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Its group.
    pub section: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The round, where the first, 0, warms up.
    pub round: usize,
    /// The last round.
    pub rounds: usize,
}

/// Measures cases.
pub struct Bench {
    plan: Plan,
    random: Random,
    control: Control,
    allocations: Option<fn() -> u64>,
    progress: Box<dyn FnMut(Progress<'_>)>,
}

impl Bench {
    /// Nothing is measured yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            random: Random::new(),
            control: Control::new(),
            allocations: None,
            progress: Box::new(|_| {}),
        }
    }

    /// Has allocations counted, by a function that tells how many this thread has made so far.
    #[must_use]
    pub fn count_allocations(mut self, so_far: fn() -> u64) -> Self {
        self.allocations = Some(so_far);
        self
    }

    /// Has somebody told of each round, before it begins.
    #[must_use]
    pub fn on_progress(mut self, tell: impl FnMut(Progress<'_>) + 'static) -> Self {
        self.progress = Box::new(tell);
        self
    }

    /// How it measures.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Nanoseconds for a copy of 1514 bytes, in all rounds so far.
    #[must_use]
    pub fn copy(&self) -> Spread {
        self.control.copy()
    }

    /// Nanoseconds for a system call that does nothing, in all rounds so far.
    #[must_use]
    pub fn call(&self) -> Spread {
        self.control.call()
    }

    /// Measures a case. The first round warms up and does not count. Whoever fails is left out from then on, and the
    /// row says so. Blocks until it is done.
    pub fn measure(&mut self, case: &mut dyn Case) -> Row {
        let contestants = case.contestants();
        let is_wanted = |it: &Contestant| it.name.contains(&self.plan.only);
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        order.retain(|at| contestants.get(*at).is_some_and(is_wanted));
        let mut samples = vec![Samples::default(); contestants.len()];
        let mut left_out = Vec::new();
        let (section, name) = (case.section(), case.name());
        for round in 0..=self.plan.rounds {
            (self.progress)(Progress {
                section: &section,
                name: &name,
                round,
                rounds: self.plan.rounds,
            });
            self.control.round();
            self.random.shuffle(&mut order);
            order.retain(|at| match self.sample(case, *at) {
                Ok(sample) => {
                    if let Some(all) = samples.get_mut(*at).filter(|_| round > 0) {
                        all.add(sample);
                    }
                    true
                }
                Err(error) => {
                    left_out.extend(contestants.get(*at).map(|it| failed(it, &*error)));
                    // Quotients need a partner in every round.
                    samples.get_mut(*at).into_iter().for_each(Samples::clear);
                    false
                }
            });
        }
        let mut row = row(case, &contestants, &samples);
        row.left_out = left_out;
        row
    }

    fn sample(&self, case: &mut dyn Case, contestant: usize) -> Outcome<Sample> {
        let duration = match self.plan.quick {
            true => case.duration() / 2,
            false => case.duration(),
        };
        let count = self.allocations.unwrap_or(|| 0);
        let mut sample = Sample::default();
        loop {
            case.prepare(contestant)?;
            let (allocated, others) = (count(), case.time_of_others(contestant));
            let (cpu, start) = (cpu_time(case.clock()), Instant::now());
            let units = case.run(contestant)?;
            sample.wall += start.elapsed();
            sample.cpu += cpu_time(case.clock()).saturating_sub(cpu);
            sample.cpu += case.time_of_others(contestant).saturating_sub(others);
            sample.allocations += count() - allocated;
            sample.units += units;
            sample.lost += case.settle(contestant)?;
            sample.latencies.append(&mut case.latencies(contestant));
            let is_over = match case.clock() {
                Clock::ThisThread => sample.cpu >= duration,
                Clock::Wall => sample.wall >= duration,
                Clock::Value => true,
            };
            if is_over {
                break;
            }
        }
        if sample.units == 0 {
            return Err("nothing was done".into());
        }
        sample.counts = match case.unit() {
            Unit::Datagram => sample.units.saturating_sub(sample.lost),
            _ => sample.units,
        };
        if sample.counts == 0 {
            return Err("nothing arrived".into());
        }
        sample.counted = self.allocations.is_some();
        Ok(sample)
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Bench");
        debug.field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// One contestant in one round.
#[derive(Clone, Debug, Default)]
struct Sample {
    wall: Duration,
    cpu: Duration,
    units: u64,
    lost: u64,
    /// Of the units, those that the time is divided by.
    counts: u64,
    allocations: u64,
    counted: bool,
    latencies: Vec<u32>,
}

/// One contestant in all rounds.
#[derive(Clone, Debug, Default)]
struct Samples {
    rounds: Vec<Sample>,
}

impl Samples {
    fn add(&mut self, sample: Sample) {
        self.rounds.push(sample);
    }

    fn clear(&mut self) {
        self.rounds.clear();
    }

    /// For a unit, in each round.
    fn each(&self, what: impl Fn(&Sample) -> Duration) -> Vec<f64> {
        let rounds = self.rounds.iter();
        let each = rounds.map(|it| what(it).as_secs_f64() * 1e9 / float(it.counts));
        each.collect()
    }

    fn costs(&self, clock: Clock) -> Vec<f64> {
        match clock {
            Clock::ThisThread => self.each(|it| it.cpu),
            Clock::Wall => self.each(|it| it.wall),
            Clock::Value => self.rounds.iter().map(|it| float(it.units)).collect(),
        }
    }

    fn sum(&self, what: impl Fn(&Sample) -> u64) -> u64 {
        self.rounds.iter().map(what).sum()
    }

    fn figure(&self, contestant: &Contestant, clock: Clock) -> Figure {
        let units = self.sum(|it| it.units);
        let allocations = float(self.sum(|it| it.allocations)) / float(units);
        let is_counted = clock == Clock::ThisThread && self.rounds.iter().all(|it| it.counted);
        let latencies: Vec<Vec<u32>> = self.rounds.iter().map(|it| it.latencies.clone()).collect();
        Figure {
            contestant: contestant.name.clone(),
            role: contestant.role,
            at: contestant.at,
            cost: Spread::of(&self.costs(clock)),
            wall: Spread::of(&self.each(|it| it.wall)),
            cpu: Spread::of(&self.each(|it| it.cpu)),
            units,
            lost: self.sum(|it| it.lost),
            allocations: is_counted.then_some(allocations),
            latency: Latency::of(&latencies),
        }
    }
}

fn row(case: &dyn Case, contestants: &[Contestant], samples: &[Samples]) -> Row {
    let (unit, clock) = (case.unit(), case.clock());
    let all = || contestants.iter().zip(samples);
    let measured = all().filter(|(_, it)| !it.rounds.is_empty());
    let compared = |Pair {
                        contender,
                        reference,
                    }: Pair| {
        let (one, its) = all().nth(contender)?;
        let (other, others) = all().nth(reference)?;
        let values = quotients(&its.costs(clock), &others.costs(clock), unit.better());
        (!values.is_empty()).then(|| Compared {
            contender: one.name.clone(),
            reference: other.name.clone(),
            at: one.at,
            better: unit.better(),
            value: Spread::of(&values),
            goal: None,
        })
    };
    Row {
        section: case.section(),
        name: case.name(),
        at: case.at(),
        unit,
        clock,
        figures: measured.map(|(one, its)| its.figure(one, clock)).collect(),
        comparisons: case.pairs().into_iter().filter_map(compared).collect(),
        left_out: Vec::new(),
        remarks: case.remarks(),
    }
}

fn quotients(contender: &[f64], reference: &[f64], better: Better) -> Vec<f64> {
    let pairs = contender.iter().zip(reference);
    let quotient = |(contender, reference): (&f64, &f64)| match better {
        Better::Less => contender / reference,
        Better::More => reference / contender,
    };
    pairs.map(quotient).filter(|it| it.is_finite()).collect()
}

fn cpu_time(clock: Clock) -> Duration {
    match clock {
        Clock::ThisThread => thread_time(),
        Clock::Wall | Clock::Value => process_time(),
    }
}

fn failed(contestant: &Contestant, error: &(dyn std::error::Error + 'static)) -> LeftOut {
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    LeftOut {
        what: contestant.name.clone(),
        why,
        is_failure: contestant.role != Role::Peer && !error.is::<Unavailable>(),
    }
}

#[cfg(test)]
mod tests;
