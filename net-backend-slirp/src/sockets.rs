//! libslirp's sockets: what libslirp wants to know of each, what the poller was told, and what is ready.
//!
//! libslirp tells anew after every turn what it wants of each socket. The poller remembers, so only differences cost a
//! system call, and only the sockets that are ready are looked at.

mod epoch;
mod socket;

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Instant;

pub(crate) use self::epoch::Epoch;
use self::socket::{Origin, Socket, presented};
use crate::flow::{Flow, FlowKey};
use crate::sys::{Events, Poller, Ready, sockets as system};

/// Descriptors that stay free for the rest of the process: libslirp ends the process when it finds none for a unix
/// socket, and a VMM without descriptors is not well off either.
const RESERVE: RawFd = 64;
/// Sockets of one network, whatever the process could have: each connection takes up to 256 KiB of memory.
const MOST: usize = 4096;
/// Descriptors that libslirp needs for a connection, at most: a command has a pair and a listener for a moment.
const NEEDED: usize = 4;
/// Sockets that are looked at before the poller is told about them.
const LOOKED_AT: usize = 4;

/// The sockets of one libslirp context.
pub(crate) struct Sockets {
    poller: Arc<Poller>,
    epoch: Arc<Epoch>,
    /// By descriptor number.
    sockets: Vec<Socket>,
    /// The same, what is seldom looked at: libslirp goes through all sockets in every turn.
    origins: Vec<Origin>,
    /// The current round of wants; a socket with another number in it is not wanted.
    round: u32,
    /// Those of which libslirp wants in this round what the poller was not told.
    unarmed: Vec<RawFd>,
    /// The current turn, and the last one in which libslirp was not shown a socket that was ready, because there was no
    /// room for what it has.
    turn: u64,
    deferred: u64,
    /// How many there are.
    open: usize,
    /// From this number on there are no new connections.
    bound: RawFd,
    /// A socket got a number at the bound, or there are as many as may be.
    is_full: bool,
    /// libslirp knows an IPv6 address of the guest.
    has_neighbour: bool,
    /// What guests' frames opened sockets for.
    flows: HashMap<FlowKey, RawFd>,
    /// The frame that is with libslirp opens this, if anything.
    pub(crate) arriving: Option<Flow>,
    /// It did.
    has_arrived: bool,
    /// Sockets that were seen for the first time, while somebody asks for them.
    fresh: Option<Vec<RawFd>>,
}

/// A connection that libslirp has a socket for.
pub(crate) struct OpenSocket {
    pub(crate) descriptor: RawFd,
    /// The guest's frame that opened it; `None` when the host did.
    pub(crate) flow: Option<Flow>,
    pub(crate) opened: Instant,
}

impl Sockets {
    pub(crate) fn new(poller: Arc<Poller>, epoch: Arc<Epoch>) -> Self {
        let limit = RawFd::try_from(system::descriptor_limit()).unwrap_or(RawFd::MAX);
        Self {
            poller,
            epoch,
            sockets: Vec::new(),
            origins: Vec::new(),
            round: 1,
            unarmed: Vec::new(),
            turn: 1,
            deferred: u64::MAX,
            open: 0,
            bound: limit - RESERVE.min(limit / 4),
            is_full: false,
            has_neighbour: false,
            flows: HashMap::new(),
            arriving: None,
            has_arrived: false,
            fresh: None,
        }
    }

    /// libslirp opened or accepted a socket.
    pub(crate) fn register(&mut self, descriptor: RawFd) {
        let flow = self.arriving;
        self.has_arrived = flow.is_some();
        // libslirp tells about sockets that it could not open, too.
        if self.begin(descriptor, flow) {
            self.flows.extend(flow.map(|flow| (flow.key(), descriptor)));
        }
        self.is_full |= descriptor >= self.bound || self.open >= MOST;
    }

    /// The frame is no longer with libslirp; whether it opened a socket.
    pub(crate) fn take_arrived(&mut self) -> bool {
        self.arriving = None;
        std::mem::take(&mut self.has_arrived)
    }

