use net_backend_core::offload::{Checksum, Coalescer, Headers, segment};
use net_backend_core::{Segmentation, TxSlice, VirtioNetHeader};
use proptest::prelude::*;

use super::reader::{Event, Log};
use super::traffic::{self, Action, FLOWS, ports};

type Frames = Vec<(Vec<u8>, VirtioNetHeader)>;

/// Ways to hand over a frame.
#[derive(Clone, Debug)]
struct Delivery {
    limit: usize,
    /// Bytes in front of each frame.
    skip: usize,
    /// Where frames are cut into pieces.
    cuts: Vec<prop::sample::Index>,
    /// Frames in a burst.
    burst: usize,
}

impl Delivery {
    fn any() -> impl Strategy<Value = Self> {
        let limit = prop_oneof![Just(65535_usize), 100_usize..3000, 0_usize..65536];
        let skip = prop::sample::select(vec![0_usize, 10, 12]);
        let cuts = prop::collection::vec(any::<prop::sample::Index>(), 0..5);
        (limit, skip, cuts, 1_usize..100).prop_map(|(limit, skip, cuts, burst)| Self {
            limit,
            skip,
            cuts,
            burst,
        })
    }

    fn whole(limit: usize) -> Self {
        Self {
            limit,
            skip: 0,
            cuts: Vec::new(),
            burst: usize::MAX,
        }
    }

    fn coalesce(&self, frames: &Frames) -> Frames {
        let mut coalescer = Coalescer::new(self.limit);
        let mut out = Vec::new();
        let sink = &mut |frame: &mut [u8], header| out.push((frame.to_vec(), header));
        for (index, (frame, header)) in frames.iter().enumerate() {
            let bytes = [&vec![0xee; self.skip], &frame[..]].concat();
            let pieces = self.pieces(&bytes);
            coalescer.push(&pieces, self.skip, header, sink).unwrap();
            if (index + 1) % self.burst == 0 {
                coalescer.flush(sink);
                assert!(coalescer.is_empty());
            }
        }
        coalescer.flush(sink);
        out
    }

    fn pieces<'a>(&self, bytes: &'a [u8]) -> Vec<TxSlice<'a>> {
        let mut cuts: Vec<usize> = self.cuts.iter().map(|it| it.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|it| TxSlice::new(&bytes[it[0]..it[1]]));
        pieces.collect()
    }
}

fn steps(action: impl Strategy<Value = Action>) -> impl Strategy<Value = Vec<(u16, Action)>> {
    // Runs of the same connection, of which the first ones are more often than the others.
    let flow = prop_oneof![Just(0), 0_u16..4, 0..FLOWS];
    let run = (flow, prop::collection::vec(action, 1..20));
    prop::collection::vec(run, 1..12).prop_map(|runs| {
        let steps = runs.into_iter();
        steps
            .flat_map(|(flow, actions)| actions.into_iter().map(move |action| (flow, action)))
            .collect()
    })
}

/// Single steps of different connections.
fn mixed_steps(action: impl Strategy<Value = Action>) -> impl Strategy<Value = Vec<(u16, Action)>> {
    prop::collection::vec((0..FLOWS, action), 1..150)
}

fn is_subsequence<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|item| rest.any(|it| it == item))
}

/// A receiver sees the same, in the same order.
fn check(before: &Frames, after: &Frames, limit: usize) {
    let (expected, seen) = (Log::read(before, &ports()), Log::read(after, &ports()));
    assert_eq!((expected.wrong, seen.wrong), (0, 0));
    assert_eq!(seen.flows, expected.flows);
    for (flow, stamps) in &seen.stamps {
        let all = &expected.stamps[flow];
        assert!(is_subsequence(stamps, all), "{stamps:?} of {all:?}");
        assert_eq!(stamps.last(), all.last());
    }
    let merged = after.iter().filter(|it| !before.contains(it));
    for (frame, header) in merged.filter(|(_, it)| it.segmentation != Segmentation::None) {
        assert!(frame.len() <= 14 + limit);
        assert_eq!(Headers::parse(frame).unwrap().end, frame.len());
        assert!(header.segment_size > 0);
    }
}

