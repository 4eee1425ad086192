//! From the guest to the host.

use net_backend_core::{DropReason, Features, HeaderLength, Sent, TxSlice};

use crate::support::{Bench, Outcome, asks_for_nothing, counted, ensure, pieces};

/// Lengths of frames, and pieces that they come in: few, and so many that a short frame is copied together.
const SHAPES: &[(usize, usize)] = &[(60, 1), (1514, 1), (1514, 3), (1514, 16), (60, 20)];

pub(crate) fn plain() -> Outcome {
    all_shapes("", HeaderLength::None)?;
    all_shapes("?header=off", HeaderLength::None)
}

pub(crate) fn behind_a_header() -> Outcome {
    all_shapes("", HeaderLength::Ten)?;
    all_shapes("", HeaderLength::Twelve)
}

/// The header is taken off, or another one is put in front.
pub(crate) fn behind_another_header() -> Outcome {
    all_shapes("?header=off", HeaderLength::Ten)?;
    all_shapes("?header=off", HeaderLength::Twelve)
}

/// With what the tap offers; where it offers nothing of the kind, they are refused, which asks for nothing either.
pub(crate) fn super_frames() -> Outcome {
    let features = Features::CSUM | Features::HOST_TSO4;
    let mut bench = Bench::new("", HeaderLength::Twelve, features)?;
    let expected = match bench.features == features {
        true => Sent::Queued,
        false => Sent::Dropped(DropReason::NotNegotiated),
    };
    let frame = tcp_super_frame();
    for count in [1, 3, 40] {
        let pieces = pieces(&frame, count);
        asks_for_nothing(|| {
            counted(|| {
                let sent = bench.pair.tx.send(&pieces)?;
                ensure(sent == expected, || format!("{sent:?}"))?;
                Ok(bench.pair.tx.flush()?)
            })
        })?;
    }
    Ok(())
}

pub(crate) fn what_is_refused() -> Outcome {
    let mut bench = Bench::new("", HeaderLength::Twelve, Features::empty())?;
    let (short, long) = (bench.frame(13), bench.frame(66_000));
    let mut asking = bench.frame(1514);
    // NEEDS_CSUM.
    asking.splice(..1, [1]);
    for (frame, reason) in [
        (&short, DropReason::Malformed),
        (&long, DropReason::TooLong),
        (&asking, DropReason::NotNegotiated),
    ] {
        asks_for_nothing(|| {
            counted(|| {
                let sent = bench.pair.tx.send(&[TxSlice::new(frame)])?;
                ensure(sent == Sent::Dropped(reason), || format!("{sent:?}"))
            })
        })?;
    }
    Ok(())
}

fn all_shapes(options: &str, header: HeaderLength) -> Outcome {
    let mut bench = Bench::new(options, header, Features::empty())?;
    for (length, count) in SHAPES {
        let frame = bench.frame(*length);
        let pieces = pieces(&frame, *count);
        asks_for_nothing(|| {
            let asked = bench.send(&pieces)?;
            bench.arrived(*length)?;
            Ok(asked)
        })?;
    }
    Ok(())
}

/// 64 KiB of TCP in segments of 1460 bytes, behind a header of 12 bytes.
fn tcp_super_frame() -> Vec<u8> {
    // NEEDS_CSUM, TCPv4, headers of 54 bytes, segments of 1460, the checksum 16 bytes into TCP at 34.
    let mut frame = vec![1, 1, 54, 0, 0xb4, 0x05, 34, 0, 16, 0, 0, 0];
    frame.extend([0xff; 6]);
    frame.extend([2, 0, 0, 0, 0, 7, 8, 0]);
    frame.extend([0x45, 0, 0xfa, 0x28, 0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend([10, 0, 2, 15, 10, 0, 2, 2, 0x80, 0, 0, 80]);
    frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    frame.resize(12 + 14 + 0xfa28, 7);
    frame
}
