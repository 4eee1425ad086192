//! Looking at a frame, and receiving it into a buffer that does not fit.

use super::{Bench, Case};
use crate::testing::Failure;
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::{Frame, number_of};
use crate::testing::sys::ready;
use crate::{Activation, HeaderLength, RxSlice};

pub(super) const CASES: &[Case] = &[
    Case::delivering("truncation/short-buffer", short_buffer),
    Case::delivering("truncation/no-buffer", no_buffer),
    Case::delivering("truncation/less-than-a-header", less_than_a_header),
    Case::delivering("truncation/long-buffer", long_buffer),
    Case::delivering("peek/tells-the-length", tells_the_length),
    Case::delivering("peek/repeats", repeats),
    Case::delivering("peek/loses-nothing", loses_nothing),
    Case::delivering("peek/then-truncated", peeked_then_truncated),
];

fn activate(bench: &mut Bench<'_>, header: HeaderLength) -> Result<(), Failure> {
    bench.activate(&Activation {
        header,
        ..Activation::plain()
    })
}

/// Receives `frame` into buffers of `room` bytes and expects it cut and the next one whole.
fn cut_to(bench: &mut Bench<'_>, room: &mut [&mut [u8]]) -> Result<Frame, Failure> {
    let frame = bench.frame(777);
    let next = bench.frame(60);
    bench.inject(0, &frame)?;
    bench.inject(0, &next)?;
    let length = 777 + bench.header.bytes();
    let received = bench.receive_own(0, length, |rx| {
        let pieces = room.iter_mut().map(|piece| RxSlice::new(piece));
        rx.recv(&mut pieces.collect::<Vec<_>>())
    })?;
    ensure!(
        received.truncated,
        "cut, and that was not told: {received:?}"
    );
    bench
        .expect_received(0, &next)
        .map_err(|failure| failure.during("behind a frame that was cut"))?;
    Ok(frame)
}

fn short_buffer(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        for room in [1, 59, 60, 500, 776] {
            let room = room + header.bytes();
            let mut whole = vec![0; room];
            let frame = cut_to(bench, &mut [&mut whole])?;
            expect_beginning(&frame, header, &whole)?;
            let (mut first, mut last) = (vec![0; room / 2], vec![0; room - room / 2]);
            let frame = cut_to(bench, &mut [&mut first, &mut [], &mut last])?;
            expect_beginning(&frame, header, &[first, last].concat())?;
        }
    }
    Ok(())
}

fn expect_beginning(frame: &Frame, header: HeaderLength, stored: &[u8]) -> Result<(), Failure> {
    let stored = stored.get(header.bytes()..).unwrap_or_default();
    ensure!(
        frame.begins_with(stored),
        "the beginning of a frame that was cut to {} bytes is wrong",
        stored.len()
    );
    Ok(())
}

fn no_buffer(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        cut_to(bench, &mut [])?;
        cut_to(bench, &mut [&mut []])?;
        cut_to(bench, &mut [&mut [], &mut []])?;
    }
    Ok(())
}

fn less_than_a_header(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        activate(bench, header)?;
        for room in 1..=header.bytes() {
            cut_to(bench, &mut [&mut vec![0; room]])?;
        }
        cut_to(bench, &mut [&mut [0; 4], &mut [0; 4]])?;
    }
    Ok(())
}

/// Nothing is written behind the end of the frame: it would be guest memory that nobody marks dirty.
fn long_buffer(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        let frame = bench.frame(777);
        let length = 777 + header.bytes();
        bench.inject(0, &frame)?;
        let (mut first, mut second) = (vec![0xa5; length + 1], vec![0xa5; 4096]);
        let received = bench.receive_own(0, length, |rx| {
            first.fill(0xa5);
            second.fill(0xa5);
            rx.recv(&mut [RxSlice::new(&mut first), RxSlice::new(&mut second)])
        })?;
        ensure!(
            !received.truncated,
            "cut, though there was room: {received:?}"
        );
        frame.check(first.get(header.bytes()..length).unwrap_or_default())?;
        let behind = first.last().into_iter().chain(&second);
        ensure!(
            behind.copied().all(|byte| byte == 0xa5),
            "bytes behind the frame were written"
        );
    }
    Ok(())
}

/// Waits until a peek at queue 0 tells something.
fn peeked(bench: &mut Bench<'_>) -> Result<usize, Failure> {
    let rx = &mut bench.pair(0)?.rx;
    loop {
        if let Some(length) = rx.peek()? {
            return Ok(length);
        }
        let is_ready = ready(rx.source(), PATIENCE)?;
        ensure!(is_ready, "no frame to peek at within {PATIENCE:?}");
    }
}

/// Receives the frame that was peeked at; whether it is one of the suite.
fn receive_peeked(bench: &mut Bench<'_>, length: usize) -> Result<Option<Vec<u8>>, Failure> {
    let (_, bytes) = bench
        .receive_now(0)?
        .ok_or_else(|| Failure::new("a frame that was peeked at is lost"))?;
    let received = bytes.len() + bench.header.bytes();
    ensure!(
        received == length,
        "peeked {length}, received {received} bytes"
    );
    Ok(number_of(&bytes).map(|_| bytes))
}

fn tells_the_length(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        for length in [60, 61, 333, 1000] {
            let frame = bench.frame(length.min(bench.traits.max_frame));
            bench.inject(0, &frame)?;
            loop {
                let length = peeked(bench)?;
                if let Some(bytes) = receive_peeked(bench, length)? {
                    frame.check(&bytes)?;
                    break;
                }
            }
        }
    }
    Ok(())
}

fn repeats(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for length in [60, 777] {
        let frame = bench.frame(length);
        bench.inject(0, &frame)?;
        let first = peeked(bench)?;
        for _ in 0..100 {
            let again = bench.pair(0)?.rx.peek()?;
            ensure!(again == Some(first), "peeked {first}, then {again:?}");
        }
        let received = receive_peeked(bench, first)?;
        match received {
            Some(bytes) => frame.check(&bytes)?,
            None => drop(bench.expect_received(0, &frame)?),
        }
    }
    Ok(())
}

/// Every mixture of peeks and receives gives the frames in order.
fn loses_nothing(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for mixture in 0..32_u32 {
        let mut frames = Vec::new();
        for step in 0..4 {
            let frame = bench.frame(60 + 10 * step);
            if bench.try_inject(0, &frame)? {
                frames.push(frame);
            }
            if mixture & (1 << step) != 0 {
                let _held = peeked(bench)?;
            }
        }
        for frame in &frames {
            if mixture & 16 != 0 {
                let _held = peeked(bench)?;
            }
            bench.expect_received(0, frame)?;
        }
    }
    Ok(())
}

fn peeked_then_truncated(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        let frame = bench.frame(777);
        let next = bench.frame(60);
        let length = 777 + header.bytes();
        bench.inject(0, &frame)?;
        bench.inject(0, &next)?;
        let mut room = vec![0; 100];
        let received = bench.receive_own(0, length, |rx| {
            let peeked = rx.peek()?;
            let received = rx.recv(&mut [RxSlice::new(&mut room)])?;
            Ok(received.filter(|received| Some(received.length) == peeked))
        })?;
        ensure!(
            received.truncated,
            "cut, and that was not told: {received:?}"
        );
        expect_beginning(&frame, header, &room)?;
        bench.expect_received(0, &next)?;
    }
    Ok(())
}
