//! Many frames between two threads that meet at random: none is lost, and no wake-up is.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Bench, Case};
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::{Frame, number_of};
use crate::testing::random::{self, Random};
use crate::testing::sys::ready;
use crate::testing::{Edge, Failure, Path, Peer};
use crate::{
    MacAddr, QueuePair, RxQueue, RxSlice, Sent, Source, TxQueue, TxSlice, VirtioNetHeader,
};

pub(super) const CASES: &[Case] = &[
    Case::delivering("stress/receive-level", |bench| receive(bench, false)),
    Case::delivering("stress/receive-edge", |bench| receive(bench, true)),
    Case::with("stress/transmit-level", is_wire, |bench| {
        transmit(bench, false)
    }),
    Case::with("stress/transmit-edge", is_wire, |bench| {
        transmit(bench, true)
    }),
];

fn is_wire(traits: &crate::testing::RigTraits) -> bool {
    traits.path == Path::Wire
}

/// What both threads see.
struct Progress {
    path: Path,
    receiver: MacAddr,
    frames: usize,
    window: usize,
    sent: AtomicUsize,
    arrived: AtomicUsize,
    /// One side failed.
    stop: AtomicBool,
}

impl Progress {
    fn new(bench: &Bench<'_>) -> Self {
        let frames = random::number("NET_BACKEND_FRAMES").and_then(|it| usize::try_from(it).ok());
        Self {
            path: bench.traits.path,
            receiver: bench.traits.receiver,
            frames: frames.unwrap_or(20_000).min(0x00ff_ffff),
            window: bench.traits.window.max(1),
            sent: AtomicUsize::new(0),
            arrived: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// Runs both sides; when one fails, the other one stops.
    fn run(
        &self,
        produce: impl FnOnce() -> Result<(), Failure> + Send,
        consume: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let stopping = |result: Result<(), Failure>| {
            if result.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
            result
        };
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| stopping(produce()));
            let consumed = stopping(consume());
            let produced = producer
                .join()
                .map_err(|_| Failure::new("the producer panicked"))?;
            consumed.and(produced)
        })
        .map_err(|failure| failure.during(format!("NET_BACKEND_SEED={}", random::seed())))
    }

    /// Waits until one more frame may be on its way; `false` when there is no use in going on.
    fn has_turn(&self) -> bool {
        while !self.stop.load(Ordering::Relaxed) {
            let (sent, arrived) = (&self.sent, &self.arrived);
            if sent.load(Ordering::Relaxed) - arrived.load(Ordering::Acquire) < self.window {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Release);
    }

    /// Checks that it is the next frame; `true` when it was the last.
    fn arrived(&self, bytes: &[u8]) -> Result<bool, Failure> {
        if number_of(bytes).is_none() {
            return Ok(false);
        }
        let index = self.arrived.load(Ordering::Relaxed);
        self.frame(index).check(bytes)?;
        self.arrived.store(index + 1, Ordering::Release);
        Ok(index + 1 == self.frames)
    }

    fn frame(&self, index: usize) -> Frame {
        let number = u32::try_from(index).unwrap_or(u32::MAX);
        Frame::on(self.path, self.receiver, number, 60 + index % 70)
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// A wait of either kind.
struct Waiting(Option<Edge>);

impl Waiting {
    fn new(source: Source<'_>, is_edge: bool) -> Result<Self, Failure> {
        Ok(Self(match is_edge {
            true => Some(super::readiness::listen(source)?),
            false => None,
        }))
    }

    fn wait(&self, source: Source<'_>, timeout: Duration) -> Result<bool, Failure> {
        Ok(match &self.0 {
            Some(edge) => edge.wait(timeout)?,
            None => ready(source, timeout)?,
        })
    }
}

fn take_pair(bench: &mut Bench<'_>) -> Result<QueuePair, Failure> {
    bench.plain()?;
    bench.drain(0)?;
    let pair = bench.pairs.pop();
    pair.ok_or_else(|| Failure::new("no queue pair was made"))
}

fn receive(bench: &mut Bench<'_>, is_edge: bool) -> Result<(), Failure> {
    let QueuePair { mut rx, mut tx } = take_pair(bench)?;
    let waiting = Waiting::new(rx.source(), is_edge)?;
    let room = Waiting::new(tx.source(), is_edge)?;
    let progress = Progress::new(bench);
    let consume = || consume(&mut *rx, &waiting, &progress);
    if bench.traits.path.comes_back() {
        return progress.run(|| produce(&mut *tx, &room, &progress), consume);
    }
    let peer = &mut *bench.peer;
    progress.run(|| produce_by_peer(peer, &progress), consume)
}

fn transmit(bench: &mut Bench<'_>, is_edge: bool) -> Result<(), Failure> {
    let QueuePair { rx: _rx, mut tx } = take_pair(bench)?;
    let room = Waiting::new(tx.source(), is_edge)?;
    let progress = Progress::new(bench);
    let peer = &mut *bench.peer;
    progress.run(
        || produce(&mut *tx, &room, &progress),
        || consume_by_peer(peer, &progress),
    )
}

fn produce(tx: &mut dyn TxQueue, room: &Waiting, progress: &Progress) -> Result<(), Failure> {
    let mut random = Random::new(random::seed());
    for index in 0..progress.frames {
        let frame = progress.frame(index);
        loop {
            if !progress.has_turn() {
                return Ok(());
            }
            // Before the frame can arrive, so that never more have arrived than were sent.
            match tx.send(&[TxSlice::new(&frame.bytes)])? {
                Sent::Queued => break,
                Sent::Busy { retry_after } => wait_for_room(tx, room, retry_after, progress)?,
                other => return Err(Failure::new(format!("frame {index}: {other:?}"))),
            }
        }
        progress.sent();
        tx.flush()?;
        random.dither();
    }
    Ok(())
}

fn wait_for_room(
    tx: &mut dyn TxQueue,
    room: &Waiting,
    retry_after: Option<Duration>,
    progress: &Progress,
) -> Result<(), Failure> {
    tx.flush()?;
    let timeout = retry_after.unwrap_or(PATIENCE);
    let woken = room.wait(tx.source(), timeout)?;
    ensure!(
        woken || retry_after.is_some() || progress.is_stopped(),
        "busy, and never woken again: {} sent, {} arrived",
        progress.sent.load(Ordering::Relaxed),
        progress.arrived.load(Ordering::Relaxed)
    );
    Ok(())
}

fn produce_by_peer(peer: &mut dyn Peer, progress: &Progress) -> Result<(), Failure> {
    let mut random = Random::new(random::seed());
    let header = VirtioNetHeader::default();
    for index in 0..progress.frames {
        let frame = progress.frame(index);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if !progress.has_turn() {
                return Ok(());
            }
            if peer.send(0, &header, &frame.bytes)? {
                break;
            }
            ensure!(
                Instant::now() < deadline,
                "the path from the far end stays full"
            );
            std::thread::yield_now();
        }
        progress.sent();
        random.dither();
    }
    Ok(())
}

/// Receives as a VMM does: until `None`, then waits.
fn consume(rx: &mut dyn RxQueue, waiting: &Waiting, progress: &Progress) -> Result<(), Failure> {
    let mut random = Random::new(!random::seed());
    let mut buffer = [0; 2048];
    let mut overslept = false;
    loop {
        if random.one_in(3) {
            let _length = rx.peek()?;
        }
        if let Some(received) = rx.recv(&mut [RxSlice::new(&mut buffer)])? {
            let bytes = buffer.get(..received.length).unwrap_or_default();
            ensure!(
                !overslept || number_of(bytes).is_none(),
                "a frame was there, and nobody was woken for {PATIENCE:?}"
            );
            if progress.arrived(bytes)? {
                return Ok(());
            }
            random.dither();
            continue;
        }
        let arrived = progress.arrived.load(Ordering::Relaxed);
        ensure!(!overslept, "frame {arrived} never arrived");
        if progress.is_stopped() {
            return Ok(());
        }
        overslept = !waiting.wait(rx.source(), PATIENCE)?;
    }
}

fn consume_by_peer(peer: &mut dyn Peer, progress: &Progress) -> Result<(), Failure> {
    let mut random = Random::new(!random::seed());
    loop {
        if progress.is_stopped() {
            return Ok(());
        }
        let arrived = progress.arrived.load(Ordering::Relaxed);
        let Some(seen) = peer.recv(PATIENCE)? else {
            return Err(Failure::new(format!("frame {arrived} never arrived")));
        };
        if progress.arrived(&seen.bytes)? {
            return Ok(());
        }
        random.dither();
    }
}
