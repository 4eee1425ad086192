//! libslirp's sockets: what libslirp wants to know of each, what the poller was told, and what is ready.
//!
//! libslirp tells anew after every turn what it wants of each socket. The poller remembers, so only differences cost a
//! system call, and only the sockets that are ready are looked at.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

use crate::flow::{Flow, FlowKey};
use crate::sys::{Events, Poller, Ready, sockets as system};

/// Descriptors that stay free for the rest of the process: libslirp ends the process when it finds none for a unix
/// socket, and a VMM without descriptors is not well off either.
const RESERVE: RawFd = 64;

/// The sockets of one libslirp context.
pub(crate) struct Sockets {
    poller: Arc<Poller>,
    /// By descriptor number.
    sockets: Vec<Socket>,
    /// The current round of wants; a socket with another number in it is not wanted.
    round: u32,
    /// Whether the poller was told something in this round.
    changed: bool,
    /// The current turn, and the last one in which libslirp was not shown a socket that was ready, because there was no
    /// room for what it has.
    turn: u64,
    deferred: u64,
    /// From this number on there are no new connections.
    bound: RawFd,
    /// A socket got a number at the bound.
    is_full: bool,
    /// What guests' frames opened sockets for.
    flows: HashMap<FlowKey, RawFd>,
    /// The frame that is with libslirp opens this, if anything.
    pub(crate) arriving: Option<Flow>,
    /// Sockets that were seen for the first time, while somebody asks for them.
    fresh: Option<Vec<RawFd>>,
}

#[derive(Clone, Copy, Default)]
struct Socket {
    round: u32,
    wanted: Events,
    /// What the poller was told: at least what is wanted, until it reports something else.
    armed: Events,
    ready: Events,
    is_listener: bool,
    /// The turn in which it was ready and there was no room.
    deferred: u64,
    flow: Option<Flow>,
    opened: Option<Instant>,
}

/// A connection that libslirp has a socket for.
pub(crate) struct OpenSocket {
    pub(crate) descriptor: RawFd,
    /// The guest's frame that opened it; `None` when the host did.
    pub(crate) flow: Option<Flow>,
    pub(crate) opened: Instant,
}

impl Sockets {
    pub(crate) fn new(poller: Arc<Poller>) -> Self {
        let limit = RawFd::try_from(system::descriptor_limit()).unwrap_or(RawFd::MAX);
        Self {
            poller,
            sockets: Vec::new(),
            round: 1,
            changed: false,
            turn: 1,
            deferred: u64::MAX,
            bound: limit - RESERVE.min(limit / 4),
            is_full: false,
            flows: HashMap::new(),
            arriving: None,
            fresh: None,
        }
    }

    /// libslirp opened or accepted a socket.
    pub(crate) fn register(&mut self, descriptor: RawFd) {
        let flow = self.arriving;
        let Some(socket) = self.at(descriptor) else {
            return;
        };
        *socket = Socket {
            flow,
            opened: Some(Instant::now()),
            ..Socket::default()
        };
        self.flows.extend(flow.map(|flow| (flow.key(), descriptor)));
        self.note_fresh(descriptor);
        self.is_full |= descriptor >= self.bound;
    }

    /// libslirp closes a socket next.
    pub(crate) fn unregister(&mut self, descriptor: RawFd) {
        self.poller.remove(descriptor);
        if let Some(socket) = self.at(descriptor) {
            let flow = socket.flow;
            *socket = Socket::default();
            if let Some(flow) = flow {
                self.flows.remove(&flow.key());
            }
        }
    }

    /// A listener of a port forwarding, which may have to wait when descriptors are short.
    pub(crate) fn set_listener(&mut self, descriptor: RawFd) {
        if let Some(socket) = self.at(descriptor) {
            socket.is_listener = true;
        }
    }

    /// From now on remembers sockets that are seen for the first time.
    pub(crate) fn watch_for_fresh(&mut self) {
        self.fresh = Some(Vec::new());
    }

    /// The last socket that was seen for the first time since; nobody watches any more.
    pub(crate) fn take_fresh(&mut self) -> Option<RawFd> {
        self.fresh.take()?.pop()
    }

    /// A new round of wants begins.
    pub(crate) fn begin_round(&mut self) {
        self.round = self.round.wrapping_add(1).max(1);
        self.changed = false;
        self.recount();
    }

