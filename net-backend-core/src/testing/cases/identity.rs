//! What is sent is what arrives: every length, in any number of pieces, with any header.

use super::{Bench, Case};
use crate::testing::Failure;
use crate::testing::failure::ensure;
use crate::testing::frames::Frame;
use crate::testing::random::Random;
use crate::{Activation, HeaderLength, RxSlice, Sent, TxSlice};

pub(super) const CASES: &[Case] = &[
    Case::delivering("frames/sent-lengths", sent_lengths),
    Case::delivering("frames/sent-pieces", sent_pieces),
    Case::delivering("frames/sent-many-pieces", sent_many_pieces),
    Case::delivering("frames/received-lengths", received_lengths),
    Case::delivering("frames/received-pieces", received_pieces),
    Case::delivering("frames/received-many-pieces", received_many_pieces),
    Case::delivering("frames/order", order),
];

fn lengths(bench: &Bench<'_>) -> Vec<usize> {
    let (least, most) = (bench.traits.min_frame.max(14), bench.traits.max_frame);
    let usual = [
        14, 15, 16, 17, 21, 33, 59, 60, 61, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1023, 1500,
        1513, 1514, 2047, 2048, 4095, 4097, 8999, 9014, 16383, 65535, 65549, 65553,
    ];
    let mut lengths: Vec<_> = usual
        .into_iter()
        .filter(|length| (least..=most).contains(length))
        .collect();
    lengths.extend([least, most]);
    lengths
}

fn every_header(
    bench: &mut Bench<'_>,
    run: fn(&mut Bench<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        bench.activate(&Activation {
            header,
            ..Activation::plain()
        })?;
        run(bench).map_err(|failure| failure.during(format!("header of {header} bytes")))?;
    }
    Ok(())
}

fn sent_lengths(bench: &mut Bench<'_>) -> Result<(), Failure> {
    every_header(bench, |bench| {
        for length in lengths(bench) {
            let frame = bench.frame(length);
            bench.send(0, &frame)?;
            bench.expect_seen(0, &frame)?;
        }
        Ok(())
    })
}

fn received_lengths(bench: &mut Bench<'_>) -> Result<(), Failure> {
    every_header(bench, |bench| {
        for length in lengths(bench) {
            let frame = bench.frame(length);
            bench.inject(0, &frame)?;
            bench.expect_received(0, &frame)?;
        }
        Ok(())
    })
}

/// Cuts `bytes` into `count` pieces at random places, some of them empty.
fn cut<'a>(mut bytes: &'a [u8], count: usize, random: &mut Random) -> Vec<&'a [u8]> {
    let mut pieces = Vec::with_capacity(count);
    for left in (1..count).rev() {
        let length = match random.below(4) {
            0 => 0,
            1 => random.below(14),
            _ => random.below(2 * bytes.len() / left + 1),
        };
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

fn sent_pieces(bench: &mut Bench<'_>) -> Result<(), Failure> {
    every_header(bench, |bench| {
        let mut random = Random::new(1);
        for count in (1..=64).chain([5, 17, 33]) {
            let frame = bench.frame(bench.traits.max_frame.min(1000));
            send_cut(bench, &frame, count, &mut random)?;
        }
        Ok(())
    })
}

/// More pieces than a system call takes: IOV_MAX is 1024 in most places.
fn sent_many_pieces(bench: &mut Bench<'_>) -> Result<(), Failure> {
    every_header(bench, |bench| {
        for count in [1022, 1023, 1024, 1025, 1500] {
            let frame = bench.frame(bench.traits.max_frame.min(1514));
            send_cut(bench, &frame, count, &mut Random::new(2))?;
        }
        Ok(())
    })
}

fn send_cut(
    bench: &mut Bench<'_>,
    frame: &Frame,
    count: usize,
    random: &mut Random,
) -> Result<(), Failure> {
    let wire = frame.on_wire(bench.header);
    let pieces = cut(&wire, count, random);
    let pieces: Vec<_> = pieces.into_iter().map(TxSlice::new).collect();
    let tx = &mut bench.pair(0)?.tx;
    let sent = tx.send(&pieces)?;
    tx.flush()?;
    ensure!(sent == Sent::Queued, "a frame in {count} pieces: {sent:?}");
    bench
        .expect_seen(0, frame)
        .map_err(|failure| failure.during(format!("{count} pieces")))?;
    Ok(())
}

fn received_pieces(bench: &mut Bench<'_>) -> Result<(), Failure> {
    every_header(bench, |bench| {
        let mut random = Random::new(3);
        for count in (1..=64).chain([7, 18, 33]) {
            let frame = bench.frame(bench.traits.max_frame.min(1000));
            receive_cut(bench, &frame, count, &mut random)?;
        }
        Ok(())
    })
}

fn received_many_pieces(bench: &mut Bench<'_>) -> Result<(), Failure> {
    every_header(bench, |bench| {
        for count in [1022, 1023, 1024, 1025, 1500] {
            let frame = bench.frame(bench.traits.max_frame.min(1514));
            receive_cut(bench, &frame, count, &mut Random::new(4))?;
        }
        Ok(())
    })
}

/// Receives the frame into a buffer that just fits, in pieces.
fn receive_cut(
    bench: &mut Bench<'_>,
    frame: &Frame,
    count: usize,
    random: &mut Random,
) -> Result<(), Failure> {
    bench.inject(0, frame)?;
    let length = frame.bytes.len() + bench.header.bytes();
    let mut buffer = vec![0; length];
    let lengths: Vec<_> = cut(&buffer, count, random)
        .iter()
        .map(|piece| piece.len())
        .collect();
    let received = bench.receive_own(0, length, |rx| {
        let mut rest = buffer.as_mut_slice();
        let mut pieces = Vec::with_capacity(count);
        for length in &lengths {
            let (piece, tail) = rest.split_at_mut(*length);
            pieces.push(RxSlice::new(piece));
            rest = tail;
        }
        rx.recv(&mut pieces)
    })?;
    ensure!(
        !received.truncated,
        "cut, though {count} pieces of {length} bytes in all were there"
    );
    frame
        .check(buffer.get(bench.header.bytes()..).unwrap_or_default())
        .map_err(|failure| failure.during(format!("{count} pieces")))
}

fn order(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for _ in 0..10 {
        let mut inbound = Vec::new();
        for _ in 0..bench.traits.window.min(32) {
            let frame = bench.frame(60);
            if !bench.try_inject(0, &frame)? {
                break;
            }
            inbound.push(frame);
        }
        for frame in &inbound {
            bench.expect_received(0, frame)?;
        }
        let mut outbound = Vec::new();
        for _ in 0..bench.traits.window.min(32) {
            let frame = bench.frame(60);
            match bench.try_send(0, &frame)? {
                Sent::Queued => outbound.push(frame),
                Sent::Busy { .. } => break,
                other => return Err(Failure::new(format!("send of a good frame: {other:?}"))),
            }
        }
        for frame in &outbound {
            bench.expect_seen(0, frame)?;
        }
    }
    Ok(())
}