    /// libslirp closes a socket next.
    pub(crate) fn unregister(&mut self, descriptor: RawFd) {
        self.poller.remove(descriptor);
        if let Some(socket) = self.known(descriptor) {
            let was_open = std::mem::take(socket).is_open;
            self.open -= usize::from(was_open);
        }
        let origin = index(descriptor).and_then(|index| self.origins.get_mut(index));
        if let Some(flow) = origin.map(std::mem::take).and_then(|origin| origin.flow) {
            self.flows.remove(&flow.key());
        }
    }

    /// The socket of a port forwarding, which is no connection; a listener may have to wait when descriptors are short.
    pub(crate) fn set_forward(&mut self, descriptor: RawFd, is_listener: bool) {
        if let Some(socket) = self.known(descriptor) {
            socket.is_forward = true;
            socket.is_listener = is_listener;
        }
    }

    /// The socket of a forward to an IPv6 guest whose address libslirp has to find out. libslirp crashes on a datagram that
    /// comes before (4.7, 4.8): it waits in the socket.
    pub(crate) fn set_waiting(&mut self, descriptor: RawFd) {
        if let Some(socket) = self.known(descriptor) {
            socket.waits_for_neighbour = true;
            socket.round = 0;
        }
    }

    /// Whether such a socket may be waiting.
    pub(crate) fn waits_for_neighbour(&self) -> bool {
        !self.has_neighbour && self.sockets.iter().any(|socket| socket.waits_for_neighbour)
    }

    /// Whether libslirp knows an IPv6 address of the guest, which it never forgets.
    pub(crate) fn set_neighbour(&mut self, is_known: bool) {
        self.has_neighbour |= is_known;
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
        self.unarmed.clear();
        self.recount();
    }

    /// Tells the poller what is wanted; whether that is something new, so that something may be ready that was not.
    pub(crate) fn arm(&mut self) -> bool {
        let unarmed = std::mem::take(&mut self.unarmed);
        for descriptor in &unarmed {
            self.arm_one(*descriptor);
        }
        let is_changed = !unarmed.is_empty();
        self.unarmed = unarmed;
        self.unarmed.clear();
        is_changed
    }

    /// Looks whether something is ready of what the poller would have to be told; puts that into `ready`.
    pub(crate) fn find_ready(&mut self, ready: &mut Vec<Ready>) -> bool {
        ready.clear();
        // Those that had to wait for room are alone in the next turn, which is none for these.
        if self.unarmed.len() > LOOKED_AT || self.deferred == self.turn {
            return false;
        }
        for descriptor in &self.unarmed {
            let socket = index(*descriptor).and_then(|index| self.sockets.get(index));
            let wanted = socket.map_or(Events::empty(), |socket| socket.wanted);
            let events = system::ready_events(*descriptor, wanted);
            if !presented(events, wanted).is_empty() {
                ready.push(Ready {
                    descriptor: *descriptor,
                    events,
                });
            }
        }
        !ready.is_empty()
    }

    /// Whether new connections have to wait for descriptors.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// libslirp wants to know when one of `events` is there; returns the socket's index.
    pub(crate) fn want(&mut self, descriptor: RawFd, events: Events) -> i32 {
        let (round, is_full, has_neighbour) = (self.round, self.is_full, self.has_neighbour);
        let Some(socket) = self.known(descriptor).filter(|socket| socket.is_open) else {
            return self.want_new(descriptor, events);
        };
        let waits = socket.waits_for_neighbour && !has_neighbour;
        if waits || is_full && socket.is_listener {
            socket.round = 0;
            return descriptor;
        }
        socket.round = round;
        socket.wanted = events;
        if !socket.armed.contains(events) {
            self.unarmed.push(descriptor);
        }
        descriptor
    }

    /// A socket that libslirp did not tell about when it made it.
    fn want_new(&mut self, descriptor: RawFd, events: Events) -> i32 {
        if self.begin(descriptor, None) {
            self.want(descriptor, events)
        } else {
            -1
        }
    }

