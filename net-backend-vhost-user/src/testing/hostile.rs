//! Guests that do anything: bytes say what, so that fuzz targets and property tests make them up. What has to hold all the
//! same is asserted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use net_backend::memory::{PairConfig, PairEnd, pair};
use net_backend::{
    Activation, Counters, Features, NetBackend, QueuePair, Received, RxQueue, RxSlice, Sent,
    Source, TxQueue, TxSlice,
};
use virtio_queue::{Queue, QueueT};

use super::guest::{BUFFER, Guest, RINGS};
use super::script::Script;
use super::{Descriptor, Driver};
use crate::queue::{Answer, BURST, Command, Failure, Receive, Request, Transmit, Turn};

/// Pieces that a backend is given at once, at most.
const MOST_PIECES: usize = 4096;

/// Steps of a script at most.
const STEPS: usize = 200;

/// A guest that does with its transmit queue and its receive queue what `script` says, and is then reset.
///
/// # Panics
///
/// If a turn does more than it may, writes where it may not or without marking it dirty, or if an honest driver cannot use
/// the device afterwards.
pub fn frames(script: &[u8]) {
    let mut script = Script::new(script);
    let mut nic = Nic::new(&mut script);
    let guest = Guest::new();
    let mut queues = [0, 1].map(|index| guest.queue(index, &mut script));
    for _ in 0..STEPS {
        let [tx, rx] = &mut queues;
        match script.byte() {
            0 => break,
            1..=40 => nic.transmit(tx, &guest),
            41..=80 => nic.receive(rx, &guest),
            81..=110 => nic.host_sends(script.length()),
            what => guest.act(what, &queues, &mut script),
        }
    }
    nic.is_as_good_as_new(&guest);
}

/// A guest that does with its control queue what `script` says, and is then reset.
///
/// # Panics
///
/// As [`frames`].
pub fn commands(script: &[u8]) {
    let mut script = Script::new(script);
    let guest = Guest::new();
    let mut queues = [guest.queue(0, &mut script)];
    for _ in 0..STEPS {
        match script.byte() {
            0 => break,
            1..=110 => {
                let [queue] = &mut queues;
                answer(&guest, queue);
            }
            what => guest.act(what, &queues, &mut script),
        }
    }
    let mut driver = Driver::new(guest.memory(), RINGS, 8);
    let mut queue = driver.queue(true);
    for pairs in 1..20_u8 {
        guest.write(BUFFER, &[4, 0, pairs, 0, 0xff]);
        let parts = [
            Descriptor::readable(BUFFER, 4),
            Descriptor::writable(BUFFER + 4, 1),
        ];
        let head = driver.offer(&parts);
        let request = Request::next(&queue, guest.memory()).expect("the rings are there");
        let request = request.expect("a command was offered");
        assert_eq!(request.command, Some(Command::Pairs(pairs.into())));
        let answered = request.answer(Answer::Done, &mut queue, guest.memory());
        answered.expect("the rings are there");
        assert_eq!(driver.take().map(Some), Some(head.map(|head| (head, 1))));
        assert_eq!(guest.read(BUFFER + 4, 1), [0]);
    }
}

/// Answers one command, if there is one.
fn answer(guest: &Guest, queue: &mut Queue) {
    let before = (queue.next_avail(), queue.next_used());
    let watched = guest.watch();
    let memory = guest.memory();
    if let Ok(Some(request)) = Request::next(queue, memory) {
        assert_eq!((queue.next_avail(), queue.next_used()), before);
        let answered = request.answer(Answer::Refused, queue, memory);
        let count = u16::from(answered.is_ok());
        let after = (before.0.wrapping_add(count), before.1.wrapping_add(count));
        assert_eq!((queue.next_avail(), queue.next_used()), after);
    }
    guest.check(&watched);
}

/// The device's part of a NIC, and the host behind it.
struct Nic {
    transmit: Transmit,
    receive: Receive,
    /// What the backend was asked to do since a turn began.
    calls: Arc<AtomicUsize>,
    host: QueuePair,
    header: usize,
    _ends: [PairEnd; 2],
}

impl Nic {
    fn new(script: &mut Script<'_>) -> Self {
        let what = script.byte();
        let mut features = Features::empty();
        features.set(Features::VERSION_1, what & 1 == 0);
        features.set(Features::MRG_RXBUF, what & 2 == 0);
        features.set(Features::OFFLOADS, what & 4 == 0);
        let with = Activation::negotiated(features, 1);
        let (mut near, mut far) = pair(&PairConfig::default()).expect("descriptors");
        let activate = |end: &mut PairEnd| end.activate(&with).ok()?.pop();
        let ends = activate(&mut near).zip(activate(&mut far));
        let (guest, host) = ends.expect("the ends have one queue each");
        let calls = Arc::new(AtomicUsize::new(0));
        let watched = Watched {
            inner: guest.tx,
            calls: Arc::clone(&calls),
        };
        let transmit = Transmit::new(Box::new(watched));
        let watched = Watched {
            inner: guest.rx,
            calls: Arc::clone(&calls),
        };
        let longest = if what & 8 == 0 { 65_562 } else { 1530 };
        let merges = features.contains(Features::MRG_RXBUF);
        Self {
            transmit,
            receive: Receive::new(Box::new(watched), merges, longest),
            calls,
            host,
            header: with.header.bytes(),
            _ends: [near, far],
        }
    }

