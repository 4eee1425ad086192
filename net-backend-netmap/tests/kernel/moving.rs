//! Frames that move from port to port without a copy, and frames that are read in place.

use std::collections::BTreeSet;
use std::time::Instant;

use net_backend_core::testing::ready;
use net_backend_core::{ErrorKind, RxQueue, TxQueue};
use net_backend_netmap::{ReceiveQueue, Stopped, TransmitQueue};

use crate::common::{self, Wire};
use crate::support::{
    Active, Case, Outcome, PATIENCE, SILENCE, ensure, frame, halves, number, open_netmap, receive,
    same, take,
};
use crate::sys::RawPort;

pub(crate) const CASES: &[Case] = &[
    Case::new("moving/between-pipes", between_pipes),
    Case::new("moving/between-vale-ports", between_vale_ports),
    Case::new("moving/between-nics", between_nics),
    Case::new("moving/of-several-slots", of_several_slots),
    Case::new("moving/into-a-full-ring", into_a_full_ring),
    Case::new("moving/limit", limit),
    Case::new("moving/other-region", other_region),
    Case::new("lending/in-place", in_place),
    Case::new("lending/gives-back", gives_back),
];

/// The halves in the middle of a chain of two ports: what one receives, the other one sends.
struct Middle {
    left: (ReceiveQueue, TransmitQueue),
    right: (ReceiveQueue, TransmitQueue),
}

impl Middle {
    fn new(left: &str, right: &str) -> Outcome<Self> {
        Ok(Self {
            left: halves(left)?,
            right: halves(right)?,
        })
    }

    /// Moves what is there, both ways; how many frames.
    fn turn(&mut self) -> Outcome<usize> {
        let there = self.right.1.forward(&mut self.left.0, 64)?;
        self.right.1.flush()?;
        let back = self.left.1.forward(&mut self.right.0, 64)?;
        self.left.1.flush()?;
        Ok(there.frames + back.frames)
    }

    fn wait(&self) -> Outcome {
        ready(self.left.0.source(), SILENCE)?;
        Ok(())
    }
}

/// Sends bursts from one outside to the other through the middle, both ways; every frame arrives, right and in order.
fn relay(
    outsides: &mut [Active; 2],
    middle: &mut Middle,
    frames: u32,
    lengths: &[usize],
) -> Outcome {
    const BURST: u32 = 16;
    let of = |number: u32, way: usize| {
        let length = lengths[number as usize % lengths.len()];
        frame(number * 2 + way as u32, length)
    };
    for first in (0..frames).step_by(BURST as usize) {
        let burst = first..first + BURST;
        for number in burst.clone() {
            outsides[0].send(&of(number, 0))?;
            outsides[1].send(&of(number, 1))?;
        }
        let mut expected = [burst.clone(), burst];
        let deadline = Instant::now() + PATIENCE;
        while expected.iter().any(|left| !left.is_empty()) {
            ensure!(Instant::now() < deadline, "frames {expected:?} got lost");
            if middle.turn()? == 0 {
                middle.wait()?;
            }
            for (way, left) in expected.iter_mut().enumerate() {
                while let Some(received) = take(&mut *outsides[1 - way].pairs[0].rx)? {
                    let next = left.next().ok_or("a frame arrived twice")?;
                    same(&received, &of(next, way)).map_err(|error| {
                        format!("frame {next}: {}", error.message().unwrap_or(""))
                    })?;
                }
            }
        }
    }
    Ok(())
}

/// All slots of the ports have buffers, and no buffer is in two slots.
fn buffers(ports: &[&str]) -> Outcome<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for port in ports {
        for buffer in RawPort::open(port)?.buffers() {
            ensure!(buffer > 1, "{port} has a slot with buffer {buffer}");
            ensure!(found.insert(buffer), "buffer {buffer} is in two slots");
        }
    }
    Ok(found)
}

/// Many rounds of the rings; then the buffers are the same ones, in other places.
fn check_chain(
    outsides: &mut [Active; 2],
    names: [&str; 2],
    frames: u32,
    lengths: &[usize],
) -> Outcome {
    let mut middle = Middle::new(names[0], names[1])?;
    let before = buffers(&names)?;
    relay(outsides, &mut middle, frames, lengths)?;
    let after = buffers(&names)?;
    ensure!(before == after, "buffers were lost or came from nowhere");
    Ok(())
}

fn between_pipes() -> Outcome {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}");
    let open = |name: &str| Active::new(&format!("{}?slots=64", end(name)));
    let mut outsides = [open("{1")?, open("{2")?];
    check_chain(
        &mut outsides,
        [&end("}1"), &end("}2")],
        1024,
        &[60, 1514, 14, 700],
    )
}

fn between_vale_ports() -> Outcome {
    let id = common::unique();
    // Two switches, with two ports in one region between them.
    let mut outsides = [
        Active::new(&format!("vale{id}l:out?slots=128"))?,
        Active::new(&format!("vale{id}r:out?slots=128"))?,
    ];
    let left = format!("vale{id}l:in");
    let first = open_netmap(&format!("{left}?slots=128"))?;
    let right = format!("vale{id}r:in@{}", first.memory());
    let mut middle = Middle::new(&left, &format!("{right}?slots=128"))?;
    let right = format!("vale{id}r:in");
    let before = buffers(&[&left, &right])?;
    relay(&mut outsides, &mut middle, 1024, &[60, 1514, 9000])?;
    let after = buffers(&[&left, &right])?;
    ensure!(before == after, "buffers were lost or came from nowhere");
    Ok(())
}

