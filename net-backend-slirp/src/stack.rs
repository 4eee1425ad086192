//! A libslirp context and what surrounds it. Everything here runs under the lock of the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use net_backend_core::offload::Reassembler;

use crate::admission::Policy;
use crate::flow::Flow;
use crate::forwards::Forwards;
use crate::hooks::Hooks;
use crate::neighbours::Neighbours;
use crate::relay::Relay;
use crate::sockets::Epoch;
use crate::sys::{Instance, Poller, Ready};
use crate::transfers::Transfers;

/// What libslirp answers when it has no timer at all.
const IDLE_MILLISECONDS: u32 = 1000;
/// How often it is looked whether listeners may accept again that wait for descriptors.
const RETRY: Duration = Duration::from_millis(250);
/// Turns for one burst of the guest, at most.
const LOOKS: usize = 4;
/// How old libslirp's time may be when it opens a socket, which it closes some time after that: it looks at the clock
/// only in its turns, and an idle network has none.
const CLOCK_LAG: Duration = Duration::from_secs(1);

/// One NIC's user-mode network.
pub(crate) struct Stack {
    pub(crate) instance: Instance<Hooks>,
    pub(crate) forwards: Forwards,
    poller: Arc<Poller>,
    pub(crate) policy: Policy,
    pub(crate) reassembler: Reassembler,
    pub(crate) neighbours: Neighbours,
    /// What libslirp would leave open in the end; `None` where it does not.
    pub(crate) transfers: Option<Transfers>,
    /// When the poller's timer is due.
    deadline: Option<Instant>,
    /// libslirp was called since the last round of wants.
    is_stale: bool,
    /// For super-frames that are cut.
    pub(crate) scratch: Vec<u8>,
    /// For sockets that are ready.
    found: Vec<Ready>,
    /// libslirp learnt an address, for which frames may be waiting.
    pub(crate) is_resolved: bool,
    /// When libslirp last looked at the clock.
    clock_read: Instant,
}

impl Stack {
    pub(crate) fn new(
        instance: Instance<Hooks>,
        poller: Arc<Poller>,
        policy: Policy,
        transfers: Option<Transfers>,
    ) -> Self {
        Self {
            instance,
            forwards: Forwards::default(),
            poller,
            policy,
            reassembler: Reassembler::new(),
            neighbours: Neighbours::new(),
            transfers,
            deadline: None,
            is_stale: true,
            scratch: Vec::new(),
            found: Vec::new(),
            is_resolved: false,
            clock_read: Instant::now(),
        }
    }

    pub(crate) fn poller(&self) -> &Arc<Poller> {
        &self.poller
    }

    /// libslirp was called by somebody else.
    pub(crate) fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    pub(crate) fn hooks(&mut self) -> &mut Hooks {
        self.instance.host_mut()
    }

    /// Gives libslirp a frame, which may open a socket for a flow.
    pub(crate) fn input(&mut self, frame: &[u8], arriving: Option<Flow>) {
        if arriving.is_some() && self.clock_read.elapsed() > CLOCK_LAG {
            self.poll(true);
        }
        self.hooks().sockets.arriving = arriving;
        self.instance.input(frame);
        let opened = self.hooks().sockets.take_arrived();
        self.is_stale = true;
        if arriving.is_some_and(|flow| opened && self.forwards.servers.has(flow.remote)) {
            self.forwards.servers.complete();
            // libslirp connects to relays, and waits while too many connections do that nobody accepted.
            self.forwards.relays.iter_mut().for_each(Relay::accept);
        }
    }

    /// One turn of libslirp, with what the poller found when it was asked, and whether the deadline had passed.
    pub(crate) fn turn(&mut self, ready: &[Ready], asked: u64, is_due: bool) {
        for relay in &mut self.forwards.relays {
            relay.turn(ready);
        }
        self.hooks().sockets.begin_turn(ready, asked);
        if is_due {
            self.deadline = None;
            self.instance.run_timers(Instant::now());
        }
        self.poll(false);
    }

    /// The same while nothing may be read from sockets.
    pub(crate) fn turn_timers(&mut self) {
        self.deadline = None;
        self.instance.run_timers(Instant::now());
        self.poll(true);
    }

    /// Tells the poller what libslirp waits for; whether that is something new, so that something may be ready that was
    /// not.
    pub(crate) fn settle(&mut self) -> bool {
        self.ask() && self.hooks().sockets.arm()
    }

    /// The same after frames of the guest. What libslirp waits for because of them is often there already: the next
    /// data of a connection whose last data were acknowledged, a connection within the host. To look is
    /// cheaper than to tell the poller and to have the thread woken.
    pub(crate) fn settle_and_look(&mut self) {
        let mut found = std::mem::take(&mut self.found);
        for _ in 0..LOOKS {
            if !self.ask() {
                break;
            }
            let Hooks { sockets, output } = self.instance.host_mut();
            if output.producer.is_full() || !sockets.find_ready(&mut found) {
                sockets.arm();
                break;
            }
            sockets.begin_turn(&found, Epoch::NOW);
            self.poll(false);
        }
        self.found = found;
        self.settle();
    }

    /// Asks libslirp what it waits for; `false` when that is known.
    fn ask(&mut self) -> bool {
        if std::mem::take(&mut self.is_resolved) {
            self.poll(true);
            self.look_for_neighbour();
        }
        let is_stale = std::mem::take(&mut self.is_stale);
        if is_stale {
            self.hooks().sockets.begin_round();
            let timeout = self.instance.fill(u32::MAX);
            self.set_deadline(timeout);
        }
        is_stale
    }

    /// When the next timer is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Looks whether libslirp knows an IPv6 address of the guest, while a forward waits for that.
    pub(crate) fn look_for_neighbour(&mut self) {
        if self.hooks().sockets.waits_for_neighbour() {
            let table = self.instance.neighbor_info().unwrap_or_default();
            let is_known = table
                .lines()
                .any(|line| line.trim_start().starts_with("NDP "));
            self.hooks().sockets.set_neighbour(is_known);
        }
    }

    fn poll(&mut self, only_timers: bool) {
        self.instance.poll(only_timers);
        self.clock_read = Instant::now();
        self.is_stale = true;
    }

    /// Sets the timer to the earliest deadline. One that is set already and earlier stays: moving it costs more than
    /// a turn too many.
    fn set_deadline(&mut self, timeout: u32) {
        let now = Instant::now();
        let after = |milliseconds: u32| now + Duration::from_millis(milliseconds.into());
        let waits = self.hooks().sockets.is_full();
        let deadlines = [
            (timeout < IDLE_MILLISECONDS).then(|| after(timeout)),
            self.instance.next_timer(),
            waits.then(|| now + RETRY),
        ];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return;
        };
        if self.deadline.is_none_or(|set| set > next)
            && self.poller.set_deadline(Some(next)).is_ok()
        {
            self.deadline = Some(next);
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for frame in self.transfers.iter_mut().flat_map(Transfers::end) {
            self.instance.input(&frame);
        }
    }
}
