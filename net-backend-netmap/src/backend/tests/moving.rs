//! Frames that are moved between two ports by exchange of buffers, among others that are copied, kept and received,
//! against queues that remember what was sent.

use std::collections::VecDeque;

use net_backend_core::{RxQueue, Sent, TxQueue};

use super::buffers::{self, List};
use super::random::Random;
use super::{config, frame, queues, receive, send};
use crate::testing::{Far, Model, Polling, Settings};
use crate::{Netmap, ReceiveQueue, Stopped, TakenFrame, TransmitQueue};

#[test]
fn whatever_is_moved_arrives_once_and_in_order() {
    let mut stops = Vec::new();
    for seed in 0..60 {
        let mut random = Random(seed);
        let slots = [random.pick(&[16, 33, 64]), random.pick(&[16, 17, 64])];
        println!("seed {seed}, slots {slots:?}");
        let mut road = Road::new(&mut random, slots);
        for _ in 0..500 {
            road.step(&mut random);
        }
        stops.append(&mut road.stops);
        road.finish();
    }
    for stopped in [Stopped::Limit, Stopped::Empty, Stopped::Full] {
        assert!(stops.contains(&stopped), "never {stopped:?}");
    }
}

/// A buffer that was moved in stays news for the NIC until it has been told, whoever uses the slot next.
#[test]
fn a_moved_buffer_is_news_also_for_the_next_user_of_its_slot() {
    let model = Model::new(Settings::default()).unwrap();
    let ends = [0, 1].map(|at| {
        model.wire([NEAR[at], FAR[at]], 1, 16);
        End::new(&model, NEAR[at], FAR[at])
    });
    let [mut west, mut east] = ends;
    assert!(west.far.send(&frame(1, 100)).unwrap());
    assert_eq!(east.tx.forward(&mut west.rx, 1).unwrap().frames, 1);
    drop((east.rx, east.tx));
    let (_rx, mut tx) = queues(&mut east.near);
    assert_eq!(send(&mut tx, &frame(2, 100)), Sent::Queued);
    tx.flush().unwrap();
    assert_eq!(east.far.receive().unwrap(), Some(frame(2, 100)));
}

/// Two ports beside each other, each with a far end: what one receives goes out at the other.
struct Road {
    model: Model,
    ends: [End; 2],
    /// By port, with slots.
    buffers: Vec<u32>,
    slots: [u32; 2],
    number: usize,
    /// Why moving came to its ends.
    stops: Vec<Stopped>,
}

struct End {
    near: Netmap,
    rx: ReceiveQueue,
    tx: TransmitQueue,
    far: Far,
    /// On the way to the near end.
    into: VecDeque<Vec<u8>>,
    /// On the way from it.
    out: VecDeque<Vec<u8>>,
    taken: Vec<(TakenFrame, Vec<u8>)>,
}

const NEAR: [&str; 2] = ["em1", "em2"];
const FAR: [&str; 2] = ["em0", "em3"];
const EXTRA: usize = 8;

impl End {
    fn new(model: &Model, near: &str, far: &str) -> Self {
        let near = format!("netmap:{near}?fragments=64&extra-bufs={EXTRA}");
        let mut near = model.open(&config(&near)).unwrap();
        let (rx, tx) = queues(&mut near);
        Self {
            near,
            rx,
            tx,
            far: model.port(far).unwrap(),
            into: VecDeque::new(),
            out: VecDeque::new(),
            taken: Vec::new(),
        }
    }

    fn take(&mut self) {
        let Some(lent) = self.rx.lend().unwrap() else {
            return;
        };
        if let Some(taken) = lent.take().unwrap() {
            self.taken.push((taken, self.into.pop_front().unwrap()));
        }
    }

    fn drop_one(&mut self) {
        if let Some((frame, bytes)) = self.taken.pop() {
            let mut copy = Vec::new();
            for piece in frame.pieces() {
                let mut part = vec![0; piece.len()];
                assert_eq!(piece.copy_to(&mut part), part.len());
                copy.extend(part);
            }
            assert!(copy == bytes, "a frame changed that was kept");
        }
    }
}

impl Road {
    fn new(random: &mut Random, slots: [u32; 2]) -> Self {
        let model = Model::new(Settings {
            polling: random.pick(&[Polling::Synchronises, Polling::OnlyWakes]),
            completion_delay: random.pick(&[0, 1, 3]),
            ..Settings::default()
        });
        let model = model.unwrap();
        for at in [0, 1] {
            model.wire([NEAR[at], FAR[at]], 1, slots[at]);
        }
        let ends = [0, 1].map(|at| End::new(&model, NEAR[at], FAR[at]));
        let mut road = Self {
            model,
            ends,
            slots,
            buffers: Vec::new(),
            number: 0,
            stops: Vec::new(),
        };
        road.buffers = road.look_for_buffers();
        road
    }

    fn look_for_buffers(&self) -> Vec<u32> {
        let ports = [0, 1].map(|at| (NEAR[at], 1, self.slots[at]));
        let nears = [&self.ends[0].near, &self.ends[1].near];
        let buffers = buffers::all(&self.model, &ports, &nears);
        buffers::assert_distinct(&buffers);
        buffers
    }

