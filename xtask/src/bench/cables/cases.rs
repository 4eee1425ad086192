//! What is measured: TCP in bulk, round trips, connections, and datagrams of two lengths.

use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::bench::{Clock, Contestant, Pair, Unit};

use super::super::case::{Case, Who};
use super::datagrams::Datagrams;
use super::joint::{Cable, Joint};
use super::network::Ends;
use super::tcp::{Connections, Flow, RoundTrips};

/// What goes over a cable.
pub(super) trait Traffic {
    /// Makes everything ready for a run.
    fn prepare(&mut self, ends: &Ends) -> Result<()>;

    /// Goes on for so long; how much was sent.
    fn run(&mut self, ends: &Ends, duration: Duration) -> Result<u64>;

    /// How much of it did not arrive.
    fn settle(&mut self) -> Result<u64> {
        Ok(0)
    }

    /// Hands over the times of single units.
    fn latencies(&mut self) -> Vec<u32> {
        Vec::new()
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Flow,
    RoundTrips,
    Connections,
    /// Datagrams in frames of so many bytes.
    Frames(u16),
}

impl Work {
    /// All rows.
    pub(super) const ALL: [Self; 5] = [
        Self::Flow,
        Self::RoundTrips,
        Self::Connections,
        Self::Frames(64),
        Self::Frames(1514),
    ];

    /// What several CPUs can do parts of at the same time.
    pub(super) const PARALLEL: [Self; 3] = [Self::Flow, Self::Frames(64), Self::Frames(1514)];

    fn name(self) -> String {
        match self {
            Self::Flow => "cables TCP".to_owned(),
            Self::RoundTrips => "cables round trip".to_owned(),
            Self::Connections => "cables connections".to_owned(),
            Self::Frames(length) => format!("cables frames {length} bytes"),
        }
    }

    fn traffic(self) -> Box<dyn Traffic> {
        match self {
            Self::Flow => Box::<Flow>::default(),
            Self::RoundTrips => Box::<RoundTrips>::default(),
            Self::Connections => Box::<Connections>::default(),
            Self::Frames(length) => Box::new(Datagrams::new(length.into())),
        }
    }

    /// How long a run is: half of what a round asks for, so that a short round is one run.
    fn run(self) -> Duration {
        Duration::from_millis(match self {
            Self::Flow => 75,
            Self::RoundTrips | Self::Connections | Self::Frames(_) => 15,
        })
    }
}

/// One kind of traffic, over all cables.
pub(super) struct Joining {
    work: Work,
    /// What is said behind its name.
    suffix: &'static str,
    field: Vec<Starter>,
}

/// Who takes part, and what it is once it has started.
struct Starter {
    joint: Joint,
    started: Option<Started>,
}

/// In this order they end.
struct Started {
    traffic: Box<dyn Traffic>,
    cable: Box<dyn Cable>,
    ends: Ends,
}

impl Joining {
    /// Nothing is joined yet.
    pub(super) fn new(work: Work, suffix: &'static str, joints: &[Joint]) -> Self {
        let without_segments = Joint::Veth { segments: true };
        let matters = |joint: &&Joint| work == Work::Flow || **joint != without_segments;
        let joints = joints.iter().filter(matters);
        let field = joints.map(|joint| Starter {
            joint: joint.clone(),
            started: None,
        });
        Self {
            work,
            suffix,
            field: field.collect(),
        }
    }

    fn starter(&mut self, contestant: Who) -> Result<&mut Starter> {
        self.field.get_mut(contestant).context("no such cable")
    }
}

impl Case for Joining {
    fn name(&self) -> String {
        self.work.name() + self.suffix
    }

    fn at(&self) -> Option<f64> {
        match self.work {
            Work::Frames(length) => Some(length.into()),
            _ => None,
        }
    }

    fn unit(&self) -> Unit {
        match self.work {
            Work::Flow => Unit::Byte,
            Work::RoundTrips => Unit::RoundTrip,
            Work::Connections => Unit::Connection,
            Work::Frames(_) => Unit::Datagram,
        }
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        self.work.run() * 2
    }

    fn contestants(&self) -> Vec<Contestant> {
        let joints = self.field.iter().map(|starter| &starter.joint);
        joints
            .map(|joint| Contestant::new(joint.name(), joint.role()))
            .collect()
    }

    /// What offloads bring, too.
    fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Pair::by_role(&self.contestants());
        let field = || self.field.iter().map(|starter| &starter.joint).enumerate();
        for (contender, joint) in field() {
            let plain = joint.without_offloads();
            let mut others = field().filter(|(_, other)| plain.as_ref() == Some(other));
            pairs.extend(others.next().map(|(reference, _)| Pair {
                contender,
                reference,
            }));
        }
        pairs
    }

    fn remarks(&self) -> Vec<String> {
        let started = self.field.iter().filter(|it| it.started.is_some());
        let mut remarks: Vec<String> = started
            .filter_map(|starter| starter.joint.remark())
            .map(str::to_owned)
            .collect();
        remarks.dedup();
        remarks
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let traffic = self.work.traffic();
        let starter = self.starter(contestant)?;
        if starter.started.is_none() {
            let ends = Ends::new()?;
            starter.started = Some(Started {
                traffic,
                cable: starter.joint.join(&ends)?,
                ends,
            });
            starter.go(|it| it.ends.greet())?;
        }
        starter.go(|it| {
            it.cable.resume()?;
            it.traffic.prepare(&it.ends)
        })
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let duration = self.work.run();
        let starter = self.starter(contestant)?;
        starter.go(|it| it.traffic.run(&it.ends, duration))
    }

    fn settle(&mut self, contestant: Who) -> Result<u64> {
        let starter = self.starter(contestant)?;
        starter.go(|it| {
            let lost = it.traffic.settle()?;
            it.cable.pause()?;
            Ok(lost)
        })
    }

    fn latencies(&mut self, contestant: Who) -> Vec<u32> {
        let starter = self.field.get_mut(contestant);
        let started = starter.and_then(|it| it.started.as_mut());
        started.map_or_else(Vec::new, |it| it.traffic.latencies())
    }

    fn time_of_others(&mut self, contestant: Who) -> Duration {
        let starter = self.field.get(contestant);
        let started = starter.and_then(|it| it.started.as_ref());
        let program = started.and_then(|it| it.cable.program());
        program.map_or(Duration::ZERO, |it| it.time())
    }
}

impl Starter {
    /// Does something with what was started; if that fails, ends it, and says what it has to say.
    fn go<T>(&mut self, work: impl FnOnce(&mut Started) -> Result<T>) -> Result<T> {
        let started = self.started.as_mut().context("it was not started")?;
        let outcome = work(started);
        if outcome.is_ok() {
            return outcome;
        }
        let said = started.cable.program().map(super::program::Program::said);
        self.started = None;
        match said {
            Some(said) => outcome.context(said),
            None => outcome,
        }
    }
}
