//! Sources: silent while there is nothing, ready when there is something, level- and edge-triggered.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use super::{Bench, Case};
use crate::testing::Failure;
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::Frame;
use crate::testing::sys::{self, Edge, closes_on_exec, ready};
use crate::{Activation, BorrowedDescriptor, RxSlice, Source};

pub(super) const CASES: &[Case] = &[
    Case::always("readiness/idle-does-not-block", idle_does_not_block),
    Case::always("readiness/idle-is-silent", idle_is_silent),
    Case::always("readiness/descriptors", descriptors),
    Case::delivering("readiness/silent-after-the-last", silent_after_the_last),
    Case::delivering("readiness/level", level),
    Case::delivering("readiness/edge", edge),
    Case::delivering("readiness/edge-for-what-is-there", edge_for_what_is_there),
    Case::delivering("readiness/held-frame", held_frame),
];

/// A call that takes longer than this has blocked.
const BLOCKED: Duration = Duration::from_millis(500);

/// Registers an edge-triggered wait, where the operating system has one.
pub(super) fn listen(source: Source<'_>) -> Result<Edge, Failure> {
    Edge::new(source).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => Failure::not_applicable("no edge-triggered wait here"),
        _ => error.into(),
    })
}

fn idle_does_not_block(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let rx = &mut bench.pair(0)?.rx;
    let mut buffer = [0; 2048];
    for _ in 0..10 {
        let begin = Instant::now();
        let _noise = rx.peek()?;
        let _noise = rx.recv(&mut [RxSlice::new(&mut buffer)])?;
        let took = begin.elapsed();
        ensure!(took < BLOCKED, "peek and recv without frame took {took:?}");
    }
    Ok(())
}

/// A level-triggered wait.
enum Level {
    /// poll(2): registered for each wait anew.
    Each,
    /// What stays registered.
    Lasting(sys::Level),
}

impl Level {
    /// All that the operating system has.
    fn all(source: Source<'_>) -> Result<Vec<Self>, Failure> {
        match sys::Level::new(source) {
            Ok(lasting) => Ok(vec![Self::Each, Self::Lasting(lasting)]),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(vec![Self::Each]),
            Err(error) => Err(error.into()),
        }
    }

    fn wait(&self, source: Source<'_>, timeout: Duration) -> Result<bool, Failure> {
        match self {
            Self::Each => Ok(ready(source, timeout)?),
            Self::Lasting(lasting) => Ok(lasting.wait(timeout)?),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Each => "poll",
            Self::Lasting(_) => "a lasting registration",
        }
    }
}

/// Receives until there is nothing, then counts wake-ups that bring nothing for 200 ms, with each level-triggered wait.
pub(super) fn expect_silence(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for level in Level::all(bench.pair(0)?.rx.source())? {
        expect_silence_by(bench, &level)?;
    }
    Ok(())
}

fn expect_silence_by(bench: &mut Bench<'_>, level: &Level) -> Result<(), Failure> {
    bench.drain(0)?;
    let deadline = Instant::now() + Duration::from_millis(200);
    let mut vain = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !level.wait(bench.pair(0)?.rx.source(), left)? {
            break;
        }
        if bench.receive_now(0)?.is_none() {
            vain += 1;
        }
        bench.drain(0)?;
    }
    // One ring that comes late is no busy loop.
    let name = level.name();
    ensure!(
        vain <= 2,
        "{vain} wake-ups by {name} without a frame within 200 ms"
    );
    Ok(())
}

fn idle_is_silent(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    expect_silence(bench)
}

fn silent_after_the_last(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for _ in 0..3 {
        let frame = bench.frame(60);
        bench.inject(0, &frame)?;
        bench.expect_received(0, &frame)?;
        expect_silence(bench)?;
    }
    Ok(())
}

/// Numbers differ between halves, stay the same, and no child inherits them.
fn descriptors(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let queue_pairs = bench.backend.capabilities().max_queue_pairs.min(8);
    bench.activate(&Activation {
        queue_pairs,
        ..Activation::plain()
    })?;
    let before = numbers(bench)?;
    let different: HashSet<_> = before.iter().collect();
    ensure!(
        different.len() == before.len(),
        "halves share a descriptor: {before:?}"
    );
    let frame = bench.frame(60);
    let _sent = bench.try_send(0, &frame)?;
    bench.drain(0)?;
    let after = numbers(bench)?;
    ensure!(
        before == after,
        "descriptors changed: {before:?}, {after:?}"
    );
    for descriptor in bench.backend.descriptors() {
        check_open(descriptor)?;
    }
    if let Some(source) = bench.backend.events() {
        check_open(source.descriptor)?;
    }
    let listed = listed(bench);
    bench.pairs.clear();
    bench.plain()?;
    ensure!(
        listed == self::listed(bench),
        "the backend's own descriptors changed by activation"
    );
    Ok(())
}

