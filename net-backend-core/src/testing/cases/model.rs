//! Random operations, and a plain list that says what each of them should give.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Bench, Case};
use crate::testing::Failure;
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::{Frame, number_of};
use crate::testing::random::{self, Random};
use crate::testing::sys::ready;
use crate::{Activation, DropReason, Features, HeaderLength, RxSlice, Sent, TxSlice};

pub(super) const CASES: &[Case] = &[Case::delivering("model/random-operations", run)];

const ROUNDS: u64 = 8;
const OPERATIONS: usize = 400;

/// What should be on its way.
#[derive(Default)]
struct Model {
    /// To the backend.
    inbound: VecDeque<Frame>,
    /// To the far end; the same as `inbound` when everything comes back.
    outbound: VecDeque<Frame>,
}

fn run(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for round in 0..ROUNDS {
        let seed = random::seed().wrapping_add(round);
        let mut random = Random::new(seed);
        let mut model = Model::default();
        activate(bench, &mut random)?;
        for operation in 0..OPERATIONS {
            step(bench, &mut model, &mut random).map_err(|failure| {
                failure.during(format!("NET_BACKEND_SEED={seed}, operation {operation}"))
            })?;
        }
        take_everything(bench, &mut model)?;
    }
    Ok(())
}

fn step(bench: &mut Bench<'_>, model: &mut Model, random: &mut Random) -> Result<(), Failure> {
    match random.below(100) {
        0..25 => send(bench, model, random),
        25..45 => inject(bench, model, random),
        45..50 => send_garbage(bench, random),
        50..60 => peek(bench, model),
        60..80 => receive(bench, model),
        80..85 => receive_cut(bench, model, random),
        85..97 => see(bench, model),
        97 => Ok(bench.backend.set_receive_offloads(Features::empty())?),
        _ => {
            take_everything(bench, model)?;
            activate(bench, random)
        }
    }
}

fn activate(bench: &mut Bench<'_>, random: &mut Random) -> Result<(), Failure> {
    let header = HeaderLength::ALL.into_iter().cycle().nth(random.below(3));
    bench.activate(&Activation {
        header: header.unwrap_or_default(),
        ..Activation::plain()
    })?;
    bench.drain(0)
}

fn length(bench: &Bench<'_>, random: &mut Random) -> usize {
    let (least, most) = (bench.traits.min_frame.max(14), bench.traits.max_frame);
    match random.below(10) {
        0 => least,
        1 => most,
        2 => least + random.below(most - least + 1),
        _ => (60 + random.below(200)).clamp(least, most),
    }
}

fn send(bench: &mut Bench<'_>, model: &mut Model, random: &mut Random) -> Result<(), Failure> {
    let is_echo = bench.traits.path.comes_back();
    let waiting = match is_echo {
        true => &mut model.inbound,
        false => &mut model.outbound,
    };
    if waiting.len() >= bench.traits.window && !bench.traits.fills {
        return Ok(());
    }
    let length = length(bench, random);
    let frame = bench.frame(length);
    let wire = frame.on_wire(bench.header);
    let piece = 1 + random.below(wire.len());
    let pieces: Vec<_> = wire.chunks(piece).take(4000).map(TxSlice::new).collect();
    let pieces = match pieces.iter().map(TxSlice::len).sum::<usize>() == wire.len() {
        true => pieces,
        false => vec![TxSlice::new(&wire)],
    };
    let tx = &mut bench.pair(0)?.tx;
    let sent = tx.send(&pieces)?;
    if random.one_in(2) {
        tx.flush()?;
    }
    match sent {
        Sent::Queued => waiting.push_back(frame),
        Sent::Busy { .. } => {
            ensure!(!waiting.is_empty(), "busy though the path is empty");
        }
        Sent::Dropped(_) => {
            return Err(Failure::new(format!("send of {length} bytes: {sent:?}")));
        }
    }
    Ok(())
}

