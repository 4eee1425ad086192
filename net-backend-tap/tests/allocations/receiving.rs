//! From the host to the guest.

use libtest_mimic::Failed;
use net_backend_core::{Features, HeaderLength, Received, RxSlice};

use crate::support::{BURST, Bench, Outcome, asks_for_nothing, counted, ensure};

/// How a frame is received.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Into a buffer for any frame, in so many pieces.
    Roomy(usize),
    /// Into one that is just long enough.
    Tight,
    /// The same, by a guest that offers several buffers.
    Mergeable,
    /// Into one that is too short.
    Short,
    /// It is looked at first.
    Peeked,
}

const WAYS: &[Way] = &[
    Way::Roomy(1),
    Way::Roomy(17),
    Way::Tight,
    Way::Mergeable,
    Way::Short,
    Way::Peeked,
];

pub(crate) fn plain() -> Outcome {
    all_ways("", HeaderLength::None, Features::empty())?;
    all_ways("?header=off", HeaderLength::None, Features::empty())
}

pub(crate) fn behind_a_header() -> Outcome {
    for features in [Features::empty(), Features::RECEIVE_OFFLOADS] {
        all_ways("", HeaderLength::Ten, features)?;
        all_ways("", HeaderLength::Twelve, features)?;
    }
    Ok(())
}

/// A header that asks for nothing is put in front, or another one is taken off.
pub(crate) fn behind_another_header() -> Outcome {
    all_ways("?header=off", HeaderLength::Ten, Features::empty())?;
    all_ways("?header=off", HeaderLength::Twelve, Features::empty())
}

pub(crate) fn nothing() -> Outcome {
    let mut bench = Bench::new("", HeaderLength::Twelve, Features::empty())?;
    let mut buffer = vec![0; 70_000];
    asks_for_nothing(|| {
        counted(|| {
            let rx = &mut bench.pair.rx;
            let found = (rx.peek()?, rx.recv(&mut [RxSlice::new(&mut buffer)])?);
            ensure(found == (None, None), || format!("{found:?}"))
        })
    })
}

fn all_ways(options: &str, header: HeaderLength, features: Features) -> Outcome {
    let mut bench = Bench::new(options, header, features)?;
    let frame = bench.frame(1514);
    let sent = frame.get(header.bytes()..).unwrap_or_default();
    let mut buffer = vec![0; 70_000];
    for way in WAYS {
        asks_for_nothing(|| {
            for _ in 0..BURST {
                bench.far.send(sent)?;
            }
            counted(|| {
                for _ in 0..BURST {
                    receive(&mut bench, *way, frame.len(), &mut buffer)?;
                }
                Ok(())
            })
        })
        .map_err(|failed| {
            let found = failed.message().unwrap_or_default().to_owned();
            Failed::from(format!("tap:{options}, {header:?}, {way:?}: {found}"))
        })?;
    }
    Ok(())
}

fn receive(bench: &mut Bench, way: Way, length: usize, buffer: &mut [u8]) -> Outcome {
    let rx = &mut bench.pair.rx;
    let room = match way {
        Way::Roomy(_) => buffer.len(),
        Way::Tight | Way::Mergeable | Way::Peeked => length + 4,
        Way::Short => 100,
    };
    let count = match way {
        Way::Roomy(count) => count,
        Way::Mergeable => 3,
        _ => 1,
    };
    if matches!(way, Way::Peeked) {
        let seen = rx.peek()?;
        ensure(seen == Some(length), || format!("{seen:?}"))?;
    }
    let mut pieces: [RxSlice<'_>; 17] = std::array::from_fn(|_| RxSlice::new(&mut []));
    let chunks = buffer.get_mut(..room).unwrap_or_default();
    let chunks = chunks.chunks_mut(room.div_ceil(count));
    for (piece, chunk) in pieces.iter_mut().zip(chunks) {
        *piece = RxSlice::new(chunk);
    }
    let received = rx.recv(pieces.get_mut(..count).unwrap_or_default())?;
    let expected = Received {
        length,
        truncated: room < length,
    };
    ensure(received == Some(expected), || format!("{received:?}"))
}
