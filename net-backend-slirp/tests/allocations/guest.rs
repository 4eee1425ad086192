//! A guest that sends and receives frame by frame, and notes how often that asks for memory.

use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use net_backend_core::testing::ready;
use net_backend_core::{
    Activation, DropReason, Environment, Features, HeaderLength, NetBackend, QueuePair, Registry,
    RxSlice, Sent, TxSlice, VirtioNetHeader,
};
use net_backend_slirp::DRIVER;

use crate::packets::{GUEST, arp};
use crate::sys::allocations;

pub(crate) type Outcome<T = ()> = Result<T, Failed>;

/// How long anything may take that has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Rounds until everything has what it needs, and rounds that are counted.
const ROUNDS: [usize; 2] = [30, 100];

/// A complaint asks for memory, and is made only when it is needed.
pub(crate) fn ensure(condition: bool, complaint: impl FnOnce() -> String) -> Outcome {
    match condition {
        true => Ok(()),
        false => Err(complaint().into()),
    }
}

/// A count that never moves would show nothing.
pub(crate) fn what_asks_is_counted(uri: &str) -> Outcome {
    let mut guest = Guest::open(uri, HeaderLength::None, Features::empty())?;
    let before = guest.asked;
    guest.count(|_| drop(std::hint::black_box(Box::new(1_u8))));
    ensure(guest.asked - before == 1, || "it is not".to_owned())
}

/// Nobody sends anything; and frames that cannot be sent.
pub(crate) fn nothing(uri: &str) -> Outcome {
    let mut guest = Guest::open(uri, HeaderLength::Twelve, Features::empty())?;
    let (short, mut asking) = (guest.wire(&[0; 13]), guest.wire(&arp(GUEST)));
    // NEEDS_CSUM.
    asking.splice(..1, [1]);
    guest.rounds(|guest| {
        let found = guest.now()?;
        ensure(found.is_none(), || format!("{found:?}"))?;
        for (frame, reason) in [
            (&short, DropReason::Malformed),
            (&asking, DropReason::NotNegotiated),
        ] {
            let sent = guest.count(|pair| pair.tx.send(&[TxSlice::new(frame)]))?;
            ensure(sent == Sent::Dropped(reason), || format!("{sent:?}"))?;
        }
        Ok(())
    })
}

pub(crate) struct Guest {
    /// Before the backend, so that they are dropped first.
    pair: QueuePair,
    _backend: Box<dyn NetBackend>,
    header: HeaderLength,
    buffer: Vec<u8>,
    /// How often the halves asked for memory.
    asked: u64,
    /// How often they may in all counted rounds: how long bursts get, and with them what holds them, is up to the thread
    /// where there is one.
    allowed: u64,
}

impl Guest {
    /// A guest that libslirp knows, with these offloads.
    pub(crate) fn open(uri: &str, header: HeaderLength, features: Features) -> Outcome<Self> {
        let mut backend = Registry::new([&DRIVER]).open(uri, &Environment::default())?;
        let pair = backend.activate(&Activation {
            header,
            features,
            ..Activation::plain()
        })?;
        let pair = pair.into_iter().next();
        let mut guest = Self {
            pair: pair.ok_or("no queue pair was made")?,
            _backend: backend,
            header,
            buffer: vec![0; 70_000],
            asked: 0,
            allowed: if uri.contains("thread=none") { 0 } else { 10 },
        };
        guest.send(&[guest.wire(&arp(GUEST))])?;
        Ok(guest)
    }

    /// Does the same several times, and fails if that asks for memory after the first ones, as it would do at least once in
    /// each round if it did for each frame.
    pub(crate) fn rounds(&mut self, mut round: impl FnMut(&mut Self) -> Outcome) -> Outcome {
        let [warm, counted] = ROUNDS;
        for _ in 0..warm {
            round(self)?;
        }
        let before = self.asked;
        for _ in 0..counted {
            round(self)?;
        }
        let asked = self.asked - before;
        ensure(asked <= self.allowed, || {
            format!("{asked} allocations in {counted} rounds")
        })
    }

    /// The frame behind a header that asks for nothing.
    pub(crate) fn wire(&self, frame: &[u8]) -> Vec<u8> {
        self.wire_with(VirtioNetHeader::default(), frame)
    }

    pub(crate) fn wire_with(&self, header: VirtioNetHeader, frame: &[u8]) -> Vec<u8> {
        let header = header.encode();
        [header.get(..self.header.bytes()).unwrap_or_default(), frame].concat()
    }

    /// Sends frames that have their headers, as one burst.
    pub(crate) fn send(&mut self, frames: &[Vec<u8>]) -> Outcome {
        self.count(|pair| -> Outcome {
            for frame in frames {
                let (first, second) = frame.split_at(frame.len() / 2);
                let pieces = [TxSlice::new(first), TxSlice::new(second)];
                let sent = pair.tx.send(&pieces)?;
                ensure(sent == Sent::Queued, || format!("{sent:?}"))?;
            }
            Ok(pair.tx.flush()?)
        })
    }

    /// The next frame, if it is there: without its header.
    pub(crate) fn now(&mut self) -> Outcome<Option<&[u8]>> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let into = &mut [RxSlice::new(&mut buffer)];
        let (peeked, received) = self.count(|pair| (pair.rx.peek(), pair.rx.recv(into)));
        self.buffer = buffer;
        let (peeked, received) = (peeked?, received?);
        let length = received.map(|it| it.length);
        ensure(peeked.is_none() || peeked == length, || {
            format!("{peeked:?} became {received:?}")
        })?;
        let frame = length.and_then(|length| self.buffer.get(self.header.bytes()..length));
        Ok(frame)
    }

    /// Receives until `take` makes something of a frame.
    pub(crate) fn expect<T>(
        &mut self,
        what: &str,
        mut take: impl FnMut(&[u8]) -> Option<T>,
    ) -> Outcome<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while let Some(frame) = self.now()? {
                if let Some(taken) = take(frame) {
                    return Ok(taken);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            ensure(!left.is_zero(), || format!("{what} never came"))?;
            let _perhaps = ready(self.pair.rx.source(), left)?;
        }
    }

    fn count<T>(&mut self, work: impl FnOnce(&mut QueuePair) -> T) -> T {
        let before = allocations();
        let done = work(&mut self.pair);
        self.asked += allocations() - before;
        done
    }
}