fn listed(bench: &Bench<'_>) -> Vec<String> {
    let descriptors = bench.backend.descriptors();
    descriptors.iter().map(|it| format!("{it:?}")).collect()
}

fn numbers(bench: &Bench<'_>) -> Result<Vec<String>, Failure> {
    let mut numbers = Vec::new();
    for pair in &bench.pairs {
        for descriptor in [pair.rx.source().descriptor, pair.tx.source().descriptor] {
            check_open(descriptor)?;
            numbers.push(format!("{descriptor:?}"));
        }
    }
    Ok(numbers)
}

fn check_open(descriptor: BorrowedDescriptor<'_>) -> Result<(), Failure> {
    let closes = closes_on_exec(descriptor)?;
    ensure!(closes, "{descriptor:?} is inherited by children");
    Ok(())
}

/// Ready while there is something, however often one asks, and in whatever way.
fn level(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let levels = Level::all(bench.pair(0)?.rx.source())?;
    for round in 0..20 {
        bench.drain(0)?;
        let frame = bench.frame(60);
        bench.inject(0, &frame)?;
        for level in levels.iter().cycle().skip(round).take(6) {
            let is_ready = level.wait(bench.pair(0)?.rx.source(), PATIENCE)?;
            let name = level.name();
            ensure!(is_ready, "not ready by {name} though a frame is there");
        }
        bench.expect_received(0, &frame)?;
    }
    Ok(())
}

/// Each frame that comes after `None` makes an edge.
fn edge(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let edge = listen(bench.pair(0)?.rx.source())?;
    for round in 0..100 {
        bench.drain(0)?;
        let frames: Vec<_> = (0..=round % 3).map(|_| bench.frame(60)).collect();
        let sent = inject_some(bench, &frames)?;
        for frame in frames.iter().take(sent) {
            receive_by_edge(bench, &edge, frame)?;
        }
    }
    Ok(())
}

fn inject_some(bench: &mut Bench<'_>, frames: &[Frame]) -> Result<usize, Failure> {
    for (index, frame) in frames.iter().enumerate() {
        if !bench.try_inject(0, frame)? {
            return Ok(index);
        }
    }
    Ok(frames.len())
}

/// Receives the way an edge-triggered loop does: until `None`, then waits.
fn receive_by_edge(bench: &mut Bench<'_>, edge: &Edge, frame: &Frame) -> Result<(), Failure> {
    loop {
        if let Some((_, bytes)) = bench.receive_now(0)? {
            if crate::testing::frames::number_of(&bytes).is_some() {
                return frame.check(&bytes);
            }
            continue;
        }
        let number = frame.number;
        ensure!(edge.wait(PATIENCE)?, "no edge for frame {number}");
    }
}

/// A registration that comes after the frame gives an edge too.
fn edge_for_what_is_there(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for _ in 0..10 {
        bench.drain(0)?;
        let frame = bench.frame(60);
        bench.inject(0, &frame)?;
        let edge = listen(bench.pair(0)?.rx.source())?;
        ensure!(
            edge.wait(PATIENCE)?,
            "no edge for a frame that was there before"
        );
        receive_by_edge(bench, &edge, &frame)?;
    }
    Ok(())
}

/// A frame that was peeked at need not make the source ready, but recv gives it, and the next makes an edge.
fn held_frame(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let edge = listen(bench.pair(0)?.rx.source())?;
    for _ in 0..20 {
        bench.drain(0)?;
        let held = bench.frame(60);
        bench.inject(0, &held)?;
        while bench.pair(0)?.rx.peek()?.is_none() {
            ensure!(edge.wait(PATIENCE)?, "no edge for a frame to peek at");
        }
        receive_by_edge(bench, &edge, &held)?;
        let next = bench.frame(61);
        bench.drain(0)?;
        bench.inject(0, &next)?;
        ensure!(edge.wait(PATIENCE)?, "no edge after a frame that was held");
        receive_by_edge(bench, &edge, &next)?;
    }
    Ok(())
}