    /// Whether the poller was told something in this round, so that something may be ready that was not.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// Whether new connections have to wait for descriptors.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// libslirp wants to know when one of `events` is there; returns the socket's index.
    pub(crate) fn want(&mut self, descriptor: RawFd, events: Events) -> i32 {
        let (round, is_full) = (self.round, self.is_full);
        let Some(socket) = self.at(descriptor) else {
            return -1;
        };
        let first = socket.opened.is_none();
        if first {
            socket.opened = Some(Instant::now());
        }
        if is_full && socket.is_listener {
            socket.round = 0;
            return descriptor;
        }
        socket.round = round;
        socket.wanted = events;
        if !socket.armed.contains(events) {
            let was_armed = !socket.armed.is_empty();
            socket.armed = events;
            self.arm(descriptor, events, was_armed);
        }
        if first {
            self.note_fresh(descriptor);
        }
        descriptor
    }

    /// Begins a turn with what the poller found.
    pub(crate) fn begin_turn(&mut self, ready: &[Ready]) {
        self.turn += 1;
        for Ready { descriptor, events } in ready.iter().copied() {
            let round = self.round;
            let Some(socket) = self.known(descriptor) else {
                continue;
            };
            let wanted = if socket.round == round {
                socket.wanted
            } else {
                Events::empty()
            };
            socket.ready = events & wanted;
            // What is ready and not wanted would be reported for ever.
            if socket.armed != wanted && !(events - wanted).is_empty() {
                socket.armed = wanted;
                self.disarm(descriptor, wanted);
            }
        }
    }

    /// What is ready of a socket, told once. Without room it is nothing, and in the next turn the sockets that had to
    /// wait are the only ones, so that those at the end of libslirp's list get their turn too.
    pub(crate) fn take_ready(&mut self, index: i32, has_room: bool) -> Events {
        let turn = self.turn;
        let others_wait = self.deferred == turn - 1;
        let Some(socket) = self.known(index) else {
            return Events::empty();
        };
        let ready = std::mem::take(&mut socket.ready);
        let waited = others_wait && socket.deferred == turn - 1;
        if has_room && (waited || !others_wait) {
            return ready;
        }
        if !has_room && !ready.is_empty() {
            socket.deferred = turn;
            self.deferred = turn;
        }
        Events::empty()
    }

    /// Whether a frame that would open a socket may pass.
    pub(crate) fn admits(&mut self, flow: &Flow) -> bool {
        self.recount();
        !self.is_full || self.flows.contains_key(&flow.key())
    }