    fn transmit(&mut self, queue: &mut Queue, guest: &Guest) {
        let half = &mut self.transmit;
        let turn = |queue: &mut Queue| half.turn(queue, guest.memory());
        let used = watch_turn(&self.calls, guest, queue, turn);
        assert!(used <= BURST, "{used} used");
    }

    fn receive(&mut self, queue: &mut Queue, guest: &Guest) {
        let half = &mut self.receive;
        let turn = |queue: &mut Queue| half.turn(queue, guest.memory());
        let used = watch_turn(&self.calls, guest, queue, turn);
        assert!(used <= BURST * usize::from(queue.size()), "{used} used");
    }

    fn host_sends(&mut self, length: u32) {
        let mut frame = vec![0; self.header];
        frame.resize(
            self.header + 14 + usize::try_from(length % 0x3000).unwrap_or(0),
            7,
        );
        // If there is no room for it, there are others.
        let _sent = self.host.tx.send(&[TxSlice::new(&frame)]);
    }

    /// What an honest driver sends and receives after a reset.
    fn is_as_good_as_new(&mut self, guest: &Guest) {
        let mut bytes = vec![0; 0x1_1000];
        let receives = |host: &mut QueuePair, bytes: &mut [u8]| {
            let received = host.rx.recv(&mut [RxSlice::new(bytes)]);
            received.expect("the guest is there").map(|it| it.length)
        };
        while receives(&mut self.host, &mut bytes).is_some() {}
        let mut driver = Driver::new(guest.memory(), RINGS, 8);
        let mut queue = driver.queue(true);
        let frame: Vec<u8> = (0..self.header + 60)
            .map(|at| if at < self.header { 0 } else { 0x5a })
            .collect();
        guest.write(BUFFER, &frame);
        let length = u32::try_from(frame.len()).unwrap_or(0);
        for _ in 0..20 {
            let head = driver.offer(&[Descriptor::readable(BUFFER, length)]);
            let turn = self.transmit.turn(&mut queue, guest.memory());
            assert_eq!(turn.expect("the rings are there").frames, 1);
            assert_eq!(driver.take().map(|it| it.0), head);
            assert_eq!(receives(&mut self.host, &mut bytes), Some(frame.len()));
            assert!(bytes.starts_with(&[0; 10]) && bytes[self.header..].starts_with(&[0x5a; 60]));
        }
        self.receives_in_order(guest, &frame);
    }

    /// What the host sent before, whole, and then a frame that is known.
    fn receives_in_order(&mut self, guest: &Guest, frame: &[u8]) {
        let mut driver = Driver::new(guest.memory(), RINGS, 8);
        let mut queue = driver.queue(true);
        let (mut is_sent, mut last) = (false, Vec::new());
        while !is_sent || last != frame[self.header..] {
            let offered = driver.offer(&[Descriptor::writable(BUFFER, 0x4000)]);
            let turn = self.receive.turn(&mut queue, guest.memory());
            match turn.expect("the rings are there").frames {
                0 => {
                    assert!(!is_sent, "the last frame did not come");
                    let sent = self.host.tx.send(&[TxSlice::new(frame)]);
                    is_sent = matches!(sent, Ok(Sent::Queued));
                    assert!(is_sent, "{sent:?}");
                    let turn = self.receive.turn(&mut queue, guest.memory());
                    assert_eq!(turn.expect("the rings are there").frames, 1);
                }
                frames => assert_eq!(frames, 1),
            }
            let (head, length) = driver.take().expect("a frame came");
            assert_eq!(Some(head), offered);
            let length = usize::try_from(length).unwrap_or(0);
            last = guest.read(BUFFER, length).split_off(self.header);
        }
    }
}

/// Takes a turn, and looks whether it did too much; how many elements it used.
fn watch_turn(
    calls: &AtomicUsize,
    guest: &Guest,
    queue: &mut Queue,
    take: impl FnOnce(&mut Queue) -> Result<Turn, Failure>,
) -> usize {
    let (available, used) = (queue.next_avail(), queue.next_used());
    let watched = guest.watch();
    calls.store(0, Ordering::Relaxed);
    match take(queue) {
        Ok(turn) => assert!(turn.frames + turn.refused <= BURST, "{turn:?}"),
        Err(failure) => assert!(matches!(failure, Failure::Ring(_)), "{failure}"),
    }
    guest.check(&watched);
    let calls = calls.load(Ordering::Relaxed);
    assert!(calls <= 2 * BURST + 1, "{calls} calls");
    let taken = queue.next_avail().wrapping_sub(available);
    let used = queue.next_used().wrapping_sub(used);
    assert_eq!(taken, used);
    used.into()
}

/// Half of a backend, that counts what it is asked.
struct Watched<T: ?Sized> {
    calls: Arc<AtomicUsize>,
    inner: Box<T>,
}

impl<T: ?Sized> Watched<T> {
    fn count(&self, pieces: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert!(pieces <= MOST_PIECES, "{pieces} pieces");
    }
}

impl TxQueue for Watched<dyn TxQueue> {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> net_backend::Result<Sent> {
        self.count(frame.len());
        self.inner.send(frame)
    }

    fn flush(&mut self) -> net_backend::Result<()> {
        self.count(0);
        self.inner.flush()
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}

impl RxQueue for Watched<dyn RxQueue> {
    fn peek(&mut self) -> net_backend::Result<Option<usize>> {
        self.count(0);
        self.inner.peek()
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> net_backend::Result<Option<Received>> {
        self.count(into.len());
        self.inner.recv(into)
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}
