//! Several queue pairs: each of them delivers, and none waits for another.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Bench, Case};
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::number_of;
use crate::testing::{Failure, Path};
use crate::{Activation, HeaderLength};

pub(super) const CASES: &[Case] = &[
    Case::delivering("multiqueue/transmit", transmit),
    Case::delivering("multiqueue/receive", receive),
    Case::with(
        "multiqueue/a-stalled-pair-blocks-no-other",
        |traits| traits.steers && traits.path != Path::Nowhere,
        stalled,
    ),
    Case::delivering("multiqueue/more-and-fewer", more_and_fewer),
];

/// Activates all pairs that there are, up to 8; returns how many.
fn several(bench: &mut Bench<'_>) -> Result<u16, Failure> {
    let queue_pairs = bench.backend.capabilities().max_queue_pairs.min(8);
    activate(bench, queue_pairs)?;
    Ok(queue_pairs)
}

fn activate(bench: &mut Bench<'_>, queue_pairs: u16) -> Result<(), Failure> {
    bench.activate(&Activation {
        queue_pairs,
        header: HeaderLength::Twelve,
        ..Activation::plain()
    })
}

fn transmit(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let queue_pairs = several(bench)?;
    for _ in 0..10 {
        for queue in 0..queue_pairs {
            let frame = bench.frame(60);
            bench.send(queue, &frame)?;
            let seen = bench.expect_seen(queue, &frame)?;
            let right = !bench.traits.steers || seen.queue == Some(queue);
            ensure!(right, "sent on queue {queue}, arrived on {:?}", seen.queue);
        }
    }
    Ok(())
}

fn receive(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let queue_pairs = several(bench)?;
    if !bench.traits.steers {
        return receive_anywhere(bench, queue_pairs);
    }
    for _ in 0..10 {
        for queue in 0..queue_pairs {
            let frame = bench.frame(60);
            bench.inject(queue, &frame)?;
            bench.expect_received(queue, &frame)?;
        }
    }
    Ok(())
}

/// The host chooses the queue: each frame arrives once, on one of them.
fn receive_anywhere(bench: &mut Bench<'_>, queue_pairs: u16) -> Result<(), Failure> {
    let mut missing = BTreeSet::new();
    for _ in 0..bench.traits.window.min(64) {
        let frame = bench.frame(60);
        bench.inject(0, &frame)?;
        missing.insert(frame.number);
    }
    let deadline = Instant::now() + PATIENCE;
    while !missing.is_empty() {
        let mut idle = true;
        for queue in 0..queue_pairs {
            let Some((_, bytes)) = bench.receive_now(queue)? else {
                continue;
            };
            idle = false;
            if let Some(number) = number_of(&bytes) {
                ensure!(missing.remove(&number), "frame {number} arrived twice");
            }
        }
        ensure!(
            Instant::now() < deadline,
            "frames {missing:?} arrived on no queue"
        );
        if idle {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

fn stalled(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let queue_pairs = several(bench)?;
    for _ in 0..bench.traits.window.min(512) {
        let frame = bench.frame(60);
        if !bench.try_inject(0, &frame)? {
            break;
        }
    }
    for _ in 0..100 {
        for queue in 1..queue_pairs {
            let (there, back) = (bench.frame(60), bench.frame(61));
            bench.send(queue, &there)?;
            bench.expect_seen(queue, &there)?;
            bench.inject(queue, &back)?;
            bench.expect_received(queue, &back)?;
        }
    }
    Ok(())
}

/// The number of pairs is another one at each activation.
fn more_and_fewer(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let most = several(bench)?;
    for queue_pairs in [1, most, most.min(2), 1] {
        activate(bench, queue_pairs)?;
        for queue in 0..queue_pairs {
            let frame = bench.frame(60);
            bench.send(queue, &frame)?;
            bench.expect_seen(queue, &frame)?;
        }
        if bench.traits.steers || queue_pairs == 1 {
            let frame = bench.frame(60);
            bench.inject(queue_pairs - 1, &frame)?;
            bench.expect_received(queue_pairs - 1, &frame)?;
        }
    }
    Ok(())
}
