//! Joins two backends, as a cable would: what comes out of one goes into the other.
//!
//! ```text
//! cargo run --example pump -- tap:left tap:right
//! ```
//!
//! This is the data path of a VMM too, with a second backend where the guest's queues would be.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use net_backend::{
    Activation, Bell, Features, FrameLength, HeaderLength, Interest, NetBackend, Nic, RxQueue,
    RxSlice, Sent, Source, TxQueue, TxSlice,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [a, b] = arguments.as_slice() else {
        eprintln!("usage: pump URI URI      joins two backends, until Ctrl-C or until one is gone");
        return ExitCode::from(2);
    };
    match join(a, b) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn join(a: &str, b: &str) -> Result<()> {
    let (a, b) = (net_backend::open(a)?, net_backend::open(b)?);
    let (mut a, mut b) = activate(a, b, Features::OFFLOADS)?;
    println!(
        "{} and {} are joined",
        a.backend.describe(),
        b.backend.describe()
    );
    // A bell that nobody rings: Ctrl-C ends the program.
    pump(&mut a, &mut b, Bell::new()?.descriptor())
}

/// Activates both with the offloads of `wanted` that fit: what one side may hand over, the other one takes.
///
/// # Errors
///
/// As `NetBackend::activate`.
pub fn activate(
    a: Box<dyn NetBackend>,
    b: Box<dyn NetBackend>,
    wanted: Features,
) -> Result<(Nic, Nic)> {
    let (out_of_a, into_b) = fitting(a.features() & wanted, b.features() & wanted);
    let (out_of_b, into_a) = fitting(b.features() & wanted, a.features() & wanted);
    let with = |features: Features| Activation {
        queue_pairs: 1,
        header: HeaderLength::Twelve,
        features: features.with_dependencies_met(),
    };
    let a = Nic::activate(a, &with(out_of_a | into_a))?;
    let b = Nic::activate(b, &with(out_of_b | into_b))?;
    Ok((a, b))
}

/// What a guest may be given, and what lets it send the same frame on.
const COUNTERPARTS: [(Features, Features); 7] = [
    (Features::GUEST_CSUM, Features::CSUM),
    (Features::GUEST_TSO4, Features::HOST_TSO4),
    (Features::GUEST_TSO6, Features::HOST_TSO6),
    (Features::GUEST_ECN, Features::HOST_ECN),
    (Features::GUEST_UFO, Features::HOST_UFO),
    (Features::GUEST_USO4, Features::HOST_USO),
    (Features::GUEST_USO6, Features::HOST_USO),
];

/// The offloads of frames out of one backend and into another: as received, and as sent.
fn fitting(out_of: Features, into: Features) -> (Features, Features) {
    COUNTERPARTS
        .into_iter()
        .filter(|(received, sent)| out_of.contains(*received) && into.contains(*sent))
        .fold(Default::default(), |all: (Features, Features), one| {
            (all.0 | one.0, all.1 | one.1)
        })
}

/// Moves frames both ways until `stop` is readable.
///
/// # Errors
///
/// When a side is gone.
pub fn pump(a: &mut Nic, b: &mut Nic, stop: impl AsFd) -> Result<()> {
    let mut forth = Direction::new(&mut *a.queue.rx, &mut *b.queue.tx);
    let mut back = Direction::new(&mut *b.queue.rx, &mut *a.queue.tx);
    loop {
        let (forth_waits, back_waits) = (forth.burst()?, back.burst()?);
        let sleep = [&forth_waits, &back_waits].map(Wait::longest);
        let mut sources = [
            PollFd::new(&stop, PollFlags::IN),
            forth.watch(&forth_waits),
            back.watch(&back_waits),
        ];
        let timeout = sleep.into_iter().flatten().min();
        let timeout = timeout.map(Timespec::try_from).transpose()?;
        match poll(&mut sources, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [stop, ..] = sources;
        if !stop.revents().is_empty() {
            return Ok(());
        }
    }
}

/// After so many frames it is the other direction's turn.
const BURST: usize = 64;

/// Out of one backend, into the other.
struct Direction<'a> {
    rx: &'a mut dyn RxQueue,
    tx: &'a mut dyn TxQueue,
    /// Room for the longest frame: nothing is cut, and nothing is allocated later.
    buffer: Vec<u8>,
    /// Length of the frame in the buffer that could not be sent yet.
    held: Option<usize>,
}

/// What has to happen before there is more to do.
enum Wait {
    /// Nothing: it was the other direction's turn.
    Nothing,
    /// A frame has to come.
    Frame,
    /// There has to be room, or so much time has to pass.
    Room(Option<Duration>),
}

impl<'a> Direction<'a> {
    fn new(rx: &'a mut dyn RxQueue, tx: &'a mut dyn TxQueue) -> Self {
        Self {
            rx,
            tx,
            buffer: vec![0; FrameLength::MAX.buffer_length(HeaderLength::Twelve)],
            held: None,
        }
    }

    fn burst(&mut self) -> Result<Wait> {
        let wait = self.transfer()?;
        self.tx.flush()?;
        Ok(wait)
    }

    fn transfer(&mut self) -> Result<Wait> {
        for _ in 0..BURST {
            let length = match self.held.take() {
                Some(length) => length,
                None => match self.rx.recv(&mut [RxSlice::new(&mut self.buffer)])? {
                    Some(received) => received.length,
                    None => return Ok(Wait::Frame),
                },
            };
            let frame = self.buffer.get(..length).unwrap_or_default();
            match self.tx.send(&[TxSlice::new(frame)])? {
                Sent::Busy { retry_after } => {
                    self.held = Some(length);
                    return Ok(Wait::Room(retry_after));
                }
                // The link may be down, for one: a cable loses such frames.
                Sent::Queued | Sent::Dropped(_) => {}
            }
        }
        Ok(Wait::Nothing)
    }

    fn watch(&self, wait: &Wait) -> PollFd<'_> {
        let Source {
            descriptor,
            interest,
        } = match wait {
            Wait::Nothing | Wait::Frame => self.rx.source(),
            Wait::Room(_) => self.tx.source(),
        };
        let flags = match interest {
            Interest::Readable => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
        };
        PollFd::from_borrowed_fd(descriptor, flags)
    }
}

impl Wait {
    fn longest(&self) -> Option<Duration> {
        match self {
            Self::Nothing => Some(Duration::ZERO),
            Self::Frame => None,
            Self::Room(retry_after) => *retry_after,
        }
    }
}
