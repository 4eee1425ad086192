//! Ports with several rings: each is served, none starves, and each wakes who waits.

use std::collections::BTreeMap;
use std::time::Duration;

use net_backend_core::testing::{Edge, ready};
use net_backend_core::{Sent, TxSlice};

use crate::common::{self, Wire};
use crate::support::{Active, Case, Outcome, PATIENCE, SILENCE, ensure, frame, number, take};
use crate::sys;

pub(crate) const CASES: &[Case] = &[
    Case::new("rings/folded-into-one", || folded(1)),
    Case::new("rings/folded-into-two", || folded(2)),
    Case::new("rings/folded-into-three", || folded(3)),
    Case::new("rings/none-starves", none_starves),
    Case::new("rings/each-wakes/level", each_wakes_level),
    Case::new("rings/each-wakes/edge", each_wakes_edge),
    Case::new("rings/full-then-room", full_then_room),
    Case::new("rings/of-a-switch", of_a_switch),
    Case::new("rings/of-a-nic", of_a_nic),
];

const RINGS: usize = 4;

fn pipe(pairs: u16) -> Outcome<(Active, Active)> {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}?rings=4&slots=256");
    let near = Active::with_pairs(common::open(&end("{1"))?, pairs)?;
    Ok((near, Active::new(&end("}1"))?))
}

/// What each ring has arrives, once and in the ring's order, whatever number of pairs there are.
fn folded(pairs: u16) -> Outcome {
    let (mut near, mut far) = pipe(pairs)?;
    for round in 0..20 {
        for ring in 0..RINGS {
            for at in 0..60 {
                far.send_on(ring, &frame(round * 1000 + ring as u32 * 100 + at, 60))?;
            }
        }
        let mut next = BTreeMap::new();
        let mut received = 0;
        for pair in &mut near.pairs {
            ensure!(ready(pair.rx.source(), PATIENCE)?, "a pair is not woken");
            while let Some(frame) = take(&mut *pair.rx)? {
                let number = number(&frame);
                ensure!(number / 1000 == round, "frame {number} in round {round}");
                let at = next.entry(number / 100).or_insert(0);
                ensure!(number % 100 == *at, "frame {number} where {at} is due");
                *at += 1;
                received += 1;
            }
        }
        ensure!(received == RINGS * 60, "{received} frames arrived");
    }
    // Every pair sends on a ring of its own.
    for pair in 0..usize::from(pairs) {
        near.send_on(pair, &frame(1, 60))?;
        far.expect_on(pair, &frame(1, 60))?;
    }
    Ok(())
}

/// One ring is kept full; what others have comes soon all the same.
fn none_starves() -> Outcome {
    let (mut near, mut far) = pipe(1)?;
    for round in 0..50 {
        loop {
            let bytes = frame(7, 60);
            let sent = far.pairs[0].tx.send(&[TxSlice::new(&bytes)])?;
            far.pairs[0].tx.flush()?;
            if sent != Sent::Queued {
                break;
            }
        }
        let quiet = 1 + round as usize % 3;
        far.send_on(quiet, &frame(1000 + round, 60))?;
        let mut before = 0;
        while number(&near.receive()?) != 1000 + round {
            before += 1;
            ensure!(
                before < 150,
                "ring {quiet} waits for {before} frames of ring 0"
            );
        }
    }
    Ok(())
}

fn each_wakes_level() -> Outcome {
    let (mut near, mut far) = pipe(1)?;
    for round in 0..40 {
        let ring = round as usize % RINGS;
        let rx = &mut *near.pairs[0].rx;
        ensure!(take(rx)?.is_none(), "a frame too many");
        ensure!(
            !ready(rx.source(), Duration::from_millis(2))?,
            "woken in vain"
        );
        far.send_on(ring, &frame(round, 60))?;
        ensure!(
            ready(near.pairs[0].rx.source(), PATIENCE)?,
            "ring {ring} wakes nobody"
        );
        near.expect(&frame(round, 60))?;
    }
    Ok(())
}

fn each_wakes_edge() -> Outcome {
    let (mut near, mut far) = pipe(1)?;
    let edge = Edge::new(near.pairs[0].rx.source())?;
    for round in 0..200 {
        let ring = (round as usize * 3) % RINGS;
        while take(&mut *near.pairs[0].rx)?.is_some() {}
        far.send_on(ring, &frame(round, 60))?;
        ensure!(
            edge.wait(PATIENCE)?,
            "no edge for frame {round} of ring {ring}"
        );
        let mut found = false;
        while let Some(bytes) = take(&mut *near.pairs[0].rx)? {
            found |= number(&bytes) == round;
        }
        ensure!(found, "an edge, and no frame {round}");
    }
    Ok(())
}

/// The transmit ring of each pair is full for itself, and wakes when there is room in it.
fn full_then_room() -> Outcome {
    let (mut near, mut far) = pipe(4)?;
    for pair in 0..RINGS {
        let mut taken = 0;
        loop {
            let bytes = frame(taken, 60);
            match near.pairs[pair].tx.send(&[TxSlice::new(&bytes)])? {
                Sent::Queued => taken += 1,
                Sent::Busy { .. } => break,
                other => return Err(format!("{other:?}").into()),
            }
            ensure!(taken < 10_000, "never full");
        }
        near.pairs[pair].tx.flush()?;
        let tx = &near.pairs[pair].tx;
        ensure!(
            !ready(tx.source(), SILENCE)?,
            "pair {pair} is full and ready"
        );
        let edge = Edge::new(tx.source())?;
        for at in 0..taken {
            far.expect_on(pair, &frame(at, 60))?;
        }
        // Gives the slots back.
        ensure!(
            take(&mut *far.pairs[pair].rx)?.is_none(),
            "a frame too many"
        );
        ensure!(
            take(&mut *far.pairs[pair].rx)?.is_none(),
            "a frame too many"
        );
        ensure!(edge.wait(PATIENCE)?, "pair {pair} has room and no edge");
        ensure!(
            ready(near.pairs[pair].tx.source(), PATIENCE)?,
            "nor a level"
        );
        near.send_on(pair, &frame(0, 60))?;
        far.expect_on(pair, &frame(0, 60))?;
    }
    Ok(())
}

fn of_a_switch() -> Outcome {
    let id = common::unique();
    let mut near = Active::folded(&format!("vale{id}:near?rings=4"))?;
    let mut far = Active::new(&format!("vale{id}:far?rings=4"))?;
    for at in 0..400 {
        far.send_on(at as usize % RINGS, &frame(at, 60))?;
        near.expect(&frame(at, 60))?;
        near.send(&frame(at, 60))?;
        let mut found = 0;
        for pair in &mut far.pairs {
            while take(&mut *pair.rx)?.is_some() {
                found += 1;
            }
        }
        ensure!(found == 1, "frame {at} arrived {found} times");
    }
    Ok(())
}

fn of_a_nic() -> Outcome {
    let before = sys::set_emulated_rings(4)?;
    let outcome = Wire::with_queues(4).map_err(Into::into).and_then(|wire| {
        let (mut near, mut far) = (Active::new(wire.near())?, Active::folded(wire.far())?);
        let rings = near.pairs.len();
        ensure!(rings == RINGS, "{rings} pairs of 4 rings");
        for at in 0..400 {
            near.send_on(at as usize % RINGS, &frame(at, 60))?;
            far.expect(&frame(at, 60))?;
        }
        Ok(())
    });
    sys::set_emulated_rings(before)?;
    outcome
}
