//! All that was measured in a run.

use serde::{Deserialize, Serialize};

use super::case::Contestant;
use super::control::Controls;
use super::engine::Plan;
use super::machine::Machine;
use super::measured::Measured;
use super::row::Row;
use super::spread::Spread;

/// All that was measured in a run, and on what: made by [`Bench::report`](super::Bench::report), or of a [`Part`].
///
/// Whoever reads one that another version has written looks at `format` first: it may have other fields where that is not
/// [`FORMAT`](Self::FORMAT).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The form of this when it is written: [`FORMAT`](Self::FORMAT).
    pub format: u32,
    /// What it was measured on.
    pub machine: Machine,
    /// How.
    pub plan: Plan,
    /// Nanoseconds for a copy of 1514 bytes, in every round of every row.
    pub copy: Spread,
    /// Nanoseconds for a system call that does nothing, in every round of every row.
    pub call: Spread,
    /// What came out.
    pub rows: Vec<Row>,
    /// What could not be measured here.
    pub left_out: Vec<LeftOut>,
}

impl Report {
    /// Where a control's quartiles are further apart than this part of its median, no figure can be trusted.
    pub const NOISE: f64 = 0.15;
    /// Where a quotient's quartiles are further apart than this part of its median, it tells little.
    pub const VAGUE: f64 = 0.4;
    /// The form that this version writes, and the only one that it is sure to read.
    pub const FORMAT: u32 = 1;

    /// These rows, of nothing else: no controls, and nobody left out.
    #[must_use]
    pub fn new(machine: Machine, plan: Plan, rows: Vec<Row>) -> Self {
        Self {
            format: Self::FORMAT,
            machine,
            plan,
            copy: Spread::default(),
            call: Spread::default(),
            rows,
            left_out: Vec::new(),
        }
    }

    /// How noisy the machine was: the worse of the two controls.
    #[must_use]
    pub fn noise(&self) -> f64 {
        self.copy.relative().max(self.call.relative())
    }
}

/// What one of several processes measured, round by round. Where there is only one, [`Bench::report`](super::Bench::report)
/// is enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What came out.
    pub measured: Vec<Measured>,
    /// What was done beside it.
    pub controls: Controls,
    /// What could not be measured.
    pub left_out: Vec<LeftOut>,
}

impl Part {
    /// Adds what another process measured.
    pub fn absorb(&mut self, other: Self) {
        for later in other.measured {
            let mut mine = self.measured.iter_mut();
            match mine.find(|it| it.id() == later.id()) {
                Some(mine) => mine.absorb(later),
                None => self.measured.push(later),
            }
        }
        self.controls.copies.extend(other.controls.copies);
        self.controls.calls.extend(other.controls.calls);
        for left_out in other.left_out {
            if !self.left_out.contains(&left_out) {
                self.left_out.push(left_out);
            }
        }
    }

    /// What it comes to.
    #[must_use]
    pub fn report(self, machine: Machine, plan: Plan) -> Report {
        let rows = self.measured.iter().map(Measured::row).collect();
        Report {
            copy: Spread::of(&self.controls.copies),
            call: Spread::of(&self.controls.calls),
            left_out: self.left_out,
            ..Report::new(machine, plan, rows)
        }
    }
}

/// What could not be measured, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// A contestant, or a case.
    pub what: String,
    /// Why, with the remedy where there is one.
    pub why: String,
    /// Whether it should have worked: something of the library, or of the machine's, failed when it was measured.
    pub is_failure: bool,
}

impl LeftOut {
    /// A contestant of a row, with its place on the scale if it has one: it may take part in others.
    pub(super) fn of(contestant: &Contestant, why: String, is_failure: bool) -> Self {
        Self {
            what: contestant.name.clone(),
            why: match contestant.at {
                Some(at) => format!("{why} (at {at})"),
                None => why,
            },
            is_failure,
        }
    }
}
