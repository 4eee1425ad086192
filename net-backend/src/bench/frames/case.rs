//! Frames one way, the other way, and both.

use std::fmt;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::case::{Case, Contestant, Outcome, Pair, Role, Unit};
use super::{Path, Shape, Subject};

/// All cases about frames: each [`Shape`] in each [`Direction`]. They are named `frames/send 64 bytes`.
#[must_use]
pub fn cases(subjects: Vec<Subject>) -> Vec<Box<dyn Case>> {
    let subjects: Rc<[Subject]> = subjects.into();
    let all = Direction::ALL.into_iter().flat_map(|direction| {
        let subjects = &subjects;
        Shape::ALL.map(|shape| -> Box<dyn Case> {
            Box::new(Frames::new(Rc::clone(subjects), direction, shape))
        })
    });
    all.collect()
}

/// Which way frames go, seen from who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the guest to the host.
    Send,
    /// From the host to the guest.
    Receive,
    /// Some are sent, then as many are received, in turns.
    Both,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Send, Self::Receive, Self::Both];

    fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Both => "both ways",
        }
    }
}

/// What a frame costs, of one shape in one direction.
pub struct Frames {
    subjects: Rc<[Subject]>,
    direction: Direction,
    shape: Shape,
    /// In the order of the subjects; `None` until it is opened.
    lanes: Vec<Option<Lane>>,
}

impl Frames {
    /// With these subjects; nothing is opened yet.
    #[must_use]
    pub fn new(subjects: Rc<[Subject]>, direction: Direction, shape: Shape) -> Self {
        let lanes = subjects.iter().map(|_| None).collect();
        Self {
            subjects,
            direction,
            shape,
            lanes,
        }
    }

    fn lane(&mut self, contestant: usize) -> Outcome<&mut Lane> {
        let lane = self.lanes.get_mut(contestant).and_then(Option::as_mut);
        lane.ok_or_else(|| "it is not open".into())
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frames({})", self.name())
    }
}

impl Case for Frames {
    fn section(&self) -> String {
        "frames".to_owned()
    }

    fn name(&self) -> String {
        format!("{} {} bytes", self.direction.name(), self.shape.length())
    }

    fn at(&self) -> Option<f64> {
        let length = u32::try_from(self.shape.length());
        length.ok().map(f64::from)
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn contestants(&self) -> Vec<Contestant> {
        self.subjects.iter().map(Subject::contestant).collect()
    }

    fn pairs(&self) -> Vec<Pair> {
        let all = || self.subjects.iter().enumerate();
        let library = all().filter(|(_, it)| it.role() == Role::Library);
        library
            .flat_map(|(contender, one)| {
                let others = all().filter(|(_, it)| it.role() != Role::Library);
                let beside = others.filter(move |(_, it)| it.is_beside(one.name()));
                beside.map(move |(reference, _)| Pair {
                    contender,
                    reference,
                })
            })
            .collect()
    }

    fn remarks(&self) -> Vec<String> {
        let both = (self.direction == Direction::Both)
            .then(|| "half of the frames are sent, half are received".to_owned());
        let length = self.shape.length();
        let segments = (self.shape == Shape::Super).then(|| {
            format!(
                "{length} bytes are a super-frame: 44 segments of TCP, for somebody else to cut"
            )
        });
        let threads = self.lanes.iter().zip(&*self.subjects);
        let threads = threads.filter_map(|(lane, subject)| {
            let others = lane.as_ref()?.path.time_of_others();
            let name = subject.name();
            (!others.is_zero()).then(|| format!("with the time of its own threads: {name}"))
        });
        let of_all = [both, segments].into_iter().flatten();
        of_all.chain(threads).collect()
    }

    fn prepare(&mut self, contestant: usize) -> Outcome<()> {
        let subject = self.subjects.get(contestant);
        let subject = subject.ok_or("there is no such contestant")?;
        let place = self.lanes.get_mut(contestant);
        let place = place.ok_or("there is no such contestant")?;
        let lane = match place {
            Some(lane) => lane,
            None => place.insert(Lane::new(subject.open(self.shape)?)),
        };
        lane.prepare(self.direction)
    }

    fn run(&mut self, contestant: usize) -> Outcome<u64> {
        let direction = self.direction;
        let lane = self.lane(contestant)?;
        let frames = match direction {
            Direction::Send => lane.send()?,
            Direction::Receive => lane.receive()?,
            Direction::Both => lane.exchange()?,
        };
        Ok(u64::try_from(frames)?)
    }

    fn settle(&mut self, contestant: usize) -> Outcome<u64> {
        let direction = self.direction;
        let lane = self.lane(contestant)?;
        let lost = match direction {
            Direction::Send => lane.arrive()?,
            Direction::Receive => lane.inbound.lost()?,
            // What does not come back was neither sent nor received.
            Direction::Both if lane.path.comes_back() => lane.inbound.lost()? * 2,
            Direction::Both => lane.arrive()? + lane.inbound.lost()?,
        };
        Ok(u64::try_from(lost)?)
    }

    fn time_of_others(&mut self, contestant: usize) -> Duration {
        let lane = self.lane(contestant);
        lane.map_or(Duration::ZERO, Lane::time_of_others)
    }
}

/// Frames in turns, where they go both ways.
const TURN: usize = 32;
/// How long to wait for a frame at first, before it is taken for lost.
const PATIENCE: Duration = Duration::from_millis(50);
/// How long to leave the CPU to others each time.
const PAUSE: Duration = Duration::from_micros(50);

/// A path, and what is on its way.
struct Lane {
    path: Box<dyn Path>,
    /// How long to wait for frames of which none comes. Less each time that it was in vain.
    patience: Duration,
    outbound: Tally,
    inbound: Tally,
    /// The time of others before the far end sent, until it is asked for.
    before: Option<Duration>,
}

impl Lane {
    fn new(path: Box<dyn Path>) -> Self {
        Self {
            path,
            patience: PATIENCE,
            outbound: Tally::default(),
            inbound: Tally::default(),
            before: None,
        }
    }

