//! Offloads: what was negotiated passes with its header, what was not never does.

use super::{Bench, Case};
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::frames::{Frame, number_of};
use crate::testing::segments::Kind;
use crate::testing::sys::ready;
use crate::testing::{Failure, Path, RigTraits};
use crate::{
    Activation, DropReason, Features, HeaderFlags, HeaderLength, Segmentation, Sent,
    VirtioNetHeader,
};

pub(super) const CASES: &[Case] = &[
    Case::with("offloads/transmit", drives, transmit),
    Case::always("offloads/transmit-not-negotiated", transmit_not_negotiated),
    Case::with("offloads/receive", drives, receive),
    Case::with(
        "offloads/receive-not-negotiated",
        drives,
        receive_not_negotiated,
    ),
    Case::with("offloads/changed-at-run-time", drives, changed_at_run_time),
];

fn drives(traits: &RigTraits) -> bool {
    traits.path != Path::Nowhere && !traits.offloads.is_empty()
}

fn activate(
    bench: &mut Bench<'_>,
    header: HeaderLength,
    features: Features,
) -> Result<(), Failure> {
    bench.activate(&Activation {
        queue_pairs: 1,
        header,
        features,
    })
}

/// The kinds of frames for which the backend offers what `needs` says, and the fixture can see or send them.
fn kinds(bench: &Bench<'_>, needs: fn(&VirtioNetHeader) -> Features) -> Result<Vec<Kind>, Failure> {
    let possible = bench.backend.features() & bench.traits.offloads;
    let kinds: Vec<_> = Kind::ALL
        .into_iter()
        .filter(|kind| possible.contains(needs(&kind.frame(0).header)))
        .collect();
    if kinds.is_empty() {
        return Err(Failure::not_applicable(
            "it offers no offload of this direction",
        ));
    }
    Ok(kinds)
}

/// The fields that have to arrive as they were sent; the header length is a hint and may change.
fn expect_header(sent: &Frame, arrived: &VirtioNetHeader) -> Result<(), Failure> {
    let expected = VirtioNetHeader {
        header_length: arrived.header_length,
        ..sent.header
    };
    ensure!(*arrived == expected, "{arrived:?} instead of {expected:?}");
    Ok(())
}

/// What has to be active beside `features` so that the frame gets to where they are looked at.
fn way(bench: &Bench<'_>, features: Features) -> Features {
    match bench.traits.path {
        Path::Echo => features,
        _ => Features::empty(),
    }
}

fn transmit(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        for kind in kinds(bench, VirtioNetHeader::transmit_features)? {
            let number = bench.number();
            let frame = kind.frame(number);
            let needed = frame.header.transmit_features();
            let way = way(bench, frame.header.receive_features());
            activate(bench, header, needed | way)?;
            transmit_one(bench, &frame).map_err(|failure| failure.during(kind.name))?;
        }
    }
    Ok(())
}

fn transmit_one(bench: &mut Bench<'_>, frame: &Frame) -> Result<(), Failure> {
    bench.send(0, frame)?;
    let seen = bench.expect_seen(0, frame)?;
    let header = seen
        .header
        .ok_or_else(|| Failure::new("the rig says that its peer sees headers, but it saw none"))?;
    expect_header(frame, &header)
}

fn transmit_not_negotiated(bench: &mut Bench<'_>) -> Result<(), Failure> {
    if bench.traits.path == Path::Nowhere {
        return Err(Failure::not_applicable("nobody looks at the frames"));
    }
    let offered = bench.backend.features();
    for kind in Kind::ALL {
        let number = bench.number();
        let frame = kind.frame(number);
        let needed = frame.header.transmit_features();
        for lacking in needed {
            let features = offered.difference(lacking).with_dependencies_met();
            activate(bench, HeaderLength::Twelve, features)?;
            let sent = bench.try_send(0, &frame)?;
            ensure!(
                sent == Sent::Dropped(DropReason::NotNegotiated),
                "{} without {lacking}: {sent:?}",
                kind.name
            );
        }
    }
    let good = bench.frame(60);
    bench.send(0, &good)?;
    bench.expect_seen(0, &good)?;
    Ok(())
}

fn receive(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        for kind in kinds(bench, VirtioNetHeader::receive_features)? {
            let number = bench.number();
            let frame = kind.frame(number);
            let needed = frame.header.receive_features();
            let way = way(bench, frame.header.transmit_features());
            activate(bench, header, needed | way)?;
            receive_one(bench, &frame).map_err(|failure| failure.during(kind.name))?;
        }
    }
    Ok(())
}

fn receive_one(bench: &mut Bench<'_>, frame: &Frame) -> Result<(), Failure> {
    bench.inject(0, frame)?;
    let header = bench.expect_received(0, frame)?;
    expect_header(frame, &header)
}

/// Nothing arrives that needs an offload: the frame is dropped, or made into ordinary ones.
fn expect_ordinary(bench: &mut Bench<'_>, frame: &Frame) -> Result<(), Failure> {
    bench.inject(0, frame)?;
    let last = bench.frame(60);
    bench.inject(0, &last)?;
    loop {
        let Some((header, bytes)) = bench.receive_now(0)? else {
            let is_ready = ready(bench.pair(0)?.rx.source(), PATIENCE)?;
            ensure!(is_ready, "an ordinary frame was never received");
            continue;
        };
        let needs_nothing = header.segmentation == Segmentation::None
            && !header.flags.contains(HeaderFlags::NEEDS_CSUM);
        ensure!(needs_nothing, "not negotiated, and received: {header:?}");
        if number_of(&bytes) == Some(last.number) {
            return last.check(&bytes);
        }
    }
}

fn receive_not_negotiated(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let offered = bench.backend.features();
    let only_transmit = offered.difference(Features::RECEIVE_OFFLOADS);
    for kind in kinds(bench, VirtioNetHeader::receive_features)? {
        // What an earlier user of the device had must not show through.
        for features in [offered, only_transmit] {
            activate(bench, HeaderLength::Twelve, features)?;
        }
        let number = bench.number();
        let frame = kind.frame(number);
        expect_ordinary(bench, &frame).map_err(|failure| failure.during(kind.name))?;
    }
    Ok(())
}

fn changed_at_run_time(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let offered = bench.backend.features();
    let receive = offered & Features::RECEIVE_OFFLOADS;
    for kind in kinds(bench, VirtioNetHeader::receive_features)? {
        activate(bench, HeaderLength::Twelve, offered)?;
        for _ in 0..3 {
            let number = bench.number();
            receive_one(bench, &kind.frame(number)).map_err(|failure| failure.during(kind.name))?;
            bench.backend.set_receive_offloads(Features::empty())?;
            let number = bench.number();
            expect_ordinary(bench, &kind.frame(number))
                .map_err(|failure| failure.during(kind.name))?;
            bench.backend.set_receive_offloads(receive)?;
        }
    }
    Ok(())
}
