//! Rows for tests, of figures that never vary.

use crate::bench::case::{Clock, Role, Unit};
use crate::bench::engine::Plan;
use crate::bench::machine::Machine;
use crate::bench::report::Report;
use crate::bench::row::{Compared, Figure, Row};
use crate::bench::spread::Spread;

pub(in crate::bench) fn figure(contestant: &str, role: Role, cost: f64) -> Figure {
    let cost = Spread::of(&[cost * 0.99, cost, cost * 1.01]);
    Figure {
        contestant: contestant.to_owned(),
        role,
        at: None,
        cost,
        wall: cost,
        cpu: cost,
        units: 1000,
        lost: 0,
        lost_part: None,
        allocations: Some(0.0),
        latency: None,
    }
}

/// Frames, by the CPU's clock; each of the library's is compared with all others.
pub(in crate::bench) fn row(id: &str, figures: Vec<Figure>) -> Row {
    let (section, name) = id.split_once('/').unwrap();
    let mut comparisons = Vec::new();
    for one in figures.iter().filter(|it| it.role == Role::Library) {
        for other in figures.iter().filter(|it| it.role != Role::Library) {
            if other.at.is_none() || other.at == one.at {
                comparisons.push(Compared {
                    contender: one.contestant.clone(),
                    reference: other.contestant.clone(),
                    at: one.at,
                    better: Unit::Frame.better(),
                    value: Spread::of(&[one.cost.median / other.cost.median]),
                    goal: None,
                });
            }
        }
    }
    Row {
        section: section.to_owned(),
        name: name.to_owned(),
        at: None,
        unit: Unit::Frame,
        clock: Clock::ThisThread,
        figures,
        comparisons,
        left_out: Vec::new(),
        remarks: Vec::new(),
    }
}

pub(in crate::bench) fn report(rows: Vec<Row>) -> Report {
    let mut machine = Machine::default();
    machine.kernel = "6.18".to_owned();
    machine.cpu = "a CPU".to_owned();
    machine.cpus = 2;
    machine.load_before = "0.10".to_owned();
    machine.load_after = "1.00".to_owned();
    Report {
        copy: Spread::of(&[10.0]),
        call: Spread::of(&[100.0]),
        ..Report::new(machine, Plan::default(), rows)
    }
}