fn send_garbage(bench: &mut Bench<'_>, random: &mut Random) -> Result<(), Failure> {
    let wire = vec![0; random.below(14 + bench.header.bytes())];
    let sent = bench.pair(0)?.tx.send(&[TxSlice::new(&wire)])?;
    let expected = Sent::Dropped(DropReason::Malformed);
    ensure!(sent == expected, "{} bytes: {sent:?}", wire.len());
    Ok(())
}

fn inject(bench: &mut Bench<'_>, model: &mut Model, random: &mut Random) -> Result<(), Failure> {
    if model.inbound.len() >= bench.traits.window {
        return Ok(());
    }
    let length = length(bench, random);
    let frame = bench.frame(length);
    if bench.try_inject(0, &frame)? {
        model.inbound.push_back(frame);
    }
    Ok(())
}

/// Makes visible what was sent, since the far end is looked at.
fn flush(bench: &mut Bench<'_>) -> Result<(), Failure> {
    Ok(bench.pair(0)?.tx.flush()?)
}

fn peek(bench: &mut Bench<'_>, model: &Model) -> Result<(), Failure> {
    flush(bench)?;
    let header = bench.header.bytes();
    let Some(next) = model.inbound.front() else {
        return expect_nothing(bench);
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match bench.pair(0)?.rx.peek()? {
            Some(length) if length == next.bytes.len() + header => return Ok(()),
            // It may be the host's; then it has to be received to get at ours.
            Some(length) => {
                let received = bench.receive_now(0)?;
                let is_own = received.is_some_and(|(_, bytes)| number_of(&bytes).is_some());
                ensure!(!is_own, "peeked {length} bytes, next is {}", next.number);
            }
            None => {
                let left = deadline.saturating_duration_since(Instant::now());
                let is_ready = ready(bench.pair(0)?.rx.source(), left)?;
                ensure!(is_ready, "frame {} never arrived", next.number);
            }
        }
    }
}

fn expect_nothing(bench: &mut Bench<'_>) -> Result<(), Failure> {
    while let Some((_, bytes)) = bench.receive_now(0)? {
        let number = number_of(&bytes);
        ensure!(
            number.is_none(),
            "frame {number:?} received, though none was sent"
        );
    }
    Ok(())
}

fn receive(bench: &mut Bench<'_>, model: &mut Model) -> Result<(), Failure> {
    flush(bench)?;
    match model.inbound.pop_front() {
        Some(frame) => bench.expect_received(0, &frame).map(|_| ()),
        None => expect_nothing(bench),
    }
}

fn receive_cut(
    bench: &mut Bench<'_>,
    model: &mut Model,
    random: &mut Random,
) -> Result<(), Failure> {
    flush(bench)?;
    let Some(frame) = model.inbound.pop_front() else {
        return Ok(());
    };
    let length = frame.bytes.len() + bench.header.bytes();
    let mut room = vec![0; random.below(length)];
    let received = bench.receive_own(0, length, |rx| rx.recv(&mut [RxSlice::new(&mut room)]))?;
    ensure!(
        received.truncated,
        "{} of {length} bytes: {received:?}",
        room.len()
    );
    let stored = room.get(bench.header.bytes()..).unwrap_or_default();
    ensure!(
        frame.begins_with(stored),
        "frame {} is wrong in its first {} bytes",
        frame.number,
        stored.len()
    );
    Ok(())
}

fn see(bench: &mut Bench<'_>, model: &mut Model) -> Result<(), Failure> {
    flush(bench)?;
    match model.outbound.pop_front() {
        Some(frame) => bench.expect_seen(0, &frame).map(|_| ()),
        None => Ok(()),
    }
}

fn take_everything(bench: &mut Bench<'_>, model: &mut Model) -> Result<(), Failure> {
    while !model.inbound.is_empty() {
        receive(bench, model)?;
    }
    while !model.outbound.is_empty() {
        see(bench, model)?;
    }
    expect_nothing(bench)
}
