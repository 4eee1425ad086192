//! The numbers add up, for whoever reads them.

use super::{Bench, Case};
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::number_of;
use crate::testing::sys::ready;
use crate::testing::{Failure, Path};
use crate::{
    Activation, CounterSnapshot, Counters, DropReason, HeaderLength, RxSlice, Sent, TxSlice,
};

pub(super) const CASES: &[Case] = &[
    Case::always("counters/transmit", transmit),
    Case::delivering("counters/receive", receive),
    Case::delivering("counters/truncated", truncated),
    Case::always("counters/from-another-thread", from_another_thread),
];

fn with_header() -> Activation {
    Activation {
        header: HeaderLength::Twelve,
        ..Activation::plain()
    }
}

fn transmit(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.activate(&with_header())?;
    let counters = bench.pair(0)?.tx.counters();
    let before = counters.snapshot();
    let mut expected = before;
    for round in 0..40_usize {
        let length = match round % 8 {
            3 => 12 + round % 14,
            5 => 1 << 18,
            _ => 72 + round * 5,
        };
        let frame = bench.frame(length.saturating_sub(12).max(14));
        let wire = frame.on_wire(HeaderLength::Twelve);
        let wire = wire.get(..length).unwrap_or_default();
        let sent = bench.pair(0)?.tx.send(&[TxSlice::new(wire)])?;
        count(&mut expected, sent, length);
        if bench.traits.path != Path::Nowhere && sent == Sent::Queued && round % 3 == 0 {
            bench.pair(0)?.tx.flush()?;
            let _somebody = bench.seen_within(0, PATIENCE)?;
        }
    }
    let after = counters.snapshot();
    ensure!(
        after == expected,
        "counted {after:?} instead of {expected:?}"
    );
    ensure!(
        after.dropped(DropReason::Malformed) == before.dropped(DropReason::Malformed) + 5,
        "5 short frames: {after:?}"
    );
    ensure!(
        after.dropped(DropReason::TooLong) == before.dropped(DropReason::TooLong) + 5,
        "5 long frames: {after:?}"
    );
    Ok(())
}

fn count(numbers: &mut CounterSnapshot, sent: Sent, length: usize) {
    match sent {
        Sent::Queued => {
            numbers.frames += 1;
            numbers.bytes += length as u64;
        }
        Sent::Busy { .. } => numbers.busy += 1,
        Sent::Dropped(reason) => {
            if let Some(drops) = numbers.drops.get_mut(reason as usize) {
                *drops += 1;
            }
        }
    }
}

fn receive(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.activate(&with_header())?;
    let counters = bench.pair(0)?.rx.counters();
    let mut expected = counters.snapshot();
    for length in 60..90 {
        let frame = bench.frame(length);
        bench.inject(0, &frame)?;
        loop {
            if let Some((_, bytes)) = bench.receive_now(0)? {
                expected.frames += 1;
                expected.bytes += (12 + bytes.len()) as u64;
                if number_of(&bytes).is_some() {
                    break;
                }
                continue;
            }
            let is_ready = ready(bench.pair(0)?.rx.source(), PATIENCE)?;
            ensure!(is_ready, "a frame of {length} bytes was never received");
        }
    }
    let after = counters.snapshot();
    ensure!(
        after == expected,
        "counted {after:?} instead of {expected:?}"
    );
    Ok(())
}

fn truncated(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let counters = bench.pair(0)?.rx.counters();
    let before = counters.snapshot();
    let mut expected = before;
    for _ in 0..5 {
        let frame = bench.frame(777);
        bench.inject(0, &frame)?;
        let (mut cut, mut whole, mut bytes) = (0, 0, 0);
        bench.receive_own(0, 777, |rx| {
            let received = rx.recv(&mut [RxSlice::new(&mut [0; 100])])?;
            cut += u64::from(received.is_some_and(|received| received.truncated));
            if let Some(received) = received.filter(|received| !received.truncated) {
                whole += 1;
                bytes += received.length as u64;
            }
            Ok(received)
        })?;
        expected.frames += whole;
        expected.bytes += bytes;
        if let Some(drops) = expected.drops.get_mut(DropReason::Truncated as usize) {
            *drops += cut;
        }
    }
    let after = counters.snapshot();
    ensure!(
        after == expected,
        "counted {after:?} instead of {expected:?}"
    );
    Ok(())
}

/// Another thread sees numbers that only grow, and at last the same as we.
fn from_another_thread(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    let counters = bench.pair(0)?.tx.counters();
    let reader = counters.clone();
    let attempts = counted(&counters.snapshot()) + 2000;
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || grow_to(&reader, attempts));
        for _ in 0..2000 {
            let frame = bench.frame(60);
            let _any = bench.try_send(0, &frame)?;
        }
        let seen = reader
            .join()
            .map_err(|_| Failure::new("the reader panicked"))??;
        ensure!(seen == counters.snapshot(), "another thread sees {seen:?}");
        Ok(())
    })
}

/// Reads until `attempts` are counted; whatever became of them.
fn grow_to(counters: &Counters, attempts: u64) -> Result<CounterSnapshot, Failure> {
    let mut deadline = std::time::Instant::now() + PATIENCE;
    let mut last = counters.snapshot();
    loop {
        let now = counters.snapshot();
        if counted(&now) > counted(&last) {
            deadline = std::time::Instant::now() + PATIENCE;
        }
        let grows = now.frames >= last.frames && now.bytes >= last.bytes && now.busy >= last.busy;
        ensure!(grows, "numbers shrank from {last:?} to {now:?}");
        let sum = counted(&now);
        ensure!(sum <= attempts, "{attempts} attempts, counted {now:?}");
        // The bytes are counted last, and may be missing in this very snapshot.
        if sum == attempts {
            return Ok(counters.snapshot());
        }
        ensure!(
            std::time::Instant::now() < deadline,
            "{attempts} attempts, counted {now:?}"
        );
        last = now;
        std::thread::yield_now();
    }
}

fn counted(numbers: &CounterSnapshot) -> u64 {
    numbers.frames + numbers.busy + numbers.dropped_in_all()
}
