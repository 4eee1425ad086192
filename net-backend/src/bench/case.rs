//! What can be measured.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::row::Better;

/// What a [`Case`] returns: whatever is in the way ends the contestant, not the run.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The same work, done by several contestants. A contestant is known by its place in [`contestants`](Self::contestants).
pub trait Case {
    /// The group of cases that it belongs to, in one word: `frames`.
    fn section(&self) -> String;

    /// What it is, in a few words; nothing else in the section has this name.
    fn name(&self) -> String;

    /// Its place among the cases of a plot: bytes of a frame, say.
    fn at(&self) -> Option<f64> {
        None
    }

    /// What is counted.
    fn unit(&self) -> Unit;

    /// What its cost is measured with.
    fn clock(&self) -> Clock {
        Clock::ThisThread
    }

    /// How long each contestant goes on in each round, by [`clock`](Self::clock): no less than one run, and no more than ten
    /// times as long on the wall and a second, since who only waits spends no CPU time.
    fn duration(&self) -> Duration {
        Duration::from_millis(15)
    }

    /// Who does it.
    fn contestants(&self) -> Vec<Contestant>;

    /// Who is compared with whom: [by role](Pair::by_role), unless this says otherwise.
    fn pairs(&self) -> Vec<Pair> {
        Pair::by_role(&self.contestants())
    }

    /// What there is to say beside the figures, one line each. Asked for when all is measured.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes everything ready for one run. Not measured.
    ///
    /// # Errors
    ///
    /// If something is in the way. The contestant is then left out, which is a failure unless the error is
    /// [`Unavailable`].
    fn prepare(&mut self, contestant: usize) -> Outcome<()>;

    /// Does it at least once; returns how many units were done, with those that will turn out to be lost. With
    /// [`Clock::Value`] that is the figure itself.
    ///
    /// # Errors
    ///
    /// If it did not work. The contestant is then left out, unless the error is [`Stuck`].
    fn run(&mut self, contestant: usize) -> Outcome<u64>;

    /// Ends a run; returns how many of its units did not get where they should: the time is divided by the others. Not
    /// measured.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    fn settle(&mut self, contestant: usize) -> Outcome<u64> {
        let _all_arrived = contestant;
        Ok(0)
    }

    /// Hands over how many nanoseconds each unit of the last run took, where units take different times. Not measured.
    fn latencies(&mut self, contestant: usize) -> Vec<u32> {
        let _not_told = contestant;
        Vec::new()
    }

    /// The CPU time that other processes, or other threads of this one, have spent for this contestant so far. Not measured.
    ///
    /// Asked for before a run, and again after it: with [`Clock::ThisThread`] also when it has [settled](Self::settle), so
    /// that what others do with what they were handed counts; with [`Clock::Wall`] only what they do meanwhile does.
    fn time_of_others(&mut self, contestant: usize) -> Duration {
        let _nobody_helps = contestant;
        Duration::ZERO
    }
}

impl fmt::Debug for dyn Case + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({}/{})", self.section(), self.name())
    }
}

/// Who takes part in a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contestant {
    /// Its name, in a few words; a URI where it is one.
    pub name: String,
    /// What it is to the library.
    pub role: Role,
    /// Its place on a scale where a contestant takes part several times: the number of idle connections, say.
    pub at: Option<f64>,
}

impl Contestant {
    /// One that takes part once.
    pub fn new(name: impl Into<String>, role: Role) -> Self {
        Self {
            name: name.into(),
            role,
            at: None,
        }
    }

    /// The same, at a place on a scale.
    #[must_use]
    pub fn at(mut self, place: f64) -> Self {
        self.at = Some(place);
        self
    }
}

/// What a contestant is to the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Role {
    /// It is the library.
    Library,
    /// The same work without it, in a bare loop.
    ByHand,
    /// What the machine can do at most.
    Limit,
    /// Somebody else's program or library.
    Peer,
}

/// Why a contestant cannot do it, where nothing is wrong with that: it does not offer it, or this machine does not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    reason: String,
}

impl Unavailable {
    /// For this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Unavailable {}

/// Why a run came to nothing that may work when it is started anew: somebody else's program hangs now and then, say.
///
/// Whoever returns it from a [`Case`] is prepared again, and its round begins anew, without what was measured of it so far; five
/// times in a case, then it is left out. The row's remarks say how often. A case has ended what hangs before it returns this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    reason: String,
}

impl Stuck {
    /// For this reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for Stuck {}

/// Two contestants, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Who is judged.
    pub contender: usize,
    /// Beside whom.
    pub reference: usize,
}

impl Pair {
    /// Each of the library's beside each that is not, where both are at the same [`at`](Contestant::at), or the other is
    /// nowhere.
    #[must_use]
    pub fn by_role(all: &[Contestant]) -> Vec<Self> {
        let contenders = all.iter().enumerate();
        let contenders = contenders.filter(|(_, it)| it.role == Role::Library);
        contenders
            .flat_map(|(contender, one)| {
                let others = all.iter().enumerate();
                let others = others.filter(move |(_, other)| {
                    other.role != Role::Library && (other.at.is_none() || other.at == one.at)
                });
                others.map(move |(reference, _)| Self {
                    contender,
                    reference,
                })
            })
            .collect()
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Unit {
    /// Frames: the time of each that arrives counts.
    Frame,
    /// Bytes of a stream: how many pass in a second counts.
    Byte,
    /// Something there and something back: the time of each counts.
    RoundTrip,
    /// A TCP connection from beginning to end: how many there are in a second counts.
    Connection,
    /// Datagrams: how many arrive in a second counts.
    Datagram,
    /// Bytes of memory: as few as possible.
    Memory,
}

impl Unit {
    /// What is good.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::Frame | Self::RoundTrip | Self::Memory => Better::Less,
            Self::Byte | Self::Connection | Self::Datagram => Better::More,
        }
    }
}

/// What a cost is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Clock {
    /// CPU time of the measuring thread, and of those that [work for it](Case::time_of_others): what the rest of the machine
    /// does meanwhile does not count.
    ThisThread,
    /// Time on the wall, for work of several threads and the kernel.
    Wall,
    /// No time: what [`Case::run`] returns is the figure, which may be 0.
    Value,
}
