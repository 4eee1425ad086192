//! Headers of every length, as they are and through the header layer.

use super::{Bench, Case};
use crate::layers::adapt_header;
use crate::testing::failure::ensure;
use crate::testing::{Failure, Seen};
use crate::{Activation, HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader};

pub(super) const CASES: &[Case] = &[
    Case::delivering("headers/received-are-clean", received_are_clean),
    Case::delivering("headers/adapted", adapted),
    Case::delivering("headers/reserved-bits", reserved_bits),
];

/// Complains about anything that an ordinary frame's header may not say, least of all to somebody who did not
/// negotiate `GUEST_CSUM` (virtio 1.2, 5.1.6.4.1).
fn expect_clean(header: &VirtioNetHeader, allowed: HeaderFlags) -> Result<(), Failure> {
    let is_clean = allowed.contains(header.flags)
        && header.segmentation == Segmentation::None
        && !header.ecn
        && header.segment_size == 0
        && header.buffers == 1;
    ensure!(is_clean, "an ordinary frame has {header:?}");
    Ok(())
}

/// The far end may have negotiated more than we did.
fn expect_seen_clean(seen: &Seen) -> Result<(), Failure> {
    match &seen.header {
        Some(header) => expect_clean(header, HeaderFlags::DATA_VALID),
        None => Ok(()),
    }
}

fn pass_both_ways(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for length in [60, 777] {
        let (there, back) = (bench.frame(length), bench.frame(length));
        bench.send(0, &there)?;
        let seen = bench.expect_seen(0, &there)?;
        expect_seen_clean(&seen)?;
        bench.inject(0, &back)?;
        let header = bench.expect_received(0, &back)?;
        expect_clean(&header, HeaderFlags::empty())?;
    }
    Ok(())
}

fn received_are_clean(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        bench.activate(&Activation {
            header,
            ..Activation::plain()
        })?;
        pass_both_ways(bench)?;
    }
    Ok(())
}

fn adapted(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for native in HeaderLength::ALL {
        for wanted in HeaderLength::ALL {
            bench.activate(&Activation {
                header: native,
                ..Activation::plain()
            })?;
            let pairs = std::mem::take(&mut bench.pairs).into_iter();
            bench.pairs = pairs
                .map(|pair| adapt_header(pair, native, wanted))
                .collect();
            bench.header = wanted;
            pass_both_ways(bench)
                .map_err(|failure| failure.during(format!("{native} bytes as {wanted}")))?;
        }
    }
    Ok(())
}

/// Bits that mean nothing in this direction are not looked at (virtio 1.2, 5.1.6.2), and are not passed on.
fn reserved_bits(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        bench.activate(&Activation {
            header,
            ..Activation::plain()
        })?;
        let mut frame = bench.frame(60);
        frame.header.flags = !HeaderFlags::NEEDS_CSUM;
        frame.header.buffers = 0x0b0b;
        bench.send(0, &frame)?;
        let seen = bench.expect_seen(0, &frame)?;
        expect_seen_clean(&seen)?;
    }
    Ok(())
}