fn between_nics() -> Outcome {
    let (left, right) = (Wire::new()?, Wire::new()?);
    let mut outsides = [Active::new(left.near())?, Active::new(right.far())?];
    let names = [left.far(), right.near()];
    check_chain(&mut outsides, names, 10_240, &[60, 1514, 14, 700])
}

fn of_several_slots() -> Outcome {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}");
    let open = |name: &str| Active::new(&format!("{}?slots=256", end(name)));
    let mut outsides = [open("{1")?, open("{2")?];
    let names = [&*end("}1"), &*end("}2")];
    check_chain(&mut outsides, names, 1024, &[9000, 60, 2049, 16_384])
}

fn into_a_full_ring() -> Outcome {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}");
    let mut from = Active::new(&format!("{}?slots=256", end("{1")))?;
    let mut to = Active::new(&format!("{}?slots=64", end("{2")))?;
    let mut middle = Middle::new(&end("}1"), &end("}2"))?;
    let mut next = 0;
    for first in (0..2000).step_by(200) {
        for number in first..first + 200 {
            from.send(&frame(number, 60))?;
        }
        let mut was_full = false;
        while next < first + 200 {
            let moved = middle.right.1.forward(&mut middle.left.0, 1000)?;
            middle.right.1.flush()?;
            was_full |= moved.stopped == Stopped::Full;
            while let Some(received) = take(&mut *to.pairs[0].rx)? {
                same(&received, &frame(next, 60))?;
                next += 1;
            }
        }
        ensure!(was_full, "200 frames found room in 63 slots");
    }
    let more = take(&mut *to.pairs[0].rx)?;
    ensure!(more.is_none(), "a frame too many");
    Ok(())
}

fn limit() -> Outcome {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}");
    let mut from = Active::new(&end("{1"))?;
    let mut middle = Middle::new(&end("}1"), &end("}2"))?;
    for number in 0..10 {
        from.send(&frame(number, 60))?;
    }
    for (limit, frames, stopped) in [
        (0, 0, Stopped::Limit),
        (4, 4, Stopped::Limit),
        (6, 6, Stopped::Limit),
        (1, 0, Stopped::Empty),
    ] {
        let moved = middle.right.1.forward(&mut middle.left.0, limit)?;
        let right = (moved.frames, moved.stopped) == (frames, stopped);
        ensure!(right, "with limit {limit}: {moved:?}");
    }
    Ok(())
}

/// Nothing moves between regions, and the frame is still there.
fn other_region() -> Outcome {
    let id = common::unique();
    let port = |name: &str| format!("vale{id}:{name}");
    let mut from = Active::new(&port("from"))?;
    let mut middle = Middle::new(&port("left"), &format!("vale{id}r:right"))?;
    let mut to = Active::new(&format!("vale{id}r:to"))?;
    from.send(&frame(1, 60))?;
    let error = middle.right.1.forward(&mut middle.left.0, 1);
    let error = error.err().ok_or("moved between regions")?;
    ensure!(error.kind() == ErrorKind::Unsupported, "{error:?}");
    let words = "buffers move only within one region; open both ports with the same @ID, or copy";
    ensure!(error.to_string().contains(words), "it says {error}");
    middle.right.1.flush()?;
    to.expect_nothing()?;
    same(&receive(&mut middle.left.0)?, &frame(1, 60))
}

fn in_place() -> Outcome {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}");
    let mut far = Active::new(&end("}1"))?;
    let mut near = halves(&end("{1"))?;
    for (number, length) in [(1, 14), (2, 60), (3, 2048), (4, 2049), (5, 9000)] {
        far.send(&frame(number, length))?;
        ensure!(ready(near.0.source(), PATIENCE)?, "no frame");
        for _ in 0..2 {
            let lent = near.0.lend()?.ok_or("no frame is lent")?;
            ensure!(
                lent.length() == length,
                "{} bytes of {length}",
                lent.length()
            );
            let slots = lent.pieces().count();
            let expected = length.div_ceil(2048);
            ensure!(slots == expected, "{slots} pieces instead of {expected}");
            let mut copy = vec![0; length];
            let copied = lent.copy_to(&mut copy);
            ensure!(copied == length, "{copied} bytes copied of {length}");
            same(&copy, &frame(number, length))?;
        }
        // Not released, it is still the next one, for everybody.
        ensure!(near.0.peek()? == Some(length), "another frame");
        near.0.lend()?.ok_or("no frame")?.release();
        ensure!(near.0.lend()?.is_none(), "released, and still there");
    }
    let received = near.0.counters().snapshot();
    ensure!(received.frames == 5, "{received:?}");
    Ok(())
}

/// Released slots are filled again, for many rounds of the ring; a frame that is lent goes out elsewhere as it is.
fn gives_back() -> Outcome {
    let id = common::unique();
    let end = |end: &str| format!("vale{id}:b{end}?slots=32");
    let mut far = Active::new(&end("}1"))?;
    let mut near = halves(&end("{1"))?;
    let mut out = Active::new(&format!("vale{id}o:out"))?;
    let mut to = Active::new(&format!("vale{id}o:to"))?;
    for sent in 0..1000 {
        far.send(&frame(sent, 60 + sent as usize % 3000))?;
        ensure!(ready(near.0.source(), PATIENCE)?, "no frame {sent}");
        let lent = near.0.lend()?.ok_or("no frame is lent")?;
        let passed = lent.with_pieces(|pieces| out.pairs[0].tx.send(pieces))?;
        ensure!(passed == net_backend_core::Sent::Queued, "{passed:?}");
        out.pairs[0].tx.flush()?;
        lent.release();
        let received = to.receive()?;
        ensure!(
            number(&received) == sent,
            "frame {} of {sent}",
            number(&received)
        );
        same(&received, &frame(sent, 60 + sent as usize % 3000))?;
    }
    Ok(())
}
