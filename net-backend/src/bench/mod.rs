//! Measuring backends: what a frame costs beside the same work done by hand, beside what the machine can do at most, and beside other programs.
//!
//! A [`Case`] is one kind of work that several contestants do. [`Bench`] has them do it in turns, in another order in
//! every round, and compares what they took in the same round: on a machine where other things run too, quotients of
//! such pairs are steady where times are not. What comes out is a [`Row`] for each case, and all rows of a run are a [`Report`].
//!
//! `cargo xtask bench` of this project is made of it. For a backend of one's own there is [`frames`], which needs nothing
//! but a [`Subject`](frames::Subject): how to open it, and what is at its far end.

mod case;
mod clock;
mod compare;
mod control;
mod cpus;
mod engine;
pub mod frames;
mod goals;
mod machine;
mod measured;
mod random;
mod report;
mod row;
mod spread;
mod sys;
mod text;

pub use case::{Case, Clock, Contestant, Outcome, Pair, Role, Stuck, Unavailable, Unit};
pub use clock::{process_time, thread_time};
pub use compare::{Change, Changes, Measure};
pub use control::Controls;
pub use cpus::{Cpus, keep_to_cpus, usable_cpus};
pub use engine::{Bench, Plan, Progress};
pub use goals::{Goals, Rule, Unjudged, Unused};
pub use machine::Machine;
pub use measured::Measured;
pub use report::{LeftOut, Part, Report};
pub use row::{Better, Compared, Figure, Goal, Latency, Row, Verdict};
pub use spread::Spread;