    /// Begins a turn with what the poller found, which was asked at `asked`: what it says about a number that became
    /// another socket's meanwhile is not about that one, which might block libslirp.
    pub(crate) fn begin_turn(&mut self, ready: &[Ready], asked: u64) {
        self.turn += 1;
        let mut accepts = false;
        for Ready { descriptor, events } in ready.iter().copied() {
            let round = self.round;
            let socket = self.known(descriptor);
            let Some(socket) = socket.filter(|socket| socket.born <= asked) else {
                continue;
            };
            let mut wanted = socket.wanted;
            if socket.round != round {
                wanted = Events::empty();
            }
            socket.ready = presented(events, wanted);
            // What is ready and not wanted would be reported for ever.
            let is_told = !socket.armed.is_empty() && socket.armed != wanted;
            let may_accept = socket.is_listener && !socket.ready.is_empty();
            if is_told && !(events - wanted).is_empty() {
                socket.armed = wanted;
                self.disarm(descriptor, wanted);
            }
            if may_accept {
                self.hold_back(descriptor, accepts);
                accepts = true;
            }
        }
    }

    /// A listener has a connection. Without descriptors libslirp must not try to accept it; and they are looked for once,
    /// so that the other listeners have to wait for the next turn.
    fn hold_back(&mut self, descriptor: RawFd, another_accepts: bool) {
        if !another_accepts {
            self.is_full = !self.has_descriptors();
        }
        let waits = another_accepts || self.is_full;
        if let Some(socket) = self.known(descriptor).filter(|_| waits) {
            socket.ready = Events::empty();
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

    /// The connections that are open.
    pub(crate) fn connections(&self) -> impl Iterator<Item = OpenSocket> + use<'_> {
        let all = self.sockets.iter().zip(&self.origins).zip(0..);
        all.filter_map(|((socket, origin), descriptor)| {
            Some(OpenSocket {
                descriptor,
                flow: origin.flow,
                opened: origin.opened.filter(|_| !socket.is_forward)?,
            })
        })
    }

    /// All that are open.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = RawFd> + use<'_> {
        let all = self.sockets.iter().zip(0..);
        all.filter_map(|(socket, descriptor)| socket.is_open.then_some(descriptor))
    }

    /// Looks whether there are descriptors again.
    fn recount(&mut self) {
        self.is_full = self.is_full && !self.has_descriptors();
    }

    /// Whether there may be another socket: the process has descriptors to spare, whoever has the others.
    fn has_descriptors(&self) -> bool {
        self.open < MOST && system::has_free_descriptors(NEEDED, self.bound)
    }

    /// A socket with a number that was free; `false` for what is no number of a descriptor.
    fn begin(&mut self, descriptor: RawFd, flow: Option<Flow>) -> bool {
        let Some(index) = index(descriptor) else {
            return false;
        };
        // The numbers come from the system, which bounds them.
        if index >= self.sockets.len() {
            self.sockets.resize(index + 1, Socket::default());
            self.origins.resize(index + 1, Origin::default());
        }
        if let Some(socket) = self.sockets.get_mut(index) {
            self.open += usize::from(!socket.is_open);
            *socket = Socket {
                is_open: true,
                born: self.epoch.begin(),
                ..Socket::default()
            };
        }
        if let Some(origin) = self.origins.get_mut(index) {
            let opened = Some(Instant::now());
            let before = std::mem::replace(origin, Origin { flow, opened });
            if let Some(key) = before.flow.map(|flow| flow.key()) {
                if self.flows.get(&key) == Some(&descriptor) {
                    self.flows.remove(&key);
                }
            }
        }
        if let Some(fresh) = &mut self.fresh {
            fresh.push(descriptor);
        }
        true
    }

    fn arm_one(&mut self, descriptor: RawFd) {
        let Self {
            poller, sockets, ..
        } = self;
        let Some(socket) = index(descriptor).and_then(|index| sockets.get_mut(index)) else {
            return;
        };
        let told = if socket.armed.is_empty() {
            poller.add(descriptor, socket.wanted)
        } else {
            poller.modify(descriptor, socket.wanted)
        };
        // A socket that cannot be watched stays unwatched; the next round tries again.
        socket.armed = told.map_or(Events::empty(), |()| socket.wanted);
    }

    fn disarm(&self, descriptor: RawFd, wanted: Events) {
        if wanted.is_empty() || self.poller.modify(descriptor, wanted).is_err() {
            self.poller.remove(descriptor);
        }
    }

    #[inline]
    fn known(&mut self, descriptor: RawFd) -> Option<&mut Socket> {
        self.sockets.get_mut(index(descriptor)?)
    }
}

#[inline]
fn index(descriptor: RawFd) -> Option<usize> {
    usize::try_from(descriptor).ok()
}

#[cfg(test)]
mod tests;
