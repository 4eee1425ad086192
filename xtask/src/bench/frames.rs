//! Frames through a backend, one by one, beside the same system calls by hand and beside what the machine can do at most.

mod counted;
mod datagrams;
mod memory;
mod subjects;
mod switch;
mod tap;
mod tun_rs;
mod veth;

use std::error::Error;
use std::time::Duration;

use anyhow::Result;
use net_backend::bench::frames::{Direction, Frames, Shape};
use net_backend::bench::{self, Clock, Contestant, LeftOut, Pair, Stuck, Unavailable, Unit};

use super::MakeCase;
use super::case::{Case, Who};
use super::field::{Field, Section};

pub(super) use counted::Counter;

/// All cases of this section.
pub(super) fn section(field: &Field) -> Section {
    let mut uris = Vec::new();
    let mut left_out = Vec::new();
    for uri in &field.uris {
        match subjects::is_measurable(uri) {
            Ok(()) => uris.push(uri.clone()),
            Err(why) => left_out.push(LeftOut {
                what: format!("{uri}, frames"),
                why,
                is_failure: false,
            }),
        }
    }
    let peers = field.peers;
    let rows = Direction::ALL
        .into_iter()
        .flat_map(|direction| Shape::ALL.map(|shape| (direction, shape)));
    let case = |(direction, shape)| -> MakeCase {
        let uris = uris.clone();
        Box::new(move || {
            let subjects = subjects::all(&uris, direction, peers);
            let frames = Frames::new(subjects.into(), direction, shape);
            Ok(Box::new(Borrowed(Box::new(frames))))
        })
    };
    Section {
        cases: rows.map(case).collect(),
        left_out,
    }
}

/// A case of the library.
struct Borrowed(Box<dyn bench::Case>);

impl Case for Borrowed {
    fn name(&self) -> String {
        format!("{} {}", self.0.section(), self.0.name())
    }

    fn at(&self) -> Option<f64> {
        self.0.at()
    }

    fn unit(&self) -> Unit {
        self.0.unit()
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn duration(&self) -> Duration {
        self.0.duration()
    }

    fn contestants(&self) -> Vec<Contestant> {
        self.0.contestants()
    }

    fn pairs(&self) -> Vec<Pair> {
        self.0.pairs()
    }

    fn remarks(&self) -> Vec<String> {
        self.0.remarks()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        self.0.prepare(contestant).map_err(told)
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        self.0.run(contestant).map_err(told)
    }

    fn settle(&mut self, contestant: Who) -> Result<u64> {
        self.0.settle(contestant).map_err(told)
    }

    fn time_of_others(&mut self, contestant: Who) -> Duration {
        self.0.time_of_others(contestant)
    }
}

/// The same error, so that it is still known what is no failure, and what may work another time.
fn told(error: Box<dyn Error + Send + Sync>) -> anyhow::Error {
    let error = match error.downcast::<Unavailable>() {
        Ok(unavailable) => return anyhow::Error::new(*unavailable),
        Err(error) => error,
    };
    match error.downcast::<Stuck>() {
        Ok(stuck) => anyhow::Error::new(*stuck),
        Err(error) => anyhow::Error::from_boxed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::case::Adapted;
    use super::*;

    /// Neither of them is there.
    struct Absent;

    impl bench::Case for Absent {
        fn section(&self) -> String {
            "frames".to_owned()
        }

        fn name(&self) -> String {
            "of nobody".to_owned()
        }

        fn unit(&self) -> Unit {
            Unit::Frame
        }

        fn contestants(&self) -> Vec<Contestant> {
            ["lacking", "broken", "hanging"]
                .map(|name| Contestant::new(name, bench::Role::Library))
                .to_vec()
        }

        fn prepare(&mut self, contestant: usize) -> bench::Outcome<()> {
            match contestant {
                0 => Err(Unavailable::new("it cannot").into()),
                2 => Err(Stuck::new("it hangs").into()),
                _ => Err("it broke".into()),
            }
        }

        fn run(&mut self, _: usize) -> bench::Outcome<u64> {
            Ok(1)
        }
    }

    #[test]
    fn what_is_no_failure_stays_none() {
        let mut case = Adapted(Box::new(Borrowed(Box::new(Absent))));
        let mut row = bench::Bench::new(bench::Plan::default()).measure(&mut case);
        assert_eq!(row.id(), "frames/of nobody");
        row.left_out.sort_by(|one, other| one.what.cmp(&other.what));
        let told = row.left_out.iter();
        let told: Vec<_> = told.map(|it| (&*it.why, it.is_failure)).collect();
        let all = [("it broke", true), ("it hangs", true), ("it cannot", false)];
        assert_eq!(told, all);
        assert!(row.remarks[0].contains("hanging got stuck"), "{row:?}");
    }
}
