//! What several queues of a backend bring: a thread for each pair, on all CPUs that there are.

mod member;
mod tap;
mod team;

use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::Uri;
use net_backend::bench::{Clock, Contestant, Pair, Role, Unit};

use super::MakeCase;
use super::case::{Case, Who};
use super::field::{Field, Section, openable};
use tap::FarEnd;
use team::{Order, Team};

/// How many pairs take part, as far as the backend has them.
const PAIRS: [u16; 3] = [1, 2, 4];
/// Bytes of a frame.
const LENGTH: usize = 1514;
/// How long to send in each run.
const DURATION: Duration = Duration::from_millis(15);

/// All cases of this section: of the backends with several queues.
pub(super) fn section(field: &Field) -> Section {
    let mut section = Section::default();
    for direction in [Direction::Send, Direction::Receive] {
        let entries = entries(field, direction);
        if !entries.is_empty() {
            let make: MakeCase = Box::new(move || Ok(Box::new(Row::new(direction, &entries))));
            section.cases.push(make);
        }
    }
    section
}

/// Where frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    /// From the guest to the host.
    Send,
    /// From the host to the guest.
    Receive,
}

impl Direction {
    /// What does it by hand.
    fn call(self) -> &'static str {
        match self {
            Self::Send => "write(2)",
            Self::Receive => "read(2)",
        }
    }
}

/// Who takes part.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    uri: Uri,
    pairs: u16,
    is_by_hand: bool,
}

impl Entry {
    fn contestant(&self) -> Contestant {
        let role = match self.is_by_hand {
            true => Role::ByHand,
            false => Role::Library,
        };
        Contestant::new(&self.name, role).at(self.pairs.into())
    }
}

/// All backends with several queues, each with all numbers of pairs. Frames for the guest have to come from somewhere: only
/// taps take part in that.
fn entries(field: &Field, direction: Direction) -> Vec<Entry> {
    let (mut all, mut has_tap) = (Vec::new(), false);
    for name in &field.uris {
        let Ok(uri) = openable(name).parse::<Uri>() else {
            continue;
        };
        if tap::is_tap(&uri) {
            all.extend(taps(name, &uri, false));
            if !has_tap {
                all.extend(taps(direction.call(), &uri, true));
            }
            has_tap = true;
        } else if direction == Direction::Send {
            let most = net_backend::open(name).map_or(1, |it| it.capabilities().max_queue_pairs);
            all.extend(up_to(most).map(|pairs| Entry {
                name: name.clone(),
                uri: uri.clone(),
                pairs,
                is_by_hand: false,
            }));
        }
    }
    all
}

fn taps(name: &str, uri: &Uri, is_by_hand: bool) -> impl Iterator<Item = Entry> {
    up_to(tap::most_queues(uri)).map(move |pairs| Entry {
        name: name.to_owned(),
        uri: tap::with_queues(uri, pairs),
        pairs,
        is_by_hand,
    })
}

/// The numbers of pairs, where there are several.
fn up_to(most: u16) -> impl Iterator<Item = u16> {
    let all = PAIRS.into_iter();
    all.filter(move |pairs| *pairs <= most && most > 1)
}

/// One direction.
struct Row {
    direction: Direction,
    field: Vec<(Entry, Option<Started>)>,
}

/// What takes part, once it has to.
struct Started {
    team: Team,
    far_end: Option<FarEnd>,
    /// Frames that had arrived at the far end before the run.
    before: u64,
    /// Frames that were sent in the run, to it or by it.
    sent: u64,
    /// Frames that the guest received in the run.
    received: u64,
}

impl Row {
    fn new(direction: Direction, entries: &[Entry]) -> Self {
        Self {
            direction,
            field: entries.iter().cloned().map(|it| (it, None)).collect(),
        }
    }

    fn started(&mut self, contestant: Who) -> Result<&mut Started> {
        let started = self.field.get_mut(contestant);
        let started = started.and_then(|(_, started)| started.as_mut());
        started.context("it was not started")
    }
}

impl Case for Row {
    fn name(&self) -> String {
        match self.direction {
            Direction::Send => format!("queues send {LENGTH} bytes"),
            Direction::Receive => format!("queues receive {LENGTH} bytes"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        DURATION
    }

    fn contestants(&self) -> Vec<Contestant> {
        self.field.iter().map(|(it, _)| it.contestant()).collect()
    }

    /// The usual ones, and several queues beside one.
    fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Pair::by_role(&self.contestants());
        let all = || self.field.iter().map(|(entry, _)| entry).enumerate();
        for (contender, it) in all().filter(|(_, it)| it.pairs > 1) {
            let alone = all().find(|(_, other)| other.name == it.name && other.pairs == 1);
            pairs.extend(alone.map(|(reference, _)| Pair {
                contender,
                reference,
            }));
        }
        pairs
    }

    fn remarks(&self) -> Vec<String> {
        let text = "a thread for each pair of queues, which have all CPUs in turn; what counts is the time on the wall for all their frames";
        vec![text.to_owned()]
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let (direction, number) = (self.direction, u8::try_from(contestant)?);
        let (entry, started) = self.field.get_mut(contestant).context("no such entrant")?;
        let started = match started {
            Some(started) => started,
            None => started.insert(Started::new(entry, number)?),
        };
        if let Some(far_end) = &mut started.far_end {
            match direction {
                Direction::Send => started.before = far_end.arrived()?,
                Direction::Receive => started.sent = far_end.fill()?,
            }
        }
        started.team.prepare(match direction {
            Direction::Send => Order::Send(DURATION / 2),
            Direction::Receive => Order::Receive,
        })
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let direction = self.direction;
        let started = self.started(contestant)?;
        let frames = started.team.run()?;
        match direction {
            Direction::Send => started.sent = frames,
            Direction::Receive => started.received = frames,
        }
        // With those that were offered and did not come.
        Ok(frames.max(started.sent))
    }

    fn settle(&mut self, contestant: Who) -> Result<u64> {
        let direction = self.direction;
        let Started {
            far_end,
            before,
            sent,
            received,
            ..
        } = self.started(contestant)?;
        let arrived = match (far_end, direction) {
            (None, _) => *sent,
            (Some(_), Direction::Receive) => *received,
            (Some(far_end), Direction::Send) => far_end.arrived()?.saturating_sub(*before),
        };
        Ok(sent.saturating_sub(arrived))
    }
}

impl Started {
    fn new(entry: &Entry, number: u8) -> Result<Self> {
        let team = Team::start(&entry.uri, entry.pairs, entry.is_by_hand)?;
        let name = team.interface();
        let far_end = name.map(|name| FarEnd::open(name, number)).transpose()?;
        Ok(Self {
            team,
            far_end,
            before: 0,
            sent: 0,
            received: 0,
        })
    }
}
