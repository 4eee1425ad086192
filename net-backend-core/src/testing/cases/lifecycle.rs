//! Activation and drop, many times over: nothing leaks, nothing is left over.

use std::fs;

use super::{Bench, Case};
use crate::testing::failure::ensure;
use crate::testing::sys::open_descriptors;
use crate::testing::{Failure, Path};
use crate::{Activation, HeaderLength, RxSlice, TxSlice};

pub(super) const CASES: &[Case] = &[
    Case::always(
        "lifecycle/activations-leak-nothing",
        activations_leak_nothing,
    )
    .alone(),
    Case::always("lifecycle/openings-leak-nothing", openings_leak_nothing).alone(),
    Case::always("lifecycle/queues-survive-the-backend", queues_survive),
    Case::delivering("lifecycle/works-again", works_again),
];

/// Open descriptors and running threads of this process, where one can see them.
fn resources() -> (Option<usize>, Option<usize>) {
    let threads = fs::read_dir("/proc/self/task").ok().map(Iterator::count);
    (open_descriptors(), threads)
}

fn expect_same(before: (Option<usize>, Option<usize>)) -> Result<(), Failure> {
    let after = resources();
    ensure!(
        after == before,
        "descriptors and threads: {before:?} before, {after:?} after"
    );
    Ok(())
}

fn activations_leak_nothing(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let queue_pairs = bench.backend.capabilities().max_queue_pairs.min(4);
    let features = bench.backend.features();
    let with = [
        Activation::plain(),
        Activation {
            queue_pairs,
            header: HeaderLength::Twelve,
            features,
        },
    ];
    bench.plain()?;
    bench.pairs.clear();
    let before = resources();
    for with in with.iter().cycle().take(100) {
        bench.activate(with)?;
        bench.pairs.clear();
    }
    expect_same(before)
}

fn openings_leak_nothing(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let before = resources();
    for _ in 0..20 {
        let mut other = Bench::open(bench.rig)?;
        other.plain()?;
        if other.traits.path != Path::Nowhere {
            let frame = other.frame(60);
            other.send(0, &frame)?;
        }
    }
    expect_same(before)
}

/// A queue that is used after its backend was dropped says something, but neither panics nor blocks.
fn queues_survive(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    bench.backend = Box::new(crate::memory::Null::new());
    let frame = bench.frame(60);
    let pair = bench.pair(0)?;
    let _any = pair.tx.send(&[TxSlice::new(&frame.bytes)]);
    let _any = pair.tx.flush();
    let _any = pair.rx.peek();
    let _any = pair.rx.recv(&mut [RxSlice::new(&mut [0; 100])]);
    let _any = (pair.tx.counters().snapshot(), pair.rx.counters().snapshot());
    Ok(())
}

/// Every activation begins anew: nothing of the last header length or of unreceived frames remains.
fn works_again(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for round in 0..30 {
        let header = HeaderLength::ALL.into_iter().cycle().nth(round);
        bench.activate(&Activation {
            header: header.unwrap_or_default(),
            ..Activation::plain()
        })?;
        let (there, back) = (bench.frame(60), bench.frame(777));
        bench.send(0, &there)?;
        bench.expect_seen(0, &there)?;
        bench.inject(0, &back)?;
        bench.expect_received(0, &back)?;
    }
    Ok(())
}
