//! What is no frame is dropped with the right reason, and harms nobody.

use super::{Bench, Case};
use crate::testing::failure::ensure;
use crate::testing::{Failure, Path};
use crate::{Activation, DropReason, FrameLength, HeaderFlags, HeaderLength, Sent, TxSlice};

pub(super) const CASES: &[Case] = &[
    Case::always("boundaries/too-short", too_short),
    Case::always("boundaries/too-long", too_long),
    Case::always("boundaries/lying-headers", lying_headers),
    Case::delivering("boundaries/nothing-of-it-arrives", nothing_arrives),
];

/// Sends bytes as they are, in pieces of at most 40000, with an empty one at the end.
fn send_raw(bench: &mut Bench<'_>, bytes: &[u8]) -> Result<Sent, Failure> {
    let pieces = bytes.chunks(40_000).map(TxSlice::new);
    let pieces: Vec<_> = pieces.chain([TxSlice::EMPTY]).collect();
    let tx = &mut bench.pair(0)?.tx;
    let length = bytes.len();
    let sent = tx
        .send(&pieces)
        .map_err(|error| Failure::from(error).during(format!("send of {length} bytes")))?;
    tx.flush()?;
    Ok(sent)
}

fn expect_dropped(sent: Sent, reason: DropReason, what: &str) -> Result<(), Failure> {
    let expected = Sent::Dropped(reason);
    ensure!(sent == expected, "{what}: {sent:?} instead of {expected:?}");
    Ok(())
}

fn activate(bench: &mut Bench<'_>, header: HeaderLength) -> Result<(), Failure> {
    bench.activate(&Activation {
        header,
        ..Activation::plain()
    })
}

fn too_short(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        let sent = bench.pair(0)?.tx.send(&[])?;
        expect_dropped(sent, DropReason::Malformed, "no pieces")?;
        for length in 0..header.bytes() + 14 {
            let sent = send_raw(bench, &vec![0; length])?;
            let what = format!("{length} bytes, header of {header} included");
            expect_dropped(sent, DropReason::Malformed, &what)?;
        }
    }
    Ok(())
}

fn too_long(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let most = bench.backend.capabilities().max_frame;
    for header in HeaderLength::ALL {
        activate(bench, header)?;
        let most = most.buffer_length(header);
        let longest = FrameLength::MAX.buffer_length(header);
        for length in [most + 1, longest + 1, 2 * longest, 1 << 20] {
            let sent = send_raw(bench, &vec![0; length])?;
            let what = format!("{length} bytes, {most} are allowed");
            expect_dropped(sent, DropReason::TooLong, &what)?;
        }
    }
    Ok(())
}

fn lying_headers(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        let features = bench.backend.features().with_dependencies_met();
        bench.activate(&Activation {
            queue_pairs: 1,
            header,
            features,
        })?;
        for kind in 0..=u8::MAX {
            let mut frame = bench.frame(60);
            frame.header.flags = HeaderFlags::NEEDS_CSUM;
            frame.header.checksum_start = u16::MAX;
            frame.header.checksum_offset = u16::MAX;
            frame.header.header_length = u16::MAX;
            let mut wire = frame.on_wire(header);
            wire.splice(1..2, [kind]);
            let sent = send_raw(bench, &wire)?;
            let known = matches!(kind & 0x7f, 0 | 1 | 3 | 4 | 5);
            if !known && bench.traits.path != Path::Nowhere {
                let what = format!("gso_type {kind}");
                expect_dropped(sent, DropReason::Malformed, &what)?;
            }
        }
    }
    Ok(())
}

fn nothing_arrives(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    for _ in 0..5 {
        // With an address of the suite, so that it would not be taken for the host's own noise.
        let long = bench.frame(1 << 17);
        let _dropped = send_raw(bench, &long.bytes)?;
        let short = bench.frame(14);
        let _dropped = send_raw(bench, short.bytes.get(..13).unwrap_or_default())?;
        let good = bench.frame(60);
        bench.send(0, &good)?;
        bench.expect_seen(0, &good)?;
    }
    Ok(())
}