proptest! {
    #[test]
    fn a_receiver_sees_the_same(
        steps in steps(traffic::wild()),
        size in 1_usize..1500,
        delivery in Delivery::any(),
    ) {
        let frames = traffic::frames(&steps, size);
        check(&frames, &delivery.coalesce(&frames), delivery.limit);
    }

    #[test]
    fn a_receiver_sees_the_same_of_interleaved_flows(
        steps in mixed_steps(traffic::wild()),
        size in 1_usize..60,
        delivery in Delivery::any(),
    ) {
        let frames = traffic::frames(&steps, size);
        check(&frames, &delivery.coalesce(&frames), delivery.limit);
    }

    #[test]
    fn cutting_is_the_inverse(
        steps in steps(traffic::calm()),
        size in 1_usize..1500,
        delivery in Delivery::any(),
    ) {
        let frames = traffic::frames(&steps, size);
        let mut cut: Frames = Vec::new();
        for (frame, header) in delivery.coalesce(&frames) {
            if header.segmentation == Segmentation::None {
                cut.push((frame, header));
                continue;
            }
            let kind = if header.flags.is_empty() { Checksum::Complete } else { Checksum::Partial };
            let segment_size = usize::from(header.segment_size);
            let sink = &mut |frame: &[u8], header: &VirtioNetHeader| cut.push((frame.to_vec(), *header));
            segment(&frame, &header, segment_size, kind, &mut Vec::new(), sink).unwrap();
        }
        for port in ports() {
            let of_port = |frames: &Frames| -> Frames {
                let frames = frames.iter().filter(|(it, _)| Headers::parse(it).unwrap().source_port == port);
                frames.cloned().map(normalized).collect()
            };
            prop_assert_eq!(of_port(&cut), of_port(&frames));
        }
    }

    #[test]
    fn no_wrong_checksum_becomes_right(
        steps in steps(traffic::damaged()),
        size in 1_usize..1500,
        delivery in Delivery::any(),
    ) {
        let frames = traffic::frames(&steps, size);
        let (sent, seen) = (Log::read(&frames, &ports()), Log::read(&delivery.coalesce(&frames), &ports()));
        prop_assert!(seen.wrong <= sent.wrong);
        prop_assert_eq!(seen.wrong > 0, sent.wrong > 0);
        for flow in sent.flows.keys() {
            prop_assert!(is_subsequence(&seen.payload(*flow), &sent.payload(*flow)));
            let whole = |log: &Log| -> Vec<_> {
                let events = log.flows[flow].iter();
                events.filter(|it| matches!(it, Event::Frame(_))).cloned().collect()
            };
            prop_assert_eq!(whole(&seen), whole(&sent));
        }
    }

    #[test]
    fn all_of_a_stream_is_merged(
        flow in 0..FLOWS,
        count in 1_usize..200,
        size in 1_usize..1460,
        limit in 1600_usize..65536,
    ) {
        let frames = traffic::frames(&vec![(flow, Action::Data); count], size);
        let headers = Headers::parse(&frames[0].0).unwrap().payload - 14;
        let out = Delivery::whole(limit).coalesce(&frames);
        let most = ((limit - headers) / size).max(1);
        prop_assert_eq!(out.len(), count.div_ceil(most));
        check(&frames, &out, limit);
    }
}

/// 0 and 0xffff are the same sum of a pseudo-header.
fn normalized((mut frame, header): (Vec<u8>, VirtioNetHeader)) -> (Vec<u8>, VirtioNetHeader) {
    if !header.flags.is_empty() {
        let at = usize::from(header.checksum_start + header.checksum_offset);
        if frame[at..at + 2] == [0xff; 2] {
            frame[at..at + 2].fill(0);
        }
    }
    (frame, header)
}
