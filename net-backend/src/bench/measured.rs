//! What came out of a case, round by round.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::case::{Case, Clock, Contestant, Pair, Role, Unit};
use super::report::LeftOut;
use super::row::{Better, Compared, Figure, Latency, Row};
use super::spread::{Spread, float};

/// What came out of a case, round by round: rounds of several processes can be put together, as if they were of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub(super) section: String,
    pub(super) name: String,
    at: Option<f64>,
    unit: Unit,
    clock: Clock,
    pub(super) contestants: Vec<Contestant>,
    pairs: Vec<Pair>,
    /// In the order of the contestants.
    samples: Vec<Samples>,
    left_out: Vec<Out>,
    pub(super) remarks: Vec<String>,
}

impl Measured {
    /// Nothing yet.
    pub(super) fn new(case: &dyn Case) -> Self {
        let contestants = case.contestants();
        Self {
            section: case.section(),
            name: case.name(),
            at: case.at(),
            unit: case.unit(),
            clock: case.clock(),
            samples: vec![Samples::default(); contestants.len()],
            contestants,
            pairs: case.pairs(),
            left_out: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// What its row is known by: `SECTION/NAME`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.section, self.name)
    }

    /// Adds the rounds of the same case, measured by another process. Whoever failed in one of them is left out, and so is
    /// whoever took part in one of them only.
    pub fn absorb(&mut self, mut other: Self) {
        let places = self.places(&other.contestants);
        for (place, samples) in places.iter().zip(&mut other.samples) {
            let is_out = self.left_out.iter().any(|out| out.contestant == *place);
            if let (false, Some(mine)) = (is_out, self.samples.get_mut(*place)) {
                mine.rounds.append(&mut samples.rounds);
            }
        }
        for out in other.left_out {
            if let Some(place) = places.get(out.contestant) {
                self.leave_out(*place, out.why);
            }
        }
        let fresh = other.remarks.into_iter();
        let fresh = fresh.filter(|it| !self.remarks.contains(it));
        self.remarks.extend(fresh.collect::<Vec<_>>());
    }

    /// What it comes to.
    #[must_use]
    pub fn row(&self) -> Row {
        let all = || self.contestants.iter().zip(&self.samples);
        let measured = all().filter(|(_, it)| !it.rounds.is_empty());
        let compared = |pair: &Pair| {
            let (one, its) = all().nth(pair.contender)?;
            let (other, others) = all().nth(pair.reference)?;
            let better = self.unit.better();
            let values = quotients(&its.costs(self.clock), &others.costs(self.clock), better);
            (!values.is_empty()).then(|| Compared {
                contender: one.name.clone(),
                reference: other.name.clone(),
                at: one.at,
                better,
                value: Spread::of(&values),
                goal: None,
            })
        };
        let figures = measured.map(|(one, its)| its.figure(one, self.clock));
        Row {
            section: self.section.clone(),
            name: self.name.clone(),
            at: self.at,
            unit: self.unit,
            clock: self.clock,
            figures: figures.collect(),
            comparisons: self.pairs.iter().filter_map(compared).collect(),
            left_out: self.left_out.iter().map(|it| it.why.clone()).collect(),
            remarks: self.remarks.clone(),
        }
    }

    /// Adds a round of a contestant.
    pub(super) fn add(&mut self, contestant: usize, sample: Sample) {
        if let Some(samples) = self.samples.get_mut(contestant) {
            samples.rounds.push(sample);
        }
    }

    /// Leaves a contestant out, with what it did so far: quotients need a partner in every round.
    pub(super) fn leave_out(&mut self, contestant: usize, why: LeftOut) {
        if let Some(samples) = self.samples.get_mut(contestant) {
            samples.rounds.clear();
        }
        if !self.left_out.iter().any(|it| it.contestant == contestant) {
            self.left_out.push(Out { contestant, why });
        }
    }

    /// Where these contestants of another process are among those of this one. Those that are only here or only there are
    /// left out.
    fn places(&mut self, theirs: &[Contestant]) -> Vec<usize> {
        for (place, one) in self.contestants.clone().iter().enumerate() {
            if !theirs.contains(one) {
                self.leave_out(place, in_one_process_only(one));
            }
        }
        let mut places = Vec::new();
        for one in theirs {
            let known = self.contestants.iter().enumerate();
            let mut known = known.filter(|(place, it)| *it == one && !places.contains(place));
            let place = match known.next() {
                Some((place, _)) => place,
                None => {
                    self.contestants.push(one.clone());
                    self.samples.push(Samples::default());
                    let place = self.contestants.len() - 1;
                    self.leave_out(place, in_one_process_only(one));
                    place
                }
            };
            places.push(place);
        }
        places
    }
}

/// A contestant that is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Out {
    /// Its place.
    contestant: usize,
    why: LeftOut,
}

fn in_one_process_only(contestant: &Contestant) -> LeftOut {
    let why = "it took part in some of the processes only that the rounds were divided among";
    LeftOut::of(contestant, why.to_owned(), contestant.role != Role::Peer)
}

/// One contestant in one round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    pub(super) units: u64,
    pub(super) lost: u64,
    /// Of the units, those that the time is divided by.
    pub(super) counts: u64,
    pub(super) allocations: u64,
    pub(super) counted: bool,
    pub(super) latencies: Vec<u32>,
}

/// One contestant in all rounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Samples {
    rounds: Vec<Sample>,
}

impl Samples {
    /// For a unit, in each round that had one.
    fn each(&self, what: impl Fn(&Sample) -> Duration) -> Vec<f64> {
        let rounds = self.rounds.iter().filter(|it| it.counts > 0);
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

    fn lost_part(&self) -> Option<Spread> {
        let part = |it: &Sample| float(it.lost) / float(it.units.max(1));
        let parts: Vec<f64> = self.rounds.iter().map(part).collect();
        (self.sum(|it| it.lost) > 0).then(|| Spread::of(&parts))
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
            lost_part: self.lost_part(),
            allocations: (is_counted && units > 0).then_some(allocations),
            latency: Latency::of(&latencies),
        }
    }
}

/// In each round; where there is nothing to divide by, or nothing that is divided, there is no quotient.
fn quotients(contender: &[f64], reference: &[f64], better: Better) -> Vec<f64> {
    let pairs = contender.iter().zip(reference);
    let quotient = |(contender, reference): (&f64, &f64)| match better {
        Better::Less => contender / reference,
        Better::More => reference / contender,
    };
    pairs.map(quotient).filter(|it| it.is_normal()).collect()
}

#[cfg(test)]
mod tests;
