//! Long frames, which take several slots, and frames whose end has not come.

use net_backend_core::testing::ready;
use net_backend_core::{DropReason, RxSlice, Sent, TxSlice};

use crate::common::{self, Wire};
use crate::support::{Active, Case, Outcome, SILENCE, ensure, expect_nothing, frame};
use crate::sys::{MORE, RawPort};

pub(crate) const CASES: &[Case] = &[
    Case::new("frames/of-several-slots/vale", || both_ways(vale)),
    Case::new("frames/of-several-slots/pipe", || both_ways(pipe)),
    Case::new("frames/longest/vale", || longest(vale)),
    Case::new("frames/longest/pipe", || longest(pipe)),
    Case::new("frames/fragments", fragments),
    Case::new("frames/longer-than-the-mtu", longer_than_the_mtu),
    Case::new("frames/incomplete", incomplete),
    Case::new("frames/incomplete-between-whole-ones", incomplete_between),
    Case::new("frames/too-many-slots", too_many_slots),
    Case::new("frames/short-buffer", short_buffer),
];

type Ends = fn(&str) -> [String; 2];

fn vale(id: &str) -> [String; 2] {
    ["near", "far"].map(|name| format!("vale{id}:{name}"))
}

fn pipe(id: &str) -> [String; 2] {
    ["{1", "}1"].map(|end| format!("vale{id}:b{end}"))
}

fn both_ways(ends: Ends) -> Outcome {
    let [near, far] = ends(&common::unique());
    let (mut near, mut far) = (Active::new(&near)?, Active::new(&far)?);
    let lengths = [1919, 1920, 1921, 2047, 2048, 2049, 4096, 4097, 9000, 16_384];
    for (number, length) in (1..).zip(lengths.into_iter().cycle().take(500)) {
        near.send(&frame(number, length))?;
        far.expect(&frame(number, length))?;
        far.send(&frame(number, length))?;
        near.expect(&frame(number, length))?;
    }
    Ok(())
}

fn longest(ends: Ends) -> Outcome {
    let [near, far] = ends(&common::unique());
    let (mut near, mut far) = (Active::new(&near)?, Active::new(&far)?);
    let longest = near.backend.capabilities().max_frame.bytes();
    ensure!(longest >= 65_535, "the longest frame has {longest} bytes");
    for number in 1..40 {
        near.send(&frame(number, longest))?;
        far.expect(&frame(number, longest))?;
    }
    too_long(&mut near, longest + 1)?;
    near.send(&frame(99, 60))?;
    far.expect(&frame(99, 60))
}

fn too_long(port: &mut Active, length: usize) -> Outcome {
    let bytes = frame(1, length);
    let sent = port.pairs[0].tx.send(&[TxSlice::new(&bytes)])?;
    let dropped = Sent::Dropped(DropReason::TooLong);
    ensure!(sent == dropped, "of {length} bytes: {sent:?}");
    Ok(port.pairs[0].tx.flush()?)
}

/// A frame takes as many slots as were allowed, and not one more.
fn fragments() -> Outcome {
    let [near, far] = pipe(&common::unique());
    let (mut near, mut far) = (
        Active::new(&format!("{near}?fragments=3"))?,
        Active::new(&far)?,
    );
    near.send(&frame(1, 3 * 2048))?;
    far.expect(&frame(1, 3 * 2048))?;
    too_long(&mut near, 3 * 2048 + 1)
}

/// The kernel drops what is longer than the MTU; what follows passes.
fn longer_than_the_mtu() -> Outcome {
    let wire = Wire::new()?;
    let (mut near, mut far) = (Active::new(wire.near())?, Active::new(wire.far())?);
    near.send(&frame(1, 1514))?;
    far.expect(&frame(1, 1514))?;
    near.send(&frame(2, 2048))?;
    too_long(&mut near, 2049)?;
    near.send(&frame(3, 60))?;
    let mut received = far.receive()?;
    if received.len() == 2048 {
        received = far.receive()?;
    }
    ensure!(
        received == frame(3, 60),
        "another frame of {} bytes",
        received.len()
    );
    Ok(())
}

