//! A full path is busy, not an error, and a frame that was refused is not on its way.

use std::time::{Duration, Instant};

use super::{Bench, Case};
use crate::testing::bench::{PATIENCE, SILENCE};
use crate::testing::failure::ensure;
use crate::testing::frames::Frame;
use crate::testing::sys::ready;
use crate::testing::{Edge, Failure, Path};
use crate::{Activation, HeaderLength, Sent};

pub(super) const CASES: &[Case] = &[
    Case::with("busy/then-room", |traits| traits.fills, then_room),
    Case::with("busy/does-not-spin", |traits| traits.fills, does_not_spin),
    Case::with("busy/edge", |traits| traits.fills, edge),
    Case::with(
        "busy/receiver-leaves",
        |traits| traits.fills && traits.link,
        receiver_leaves,
    ),
];

/// More frames than any path should hold.
const MANY: usize = 1 << 20;

/// Fills the path of queue 0; returns what was taken and the frame that was not, with its `retry_after`.
pub(super) fn fill(
    bench: &mut Bench<'_>,
    length: usize,
) -> Result<(Vec<Frame>, Frame, Option<Duration>), Failure> {
    let mut taken = Vec::new();
    while taken.len() < MANY {
        let frame = bench.frame(length);
        match bench.try_send(0, &frame)? {
            Sent::Queued => taken.push(frame),
            Sent::Busy { retry_after } => return Ok((taken, frame, retry_after)),
            other => {
                let count = taken.len();
                let message = format!("after {count} frames that nobody received: {other:?}");
                return Err(Failure::new(message));
            }
        }
    }
    Err(Failure::new(format!("never busy, after {MANY} frames")))
}

/// What was refused is not on its way, and passes once there is room; everything arrives once and in order.
fn then_room(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        bench.activate(&Activation {
            header,
            ..Activation::plain()
        })?;
        let (taken, refused, _) = fill(bench, bench.traits.max_frame.min(1514))?;
        ensure!(!taken.is_empty(), "busy from the beginning");
        for _ in 0..10 {
            let again = bench.try_send(0, &refused)?;
            let is_busy = matches!(again, Sent::Busy { .. });
            ensure!(is_busy, "busy, and then without more room: {again:?}");
        }
        for frame in &taken {
            bench.expect_seen(0, frame)?;
        }
        bench.send(0, &refused)?;
        bench.expect_seen(0, &refused)?;
        let more = bench.seen_within(0, SILENCE)?;
        ensure!(
            more.is_none(),
            "more frames arrive than were taken: {more:?}"
        );
    }
    Ok(())
}

/// While the path is full, waiting for room is waiting.
fn does_not_spin(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let (_, refused, retry_after) = fill(bench, 60)?;
    if retry_after.is_some() {
        return Err(Failure::not_applicable("waits by time, not by descriptor"));
    }
    let deadline = Instant::now() + Duration::from_millis(200);
    let mut vain = 0;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || !ready(bench.pair(0)?.tx.source(), left)? {
            break;
        }
        match bench.try_send(0, &refused)? {
            Sent::Busy { .. } => vain += 1,
            other => return Err(Failure::new(format!("busy, then {other:?}"))),
        }
    }
    ensure!(vain <= 2, "{vain} wake-ups without room within 200 ms");
    Ok(())
}

/// Waits the way a VMM does after `Busy`; fails when it was in vain.
pub(super) fn wait_for_room(
    bench: &mut Bench<'_>,
    edge: Option<&Edge>,
    retry_after: Option<Duration>,
) -> Result<(), Failure> {
    let timeout = retry_after.unwrap_or(PATIENCE);
    let is_ready = match edge {
        Some(edge) => edge.wait(timeout)?,
        None => ready(bench.pair(0)?.tx.source(), timeout)?,
    };
    ensure!(
        is_ready || retry_after.is_some(),
        "no wake-up though there is room again"
    );
    Ok(())
}

/// Fills, takes everything out, waits for the edge, many times over.
fn edge(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let edge = super::readiness::listen(bench.pair(0)?.tx.source())?;
    for _ in 0..20 {
        let (taken, refused, mut retry_after) = fill(bench, 60)?;
        for frame in &taken {
            bench.expect_seen(0, frame)?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            wait_for_room(bench, Some(&edge), retry_after)?;
            match bench.try_send(0, &refused)? {
                Sent::Queued => break,
                Sent::Busy { retry_after: after } => retry_after = after,
                Sent::Dropped(reason) => return Err(Failure::new(format!("dropped: {reason:?}"))),
            }
            ensure!(
                Instant::now() < deadline,
                "busy for ever though there is room"
            );
        }
        bench.expect_seen(0, &refused)?;
    }
    Ok(())
}

/// A sender that waits for room learns that nobody receives any more.
fn receiver_leaves(bench: &mut Bench<'_>) -> Result<(), Failure> {
    ensure!(bench.traits.path == Path::Wire, "only a wire has a link");
    bench.plain()?;
    let (_, refused, retry_after) = fill(bench, 60)?;
    bench.peer.set_link(false)?;
    wait_for_room(bench, None, retry_after)?;
    let sent = bench.try_send(0, &refused)?;
    let stuck = matches!(sent, Sent::Busy { retry_after: None });
    ensure!(!stuck, "without receiver: {sent:?}");
    Ok(())
}