    fn prepare(&mut self, direction: Direction) -> Outcome<()> {
        self.before = Some(self.path.time_of_others());
        let burst = self.path.burst();
        let offered = match (direction, self.path.comes_back()) {
            (Direction::Send, _) | (Direction::Both, true) => return Ok(()),
            (Direction::Receive, true) => self.path.send(burst)?,
            (Direction::Receive | Direction::Both, false) => self.path.offer(burst)?,
        };
        if offered == 0 {
            return Err("the far end has no room for a frame".into());
        }
        self.inbound.sent(offered);
        Ok(())
    }

    /// A burst.
    fn send(&mut self) -> Outcome<usize> {
        let sent = self.path.send(self.path.burst())?;
        if sent == 0 {
            return Err("there is no room for a frame".into());
        }
        self.outbound.sent(sent);
        Ok(sent)
    }

    /// All that is on its way, and how many do not come.
    fn receive(&mut self) -> Outcome<usize> {
        match self.take()? {
            0 => Err("no frame came from the far end".into()),
            received => Ok(received + self.inbound.missing()),
        }
    }

    fn take(&mut self) -> Outcome<usize> {
        let mut patience = self.patience;
        let mut received = 0;
        while self.inbound.missing() > 0 {
            let count = self.path.receive(self.inbound.missing())?;
            self.inbound.arrived(count);
            received += count;
            match count {
                0 if patience.is_zero() => break,
                0 => patience = pause(patience),
                _ => patience = self.patience,
            }
        }
        self.learn(patience);
        Ok(received)
    }

    /// A burst each way, in turns, and how many do not come. What comes back was sent in the same turn.
    fn exchange(&mut self) -> Outcome<usize> {
        let comes_back = self.path.comes_back();
        let (burst, mut done) = (self.path.burst(), 0);
        let mut left = burst;
        while left > 0 {
            let sent = self.path.send(left.min(TURN))?;
            if sent == 0 {
                break;
            }
            left -= sent;
            match comes_back {
                true => self.inbound.sent(sent),
                false => self.outbound.sent(sent),
            }
            let received = self.path.receive(sent.min(self.inbound.missing()))?;
            self.inbound.arrived(received);
            done += sent + received;
        }
        done += self.take()?;
        if done == 0 {
            return Err("there is no room for a frame".into());
        }
        Ok(done + self.inbound.missing())
    }

    /// Takes what was sent at the far end, or where it comes back; how many frames are lost.
    fn arrive(&mut self) -> Outcome<usize> {
        let mut patience = self.patience;
        while self.outbound.missing() > 0 {
            let count = match self.path.comes_back() {
                true => self.path.receive(self.outbound.missing())?,
                false => self.path.arrived()?,
            };
            self.outbound.arrived(count);
            match count {
                0 if patience.is_zero() => break,
                0 => patience = pause(patience),
                _ => patience = self.patience,
            }
        }
        self.learn(patience);
        self.outbound.lost()
    }

    /// Who waited in vain waits half as long the next time.
    fn learn(&mut self, left: Duration) {
        if left.is_zero() {
            self.patience /= 2;
        }
    }

    fn time_of_others(&mut self) -> Duration {
        self.before
            .take()
            .unwrap_or_else(|| self.path.time_of_others())
    }
}

/// Frames in one direction.
#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    arrived: usize,
    /// How many were said to be lost.
    lost: usize,
}

impl Tally {
    fn sent(&mut self, frames: usize) {
        self.sent += frames;
    }

    fn arrived(&mut self, frames: usize) {
        self.arrived += frames;
    }

    /// How many have not arrived, and were not given up.
    fn missing(&self) -> usize {
        self.sent.saturating_sub(self.arrived + self.lost)
    }

    /// Gives up what is missing; how many frames that is.
    ///
    /// # Errors
    ///
    /// If none ever arrived.
    fn lost(&mut self) -> Outcome<usize> {
        let lost = self.missing();
        self.lost += lost;
        match self.arrived {
            0 if lost > 0 => Err(format!("none of {lost} frames arrived").into()),
            _ => Ok(lost),
        }
    }
}

/// Lets others run; the patience that is left.
fn pause(patience: Duration) -> Duration {
    let start = Instant::now();
    thread::sleep(PAUSE);
    patience.saturating_sub(start.elapsed())
}