/// The beginning of a frame is none, and wakes nobody twice.
fn incomplete() -> Outcome {
    let id = common::unique();
    let [near, far] = pipe(&id);
    let mut near = Active::new(&near)?;
    let mut far = RawPort::open(&far)?;
    let whole = frame(1, 3 * 500 + 7);
    let mut pieces: Vec<&[u8]> = whole.chunks(500).collect();
    let last = pieces.pop().ok_or("no piece")?;
    for piece in pieces {
        far.put(piece, MORE);
        far.synchronise()?;
        let rx = &mut *near.pairs[0].rx;
        ensure!(rx.peek()?.is_none(), "a piece is taken for a frame");
        expect_nothing(rx)?;
        let mut vain = 0;
        while ready(rx.source(), SILENCE)? {
            ensure!(rx.peek()?.is_none(), "a piece is taken for a frame");
            vain += 1;
            ensure!(vain < 4, "the beginning of a frame keeps its waiter awake");
        }
    }
    far.put(last, 0);
    far.synchronise()?;
    ensure!(
        ready(near.pairs[0].rx.source(), SILENCE * 20)?,
        "the end wakes nobody"
    );
    near.expect(&whole)
}

fn incomplete_between() -> Outcome {
    let id = common::unique();
    let [near, far] = pipe(&id);
    let mut near = Active::new(&near)?;
    let mut far = RawPort::open(&far)?;
    for round in 0..300 {
        let (before, split, after) = (frame(round, 60), frame(round, 1000), frame(round, 61));
        far.put(&before, 0);
        far.put(&split[..300], MORE);
        far.synchronise()?;
        near.expect(&before)?;
        ensure!(near.pairs[0].rx.peek()?.is_none(), "a piece is a frame");
        far.put(&split[300..], 0);
        far.put(&after, 0);
        far.synchronise()?;
        near.expect(&split)?;
        near.expect(&after)?;
    }
    Ok(())
}

/// More slots than a frame can have: dropped, counted, and what follows passes.
fn too_many_slots() -> Outcome {
    let id = common::unique();
    let [near, far] = pipe(&id);
    let mut near = Active::new(&near)?;
    let mut far = RawPort::open(&far)?;
    let longest = frame(1, 64 * 100);
    for (at, piece) in longest.chunks(100).enumerate() {
        far.put(piece, if at < 63 { MORE } else { 0 });
    }
    far.synchronise()?;
    near.expect(&longest)?;
    for _ in 0..64 {
        far.put(&[0xee; 100], MORE);
    }
    far.put(&frame(2, 60), 0);
    far.synchronise()?;
    near.expect(&frame(2, 60))?;
    let dropped = near.pairs[0]
        .rx
        .counters()
        .snapshot()
        .dropped(DropReason::Malformed);
    ensure!(dropped == 1, "{dropped} malformed frames counted");
    Ok(())
}

/// A long frame into a short buffer: its true length, and the next one whole.
fn short_buffer() -> Outcome {
    let [near, far] = pipe(&common::unique());
    let (mut near, mut far) = (Active::new(&near)?, Active::new(&far)?);
    far.send(&frame(1, 9000))?;
    far.send(&frame(2, 60))?;
    let mut short = [0; 100];
    ensure!(ready(near.pairs[0].rx.source(), SILENCE * 20)?, "no frame");
    let received = near.pairs[0].rx.recv(&mut [RxSlice::new(&mut short)])?;
    let received = received.ok_or("no frame")?;
    ensure!(
        received.truncated && received.length == 9000,
        "{received:?}"
    );
    ensure!(short == frame(1, 9000)[..100], "other bytes");
    near.expect(&frame(2, 60))
}
