//! All that was measured in a run.

use serde::{Deserialize, Serialize};

use super::case::Contestant;
use super::control::Controls;
use super::engine::Plan;
use super::machine::Machine;
use super::measured::Measured;
use super::row::Row;
use super::spread::Spread;

/// All that was measured in a run, and on what. Its JSON form is read by later versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The form of this: [`FORMAT`](Self::FORMAT).
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
    /// The form that this version writes.
    pub const FORMAT: u32 = 1;

    /// How noisy the machine was: the worse of the two controls.
    #[must_use]
    pub fn noise(&self) -> f64 {
        self.copy.relative().max(self.call.relative())
    }
}

/// What a process measured, round by round.
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
        Report {
            format: Report::FORMAT,
            machine,
            plan,
            copy: Spread::of(&self.controls.copies),
            call: Spread::of(&self.controls.calls),
            rows: self.measured.iter().map(Measured::row).collect(),
            left_out: self.left_out,
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
