//! Frames that are taken out of their ring with their buffers, and kept.

use std::collections::VecDeque;
use std::thread;

use net_backend_core::testing::ready;
use net_backend_core::{RxQueue, TxSlice, gather};
use net_backend_netmap::{ReceiveQueue, TakenFrame};

use crate::common::{self, Wire};
use crate::refusals::expect_no_switch;
use crate::support::{Active, Case, Outcome, PATIENCE, ensure, frame, halves, same};

pub(crate) const CASES: &[Case] = &[
    Case::new("taking/while-the-ring-goes-on", while_the_ring_goes_on),
    Case::new("taking/no-more-than-there-are", no_more_than_there_are),
    Case::new("taking/outlives-the-port", outlives_the_port),
    Case::new("taking/buffers-come-back", buffers_come_back),
    Case::new("taking/without-extra-buffers", without_extra_buffers),
];

/// Waits for the next frame and takes it.
fn take(rx: &mut ReceiveQueue) -> Outcome<Option<TakenFrame>> {
    ensure!(ready(rx.source(), PATIENCE)?, "no frame arrived");
    let lent = rx.lend()?.ok_or("no frame is lent")?;
    Ok(lent.take()?)
}

fn is(taken: &TakenFrame, expected: &[u8]) -> Outcome {
    let pieces: Vec<TxSlice<'_>> = taken.pieces().collect();
    let mut bytes = vec![0; taken.length()];
    let copied = gather(&pieces, 0, &mut bytes);
    ensure!(copied == bytes.len(), "{copied} bytes of {}", bytes.len());
    same(&bytes, expected)
}

/// Kept frames stay as they are, through many rounds of the ring.
fn while_the_ring_goes_on() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:b}}1?slots=32"))?;
    let mut near = halves(&format!("vale{id}:b{{1?slots=32&extra-bufs=64"))?;
    let of = |number: u32| frame(number, 60 + number as usize * 97 % 5000);
    let mut kept = VecDeque::new();
    for number in 0..1000 {
        far.send(&of(number))?;
        let taken = take(&mut near.0)?.ok_or("no buffers")?;
        is(&taken, &of(number))?;
        kept.push_back((number, taken));
        if kept.len() == 20 {
            let (number, taken) = kept.pop_front().ok_or("none kept")?;
            is(&taken, &of(number))?;
        }
    }
    kept.iter()
        .try_for_each(|(number, taken)| is(taken, &of(*number)))
}

fn no_more_than_there_are() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let mut near = halves(&format!("vale{id}:near?extra-bufs=4"))?;
    let mut kept = Vec::new();
    for number in 0..5 {
        far.send(&frame(number, 60))?;
        kept.extend(take(&mut near.0)?);
    }
    ensure!(
        kept.len() == 4,
        "{} frames taken with 4 buffers",
        kept.len()
    );
    // The frame that was not taken is still the next one.
    let given_back = kept.remove(0);
    is(&given_back, &frame(0, 60))?;
    drop(given_back);
    let last = take(&mut near.0)?.ok_or("no buffer, though one is back")?;
    is(&last, &frame(4, 60))
}

fn outlives_the_port() -> Outcome {
    let id = common::unique();
    let port = format!("vale{id}:near/x");
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let mut near = halves(&format!("{port}?extra-bufs=4"))?;
    far.send(&frame(1, 1000))?;
    let taken = take(&mut near.0)?.ok_or("no buffers")?;
    drop(near);
    ensure!(common::open(&port).is_err(), "free while a frame is kept");
    let elsewhere = thread::spawn(move || is(&taken, &frame(1, 1000)));
    elsewhere
        .join()
        .map_err(|_| "the other thread panicked")??;
    drop(common::open(&port)?);
    drop(far);
    expect_no_switch(&id)
}

/// Of a region that somebody else has too, so that the kernel does not begin it anew: lost buffers would be missed.
fn buffers_come_back() -> Outcome {
    let wires = (Wire::new()?, Wire::new()?);
    let mut far = Active::new(wires.0.near())?;
    let _holder = common::open(wires.1.near())?;
    for number in 0..12 {
        let mut near = halves(&format!("{}?extra-bufs=20000", wires.0.far()))?;
        far.send(&frame(number, 60))?;
        let taken = take(&mut near.0)?.ok_or("no buffers")?;
        drop(near);
        is(&taken, &frame(number, 60))?;
    }
    Ok(())
}

fn without_extra_buffers() -> Outcome {
    let id = common::unique();
    let mut far = Active::new(&format!("vale{id}:far"))?;
    let mut near = halves(&format!("vale{id}:near"))?;
    far.send(&frame(1, 60))?;
    let error = take(&mut near.0).err().ok_or("taken")?;
    let words = "it was opened without extra buffers; open it with extra-bufs=N";
    let said = error.message().unwrap_or_default();
    ensure!(said.contains(words), "it says {said}");
    ensure!(near.0.peek()? == Some(60), "the frame is gone");
    Ok(())
}
