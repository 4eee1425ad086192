//! Rounds: all contestants in each, in random order, and a control.

use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::case::{Case, Clock, Contestant, Outcome, Role, Stuck, Unavailable};
use super::clock::{process_time, thread_time};
use super::control::{Control, Controls};
use super::cpus::usable_cpus;
use super::machine::Machine;
use super::measured::{Measured, Sample};
use super::random::Random;
use super::report::{LeftOut, Report};
use super::row::Row;
use super::spread::Spread;

/// The round that warms up: shorter, and without figures.
const WARM_UP: usize = 0;
/// What runs may take on the wall in a round, beside ten times what they should take.
const PATIENCE: Duration = Duration::from_secs(1);
/// So often a contestant may get [stuck](Stuck) in a case, and is started again.
const RESTARTS: usize = 5;

/// How to measure. Begin with the [default](Self::default), and change what should be otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// Rounds that count.
    pub rounds: usize,
    /// How many CPUs everything runs on. Goals are for one. [`Bench::new`] writes down what is true; see
    /// [`keep_to_cpus`](super::keep_to_cpus).
    pub cpus: usize,
    /// Whether runs are shorter than they should be, for a first look.
    pub quick: bool,
    /// Only contestants whose name contains this.
    pub only: String,
}

impl Default for Plan {
    /// 15 rounds of everybody, for a thread that is kept to one CPU.
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
    /// Nothing is measured yet. It runs on the CPUs that this thread may use at this time, whatever the plan says:
    /// [`plan`](Self::plan) then says how many these are.
    #[must_use]
    pub fn new(mut plan: Plan) -> Self {
        plan.cpus = usable_cpus();
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

    /// What it comes to, beside what it was measured on: [`Machine::now`] from before the first row.
    #[must_use]
    pub fn report(&self, machine: Machine, rows: Vec<Row>) -> Report {
        let controls = self.controls();
        Report {
            copy: Spread::of(&controls.copies),
            call: Spread::of(&controls.calls),
            ..Report::new(machine.finish(), self.plan.clone(), rows)
        }
    }

    /// How it measures.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What was done beside the contestants, in all rounds so far.
    #[must_use]
    pub fn controls(&self) -> &Controls {
        self.control.times()
    }

    /// Measures a case. The first round warms up and does not count. Whoever fails is left out from then on, and the
    /// row says so. Blocks until it is done.
    pub fn measure(&mut self, case: &mut dyn Case) -> Row {
        self.gather(case).row()
    }

    /// The same, round by round, for somebody who measures it in several processes: where things lie in memory makes figures
    /// of one differ from those of another, more than from round to round.
    pub fn gather(&mut self, case: &mut dyn Case) -> Measured {
        let mut measured = Measured::new(case);
        let is_wanted = |it: &Contestant| it.name.contains(&self.plan.only);
        let contestants = measured.contestants.clone();
        let mut order: Vec<usize> = (0..contestants.len()).collect();
        order.retain(|at| contestants.get(*at).is_some_and(is_wanted));
        let mut restarts = vec![Vec::new(); contestants.len()];
        for round in WARM_UP..=self.plan.rounds {
            (self.progress)(Progress {
                section: &measured.section,
                name: &measured.name,
                round,
                rounds: self.plan.rounds,
            });
            self.control.round();
            self.random.shuffle(&mut order);
            order.retain(|at| match self.insist(case, *at, round, &mut restarts) {
                Ok(_) if round == WARM_UP => true,
                Ok(sample) => {
                    measured.add(*at, sample);
                    true
                }
                Err(error) => {
                    let failed = contestants.get(*at).map(|it| failed(it, &*error));
                    if let Some(why) = failed {
                        measured.leave_out(*at, why);
                    }
                    false
                }
            });
        }
        measured.remarks = case.remarks();
        let restarted = contestants.iter().zip(&restarts);
        let restarted = restarted.filter_map(|(it, reasons)| how_often(it, reasons));
        measured.remarks.extend(restarted);
        measured
    }

    /// Begins anew with whoever gets stuck, and notes why.
    fn insist(
        &self,
        case: &mut dyn Case,
        contestant: usize,
        round: usize,
        restarts: &mut [Vec<String>],
    ) -> Outcome<Sample> {
        loop {
            let error = match self.sample(case, contestant, round) {
                Ok(sample) => return Ok(sample),
                Err(error) => error,
            };
            match restarts.get_mut(contestant) {
                Some(reasons) if error.is::<Stuck>() && reasons.len() < RESTARTS => {
                    reasons.push(error.to_string());
                }
                _ => return Err(error),
            }
        }
    }

    fn sample(&self, case: &mut dyn Case, contestant: usize, round: usize) -> Outcome<Sample> {
        let duration = match (self.plan.quick, round) {
            (true, WARM_UP) => case.duration() / 5,
            (true, _) | (false, WARM_UP) => case.duration() / 2,
            (false, _) => case.duration(),
        };
        let count = self.allocations.unwrap_or(|| 0);
        // Whoever only waits has spent no CPU time when it has waited for ever.
        let (begin, longest) = (Instant::now(), duration * 10 + PATIENCE);
        let mut sample = Sample::default();
        loop {
            case.prepare(contestant)?;
            let (allocated, before) = (count(), case.time_of_others(contestant));
            let (cpu, start) = (cpu_time(case.clock()), Instant::now());
            let units = case.run(contestant)?;
            sample.wall += start.elapsed();
            sample.cpu += cpu_time(case.clock()).saturating_sub(cpu);
            sample.allocations += count() - allocated;
            let after_run = case.time_of_others(contestant);
            sample.units += units;
            sample.lost += case.settle(contestant)?;
            // What this thread handed over is worked off while it waits.
            let after = match case.clock() {
                Clock::ThisThread => case.time_of_others(contestant),
                Clock::Wall | Clock::Value => after_run,
            };
            sample.cpu += after.saturating_sub(before);
            sample.latencies.append(&mut case.latencies(contestant));
            let is_over = match case.clock() {
                Clock::ThisThread => sample.cpu >= duration,
                Clock::Wall => sample.wall >= duration,
                Clock::Value => true,
            };
            let is_over = is_over || begin.elapsed() >= longest;
            if is_over {
                break;
            }
        }
        sample.counts = match case.clock() {
            Clock::Value => sample.units,
            Clock::ThisThread | Clock::Wall => sample.units.saturating_sub(sample.lost),
        };
        match (case.clock(), sample.units, sample.counts) {
            // A figure may be nothing: bytes that somebody needs.
            (Clock::Value, ..) | (_, 1.., 1..) => {}
            (_, 0, _) => return Err("nothing was done".into()),
            (_, _, 0) => return Err("nothing arrived".into()),
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
    let is_failure = contestant.role != Role::Peer && !error.is::<Unavailable>();
    LeftOut::of(contestant, why, is_failure)
}

/// What to say of somebody who was started again.
fn how_often(contestant: &Contestant, reasons: &[String]) -> Option<String> {
    let (count, last) = (reasons.len(), reasons.last()?);
    let at = contestant
        .at
        .map_or(String::new(), |at| format!(" at {at}"));
    let name = &contestant.name;
    let times = if count == 1 { "time" } else { "times" };
    Some(format!(
        "{name}{at} got stuck and was started again {count} {times}; the last time it was {last}"
    ))
}

#[cfg(test)]
mod tests;