    /// The sockets that are open.
    pub(crate) fn open(&self) -> impl Iterator<Item = OpenSocket> + use<'_> {
        let all = self.sockets.iter().zip(0..);
        all.filter_map(|(socket, descriptor)| {
            Some(OpenSocket {
                descriptor,
                flow: socket.flow,
                opened: socket.opened.filter(|_| !socket.is_listener)?,
            })
        })
    }

    /// Looks whether there are descriptors again.
    fn recount(&mut self) {
        if self.is_full {
            let free = system::lowest_free_descriptor();
            self.is_full = free.is_none_or(|lowest| lowest >= self.bound);
        }
    }

    fn note_fresh(&mut self, descriptor: RawFd) {
        if let Some(fresh) = &mut self.fresh {
            fresh.push(descriptor);
        }
    }

    fn arm(&mut self, descriptor: RawFd, events: Events, was_armed: bool) {
        self.changed = true;
        let told = if was_armed {
            self.poller.modify(descriptor, events)
        } else {
            self.poller.add(descriptor, events)
        };
        // A socket that cannot be watched stays unwatched; the next round tries again.
        if told.is_err() {
            if let Some(socket) = self.at(descriptor) {
                socket.armed = Events::empty();
            }
        }
    }

    fn disarm(&self, descriptor: RawFd, wanted: Events) {
        if wanted.is_empty() || self.poller.modify(descriptor, wanted).is_err() {
            self.poller.remove(descriptor);
        }
    }

    fn known(&mut self, descriptor: RawFd) -> Option<&mut Socket> {
        self.sockets.get_mut(usize::try_from(descriptor).ok()?)
    }

    /// The socket's place, made if there is none. The numbers come from the system, which bounds them.
    fn at(&mut self, descriptor: RawFd) -> Option<&mut Socket> {
        let index = usize::try_from(descriptor).ok()?;
        if index >= self.sockets.len() {
            self.sockets.resize(index + 1, Socket::default());
        }
        self.sockets.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::*;

    struct World {
        sockets: Sockets,
        poller: Arc<Poller>,
    }

    impl World {
        fn new() -> Self {
            let poller = Arc::new(Poller::new().unwrap());
            let sockets = Sockets::new(Arc::clone(&poller));
            Self { sockets, poller }
        }

        /// What the poller finds now, and a turn begun with it.
        fn found(&mut self) -> usize {
            let mut ready = Vec::new();
            self.poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            self.sockets.begin_turn(&ready);
            ready.len()
        }
    }

    /// A socket with something to read.
    fn readable() -> (UnixStream, UnixStream) {
        let (mut far, near) = UnixStream::pair().unwrap();
        far.write_all(b"x").unwrap();
        (near, far)
    }

    #[test]
    fn what_is_wanted_and_ready_is_told_once() {
        let mut world = World::new();
        let (near, _far) = readable();
        let socket = near.as_raw_fd();
        world.sockets.register(socket);
        world.sockets.begin_round();
        let index = world.sockets.want(socket, Events::IN);
        assert!(world.sockets.is_changed());
        assert_eq!(world.found(), 1);
        assert_eq!(world.sockets.take_ready(index, true), Events::IN);
        assert_eq!(world.sockets.take_ready(index, true), Events::empty());
    }

    #[test]
    fn a_socket_that_is_wanted_no_more_is_found_once_and_then_left_alone() {
        let mut world = World::new();
        let (near, _far) = readable();
        let socket = near.as_raw_fd();
        world.sockets.begin_round();
        world.sockets.want(socket, Events::IN);
        world.sockets.begin_round();
        assert_eq!(world.found(), 1);
        assert_eq!(world.sockets.take_ready(socket, true), Events::empty());
        assert_eq!(world.found(), 0);
        world.sockets.begin_round();
        world.sockets.want(socket, Events::IN);
        assert!(world.sockets.is_changed());
        assert_eq!(world.found(), 1);
        assert_eq!(world.sockets.take_ready(socket, true), Events::IN);
    }

    #[test]
    fn the_same_want_costs_nothing() {
        let mut world = World::new();
        let (near, _far) = readable();
        for round in 0..3 {
            world.sockets.begin_round();
            world.sockets.want(near.as_raw_fd(), Events::IN);
            assert_eq!(world.sockets.is_changed(), round == 0);
        }
    }

    #[test]
    fn who_had_to_wait_for_room_is_alone_in_the_next_turn() {
        let mut world = World::new();
        let pairs: Vec<_> = (0..3).map(|_| readable()).collect();
        let sockets: Vec<RawFd> = pairs.iter().map(|(near, _)| near.as_raw_fd()).collect();
        let mut serve = |has_room: [bool; 3]| {
            world.sockets.begin_round();
            for socket in &sockets {
                world.sockets.want(*socket, Events::IN);
            }
            assert_eq!(world.found(), 3);
            let pairs = sockets.iter().zip(has_room);
            let served =
                pairs.map(|(socket, has_room)| world.sockets.take_ready(*socket, has_room));
            served.map(|ready| !ready.is_empty()).collect::<Vec<_>>()
        };
        assert_eq!(serve([true, false, false]), [true, false, false]);
        assert_eq!(serve([true, true, false]), [false, true, false]);
        assert_eq!(serve([true, true, true]), [false, false, true]);
        assert_eq!(serve([true, true, true]), [true, true, true]);
    }

    #[test]
    fn a_number_that_is_used_again_is_watched_again() {
        let mut world = World::new();
        let (near, far) = readable();
        let socket = near.as_raw_fd();
        world.sockets.register(socket);
        world.sockets.begin_round();
        world.sockets.want(socket, Events::IN);
        world.sockets.unregister(socket);
        drop((near, far));
        let (other, _far) = readable();
        if other.as_raw_fd() != socket {
            // Another thread was faster with the number.
            return;
        }
        world.sockets.begin_round();
        world.sockets.want(socket, Events::IN);
        assert_eq!(world.found(), 1);
        assert_eq!(world.sockets.take_ready(socket, true), Events::IN);
    }

    #[test]
    fn only_known_flows_pass_when_descriptors_are_short() {
        let mut world = World::new();
        let flow = |port: u16| Flow {
            transport: crate::forward::Transport::Udp,
            guest: ([10, 0, 2, 15], port).into(),
            remote: ([192, 0, 2, 1], 53).into(),
        };
        let (near, _far) = readable();
        assert!(world.sockets.admits(&flow(1)));
        world.sockets.bound = 0;
        world.sockets.arriving = Some(flow(1));
        world.sockets.register(near.as_raw_fd());
        assert!(world.sockets.is_full());
        assert!(world.sockets.admits(&flow(1)));
        assert!(!world.sockets.admits(&flow(2)));
        world.sockets.set_listener(near.as_raw_fd());
        world.sockets.begin_round();
        world.sockets.want(near.as_raw_fd(), Events::IN);
        assert_eq!(world.found(), 0, "a listener waits");
        world.sockets.bound = RawFd::MAX;
        assert!(world.sockets.admits(&flow(2)));
        world.sockets.begin_round();
        world.sockets.want(near.as_raw_fd(), Events::IN);
        assert_eq!(world.found(), 1, "the listener accepts again");
    }
}
