//! A port in random use.

use net_backend_core::{
    Activation, DropReason, HeaderLength, NetBackend, RxQueue, Sent, TxQueue, TxSlice,
};

use super::buffers::{self, List};
use super::random::Random;
use super::ways::{self, Way, in_pieces, into_pieces};
use super::{config, receive, with_header};
use crate::testing::{Direction, Far, Model, Polling, Settings};
use crate::{Netmap, ReceiveQueue, TakenFrame, TransmitQueue};

/// What is opened.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) near: String,
    pub(super) far: &'static str,
    /// Headers that it is used with.
    pub(super) headers: &'static [HeaderLength],
    pub(super) far_header: usize,
    /// A full path is busy, and nothing is lost.
    pub(super) fills: bool,
    pub(super) is_wire: bool,
    pub(super) slots: u32,
    pub(super) rings: u16,
}

impl Default for Kind {
    fn default() -> Self {
        Self {
            near: String::new(),
            far: "",
            headers: &HeaderLength::ALL,
            far_header: 0,
            fills: false,
            is_wire: false,
            slots: 0,
            rings: 1,
        }
    }
}

impl Kind {
    fn is_switch(&self) -> bool {
        !self.fills && !self.is_wire
    }

    /// With a header that only ports of switches have themselves.
    fn activation(&self, header: HeaderLength) -> Activation {
        match self.is_switch() {
            true => with_header(header),
            false => Activation {
                header,
                ..Activation::plain()
            },
        }
    }

    /// What a frame has in its ring.
    fn in_ring(&self, header: HeaderLength) -> HeaderLength {
        match self.is_switch() {
            true => header,
            false => HeaderLength::None,
        }
    }
}

/// One port, what is at its other end, and what is on the way between them.
pub(super) struct World {
    pub(super) kind: Kind,
    model: Model,
    far: Far,
    near: Netmap,
    queues: Vec<(ReceiveQueue, TransmitQueue)>,
    header: HeaderLength,
    out: Way,
    into: Way,
    /// What the queues were not asked to flush yet.
    unflushed: Vec<Vec<u32>>,
    taken: Vec<(TakenFrame, Vec<u8>)>,
    extra: usize,
    buffer: usize,
    buffers: Vec<u32>,
}

impl World {
    pub(super) fn new(random: &mut Random, kind: Kind, extra: usize) -> Self {
        let buffer_size = random.pick(&[256, 2048]);
        let model = Model::new(Settings {
            polling: random.pick(&[Polling::Synchronises, Polling::OnlyWakes]),
            buffer_size,
            ..Settings::default()
        });
        let model = model.unwrap();
        if kind.is_wire {
            model.wire(["em0", "em1"], kind.rings, kind.slots);
        }
        let mut near = config(&kind.near);
        near.extra_buffers = (extra > 0).then_some(extra as u32);
        let near = model.open(&near).unwrap();
        let far = model.port(kind.far).unwrap();
        if kind.far_header > 0 {
            far.set_header(kind.far, kind.far_header as u32).unwrap();
        }
        let spread = kind.is_wire && kind.rings > 1;
        let mut world = Self {
            queues: Vec::new(),
            header: HeaderLength::None,
            out: Way::new(spread),
            into: Way::new(spread),
            unflushed: Vec::new(),
            taken: Vec::new(),
            extra,
            buffer: buffer_size,
            buffers: Vec::new(),
            kind,
            model,
            far,
            near,
        };
        world.buffers = world.look_for_buffers();
        world.activate(random);
        world
    }

    /// Slots that a frame may take, and all on their way half of that ring, so that nothing finds a ring full.
    fn most_slots(&self) -> usize {
        match self.kind.fills {
            true => usize::MAX,
            false => self.kind.slots as usize / 4,
        }
    }

    /// All of the near end's, unless it is a pipe, whose ends share them.
    fn look_for_buffers(&self) -> Vec<u32> {
        if self.kind.fills {
            return Vec::new();
        }
        let name = self.kind.near.trim_start_matches("netmap:");
        let name = name.split('?').next().unwrap();
        let shape = (name, usize::from(self.kind.rings), self.kind.slots);
        let buffers = buffers::all(&self.model, &[shape], &[&self.near]);
        buffers::assert_distinct(&buffers);
        buffers
    }