    fn frame(&mut self, random: &mut Random) -> Vec<u8> {
        self.number += 1;
        let length = random.pick(&[14, 60, 1514, 2048, 2049, 5000]);
        frame(self.number, length)
    }

    fn step(&mut self, random: &mut Random) {
        let at = random.below(2);
        match random.below(12) {
            0..4 => self.send_far(random, at),
            4 => self.send_near(random, at),
            5..8 => self.forward(random, at),
            8 => self.receive(at),
            9 => self.ends[at].take(),
            10 => self.ends[at].drop_one(),
            _ => self.flush(at),
        }
    }

    fn send_far(&mut self, random: &mut Random, at: usize) {
        let bytes = self.frame(random);
        let slots: usize = self.ends[at]
            .into
            .iter()
            .map(|it| it.len().div_ceil(2048))
            .sum();
        let end = &mut self.ends[at];
        // What a NIC has no room for is lost.
        if slots + bytes.len().div_ceil(2048) > self.slots[at] as usize / 2 {
            return;
        }
        if end.far.send(&bytes).unwrap() {
            end.into.push_back(bytes);
        }
    }

    fn has_room(&self, at: usize, more: usize) -> bool {
        let on_the_way: usize = self.ends[at]
            .out
            .iter()
            .map(|it| it.len().div_ceil(2048))
            .sum();
        on_the_way + more < self.slots[at] as usize
    }

    fn send_near(&mut self, random: &mut Random, at: usize) {
        let bytes = self.frame(random);
        if !self.has_room(at, bytes.len().div_ceil(2048)) {
            return;
        }
        match send(&mut self.ends[at].tx, &bytes) {
            Sent::Queued => self.ends[at].out.push_back(bytes),
            Sent::Busy { .. } => {}
            dropped @ Sent::Dropped(_) => panic!("{dropped:?}"),
        }
    }

    /// As many of the next frames as the far end of the other port has room for.
    fn most(&self, from: usize) -> usize {
        let into = self.ends[from].into.iter();
        let sums = into.scan(0, |sum, it| {
            *sum += it.len().div_ceil(2048);
            Some(*sum)
        });
        sums.take_while(|sum| self.has_room(1 - from, *sum)).count()
    }

    /// From one end to the other.
    fn forward(&mut self, random: &mut Random, from: usize) {
        let limit = random.below(6);
        // One more that is not there is no harm.
        let most = self.most(from);
        let limit = if most < self.ends[from].into.len() {
            limit.min(most)
        } else {
            limit
        };
        let [west, east] = &mut self.ends;
        let (from, to) = if from == 0 {
            (west, east)
        } else {
            (east, west)
        };
        let forwarded = to.tx.forward(&mut from.rx, limit).unwrap();
        self.stops.push(forwarded.stopped);
        assert!(forwarded.frames <= limit);
        match forwarded.stopped {
            Stopped::Limit => assert_eq!(forwarded.frames, limit),
            Stopped::Empty | Stopped::Full => assert!(forwarded.frames < limit),
        }
        for _ in 0..forwarded.frames {
            to.out.push_back(from.into.pop_front().unwrap());
        }
        if forwarded.stopped == Stopped::Full {
            assert_eq!(
                from.rx.peek().unwrap(),
                Some(from.into[0].len()),
                "the next frame stays"
            );
        }
    }

    fn receive(&mut self, at: usize) {
        let end = &mut self.ends[at];
        if let Some(bytes) = receive(&mut end.rx) {
            assert!(
                end.into.pop_front() == Some(bytes),
                "another frame than the next one"
            );
        }
    }

    fn flush(&mut self, at: usize) {
        let end = &mut self.ends[at];
        end.tx.flush().unwrap();
        while let Some(bytes) = end.far.receive().unwrap() {
            assert!(
                end.out.pop_front() == Some(bytes),
                "another frame than the next one"
            );
        }
        end.far.receive_sync().unwrap();
    }

    fn finish(mut self) {
        for _ in 0..100 {
            for at in [0, 1] {
                self.receive(at);
                self.flush(at);
            }
        }
        for end in &mut self.ends {
            assert!(end.into.is_empty() && end.out.is_empty(), "lost");
            while !end.taken.is_empty() {
                end.drop_one();
            }
            assert_eq!(end.near.attachment.spares.as_ref().unwrap().count(), EXTRA);
        }
        assert_eq!(
            self.look_for_buffers(),
            self.buffers,
            "the same buffers, elsewhere"
        );
        let lists = self.ends.each_ref().map(|end| List::of(&end.near));
        let before = self.look_for_buffers();
        let [west, east] = self.ends;
        drop((west.rx, west.tx, west.near, east.rx, east.tx, east.near));
        let freed = lists.iter().flat_map(List::walk).collect::<Vec<_>>();
        assert_eq!(freed.len(), 2 * EXTRA, "what the kernel frees");
        assert!(freed.iter().all(|buffer| before.contains(buffer)));
    }
}