    pub(super) fn activate(&mut self, random: &mut Random) {
        if random.one_in(2) {
            self.flush_all();
        }
        for unflushed in self.unflushed.drain(..) {
            self.out.forget(&unflushed);
        }
        self.queues.clear();
        let header = random.pick(self.kind.headers);
        let pairs = self.near.capabilities().max_queue_pairs;
        let with = Activation {
            queue_pairs: 1 + random.below(pairs.into()) as u16,
            ..self.kind.activation(header)
        };
        self.queues = self.near.queues(&with).unwrap();
        self.unflushed = vec![Vec::new(); self.queues.len()];
        if header != self.header && self.kind.is_switch() {
            // Whoever changes the header throws away what came before.
            self.into.clear();
        }
        self.header = header;
    }

    pub(super) fn step(&mut self, random: &mut Random) {
        let queue = random.below(self.queues.len());
        match random.below(12) {
            0..3 => self.send(random, queue),
            3 => self.flush(queue),
            4 => self.receive_far(),
            5..8 => self.send_far(random),
            8 => {
                let _waits = self.queues[queue].0.source();
            }
            9 => drop_one(random, &mut self.taken),
            10 => self.lend(random, queue),
            _ => drop(self.receive(random, queue)),
        }
    }

    /// Lengths that matter, and any.
    fn length(random: &mut Random) -> usize {
        match random.below(8) {
            0 => random.pick(&[14, 60, 127, 128, 129, 256, 1514, 1920, 2048, 2049]),
            1 => random.below(70_000),
            2..4 => 14 + random.below(9000),
            _ => 14 + random.below(1500),
        }
    }

    fn send(&mut self, random: &mut Random, queue: usize) {
        let length = Self::length(random);
        if length < 14 {
            return self.send_malformed(queue, length);
        }
        let longest = self.near.capabilities().max_frame.bytes();
        let slots = ways::slots(length, self.buffer);
        let is_lost = slots > self.most_slots()
            || slots + self.out.slots(self.buffer) > self.most_slots().saturating_mul(2) - 2;
        if is_lost && length <= longest {
            return;
        }
        let (number, payload) = self.out.make(queue, length);
        let mut bytes = vec![0; self.header.bytes()];
        bytes.extend(&payload);
        let tx = &mut self.queues[queue].1;
        let sent = in_pieces(random, &bytes, |pieces| tx.send(pieces).unwrap());
        match sent {
            Sent::Queued => {
                self.out.put(number, payload);
                self.unflushed[queue].push(number);
            }
            Sent::Dropped(DropReason::TooLong) => assert!(length > longest, "{length} dropped"),
            Sent::Busy { retry_after } => assert_eq!(retry_after, None),
            Sent::Dropped(reason) => panic!("{length} bytes dropped: {reason:?}"),
        }
    }

    /// Shorter than an Ethernet header.
    fn send_malformed(&mut self, queue: usize, length: usize) {
        let bytes = vec![0; self.header.bytes() + length];
        let sent = self.queues[queue].1.send(&[TxSlice::new(&bytes)]).unwrap();
        assert_eq!(sent, Sent::Dropped(DropReason::Malformed));
    }

    fn flush(&mut self, queue: usize) {
        self.queues[queue].1.flush().unwrap();
        self.unflushed[queue].clear();
    }

    fn flush_all(&mut self) {
        (0..self.queues.len()).for_each(|queue| self.flush(queue));
    }

    fn receive_far(&mut self) {
        while let Some(received) = self.far.receive_whole().unwrap() {
            let payload = &received.bytes[self.kind.far_header..];
            self.out.arrive(received.ring, payload, payload.len());
        }
        self.far.receive_sync().unwrap();
    }

    fn send_far(&mut self, random: &mut Random) {
        let length = Self::length(random).max(14);
        let slots = ways::slots(length, self.buffer);
        let longest = self.near.capabilities().max_frame.bytes();
        let is_lost = slots > self.most_slots()
            || slots + self.into.slots(self.buffer) > self.most_slots().saturating_mul(2) - 2;
        // The far end leaves no room for a longer header in its first buffer, which is lost then.
        let is_full = length + self.kind.far_header + 12 > self.buffer;
        let grows = is_full && self.header.bytes() > self.kind.far_header;
        if is_lost || grows || length > longest {
            return;
        }
        let ring = random.below(self.far.rings(Direction::Transmit) - 1);
        let (number, payload) = self.into.make(ring, length);
        let mut bytes = vec![0; self.kind.far_header];
        bytes.extend(&payload);
        if self.far.send_on(ring, &bytes).unwrap() {
            self.into.put(number, payload);
        }
    }

    /// Tells whether there was a frame.
    fn receive(&mut self, random: &mut Random, queue: usize) -> bool {
        let rx = &mut self.queues[queue].0;
        let announced = if random.one_in(2) {
            rx.peek().unwrap()
        } else {
            None
        };
        let room = match random.below(4) {
            0 => self.header.bytes() + 12 + random.below(3000),
            _ => 70_000,
        };
        let mut buffer = vec![0xaa; room + 8];
        let (inside, behind) = buffer.split_at_mut(room);
        let received = into_pieces(random, inside, |pieces| rx.recv(pieces).unwrap());
        assert_eq!(behind, [0xaa; 8], "bytes behind the buffer");
        let Some(received) = received else {
            assert_eq!(announced, None);
            return false;
        };
        assert!(announced.is_none_or(|length| length == received.length));
        assert_eq!(received.truncated, received.length > room);
        let untouched = &inside[received.length.min(room)..];
        let filler = vec![0xaa; untouched.len()];
        assert!(untouched == filler, "more bytes than the frame has");
        let inside = &inside[..received.length.min(room)];
        let payload = check_header(self.header, inside);
        let length = received.length - self.header.bytes();
        self.into.arrive(queue, payload, length);
        true
    }

    fn lend(&mut self, random: &mut Random, queue: usize) {
        let rx = &mut self.queues[queue].0;
        let Some(lent) = rx.lend().unwrap() else {
            return;
        };
        let bytes = lent.with_pieces(gathered);
        let mut copy = vec![0; lent.length()];
        assert_eq!(lent.copy_to(&mut copy), lent.length());
        assert!(copy == bytes, "two ways to read a frame");
        let payload = check_header(self.kind.in_ring(self.header), &bytes);
        match random.below(4) {
            0 => {
                let expected = self.into.expect(ways::number(payload));
                assert!(payload == expected, "a frame that was not released");
            }
            1 if self.extra > 0 => {
                if let Some(frame) = lent.take().unwrap() {
                    self.into.arrive(queue, payload, payload.len());
                    self.taken.push((frame, bytes));
                }
            }
            _ => {
                lent.release();
                self.into.arrive(queue, payload, payload.len());
            }
        }
    }

    pub(super) fn finish(mut self, random: &mut Random) {
        for _ in 0..20 {
            self.flush_all();
            self.receive_far();
            for queue in 0..self.queues.len() {
                while self.receive(random, queue) {}
            }
        }
        self.out.finish("sent");
        self.into.finish("received");
        for (rx, _) in &mut self.queues {
            assert_eq!(receive(rx), None);
        }
        self.taken.iter().for_each(check_taken);
        self.taken.clear();
        assert_eq!(
            self.look_for_buffers(),
            self.buffers,
            "buffers in rings and out of them"
        );
        let list = List::of(&self.near);
        let rest = self
            .near
            .attachment
            .spares
            .as_ref()
            .map_or(0, |it| it.count());
        assert_eq!(rest, self.extra);
        drop((self.queues, self.near));
        assert_eq!(list.walk().len(), self.extra, "what the kernel frees");
    }
}

/// What is behind the header, which says nothing but the number of buffers.
fn check_header(header: HeaderLength, bytes: &[u8]) -> &[u8] {
    let (header, payload) = bytes.split_at(header.bytes());
    let zeros = [0; 10];
    let expected: &[u8] = match header.len() {
        0 => &[],
        10 => &zeros,
        _ => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
    };
    assert_eq!(header, expected);
    payload
}

fn gathered(pieces: &[TxSlice<'_>]) -> Vec<u8> {
    let mut bytes = vec![0; net_backend_core::total_length(pieces)];
    assert_eq!(net_backend_core::gather(pieces, 0, &mut bytes), bytes.len());
    bytes
}

fn check_taken((frame, bytes): &(TakenFrame, Vec<u8>)) {
    let pieces: Vec<_> = frame.pieces().collect();
    assert!(
        gathered(&pieces) == *bytes,
        "a frame changed that was taken"
    );
    assert_eq!(frame.length(), bytes.len());
}

fn drop_one(random: &mut Random, taken: &mut Vec<(TakenFrame, Vec<u8>)>) {
    if !taken.is_empty() {
        check_taken(&taken.swap_remove(random.below(taken.len())));
    }
}
