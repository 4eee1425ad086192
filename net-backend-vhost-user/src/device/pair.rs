//! One queue pair, on the thread that serves it.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use net_backend::{Features, Interest, QueuePair, Source};
use vhost_user_backend::{VringEpollHandler, VringT};
use vmm_sys_util::epoll::EventSet;
use vmm_sys_util::timerfd::TimerFd;

use super::{Control, Device, Listener, Memory, Threads, Vring};
use crate::queue::{End, Failure, Receive, Transmit, Turn};

/// Turns of each half before a thread looks at what else there is.
const ROUNDS: usize = 16;

/// What a pair is made of while it is active.
pub(super) struct Pair {
    /// Which one it is, and of which threads one serves it.
    place: (usize, Threads),
    receive: Receive,
    transmit: Transmit,
    /// For backends that cannot tell when there is room.
    retry: Option<TimerFd>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) receive: bool,
    pub(super) transmit: bool,
}

impl Pair {
    /// The one at `place`, of these halves, for a driver that negotiated `nic`, with frames of `longest` bytes at most.
    pub(super) fn new(
        place: (usize, Threads),
        queues: QueuePair,
        nic: Features,
        longest: usize,
    ) -> Self {
        Self {
            place,
            receive: Receive::new(queues.rx, nic.contains(Features::MRG_RXBUF), longest),
            transmit: Transmit::new(queues.tx),
            // Without one, a busy frame waits for the next kick.
            retry: TimerFd::new().ok(),
        }
    }

    /// Has the thread wait for what this needs, and look once: it may have been kicked when there was no pair yet, which another
    /// thread made.
    pub(super) fn begin(&mut self, poller: Option<&Poller>) {
        self.retry_after(Duration::ZERO);
        self.each(|descriptor, interest, event| {
            if let Some(poller) = poller {
                poller.add(descriptor, interest, event);
            }
        });
    }

    /// Has it wait for that no more.
    pub(super) fn end(self, poller: Option<&Poller>) {
        self.each(|descriptor, interest, event| {
            if let Some(poller) = poller {
                poller.remove(descriptor, interest, event);
            }
        });
    }

    fn each(&self, mut what: impl FnMut(RawFd, Interest, u16)) {
        let (index, threads) = self.place;
        let halves = [
            (self.receive.backend().source(), Listener::Receive(index)),
            (self.transmit.backend().source(), Listener::Transmit(index)),
        ];
        for (source, listener) in halves {
            let event = threads.number(listener);
            what(source.descriptor.as_raw_fd(), source.interest, event);
        }
        if let Some(timer) = &self.retry {
            let event = threads.number(Listener::Retry(index));
            what(timer.as_raw_fd(), Interest::Readable, event);
        }
    }

    /// Moves frames until there is nothing more to do; chains that were refused.
    ///
    /// # Errors
    ///
    /// When the backend is gone, or the rings are not in the guest's memory.
    pub(super) fn serve(
        &mut self,
        mut work: Work,
        vrings: &[Vring],
        memory: &Memory,
    ) -> Result<u64, Failure> {
        let mut refused = 0;
        let [receive, transmit, ..] = vrings else {
            return Ok(0);
        };
        for _ in 0..ROUNDS {
            if work.receive {
                let half = &mut self.receive;
                let turn = turn(receive, |queue| half.turn(queue, memory))?;
                work.receive = turn.end == End::More;
                refused += turn.refused as u64;
            }
            if work.transmit {
                let half = &mut self.transmit;
                let turn = turn(transmit, |queue| half.turn(queue, memory))?;
                work.transmit = turn.end == End::More;
                refused += turn.refused as u64;
                if let End::Busy(Some(after)) = turn.end {
                    self.retry_after(after);
                }
            }
            if !work.receive && !work.transmit {
                return Ok(refused);
            }
        }
        // Others want the locks too.
        self.retry_after(Duration::ZERO);
        Ok(refused)
    }

    fn retry_after(&mut self, after: Duration) {
        if let Some(timer) = &mut self.retry {
            // A timer that cannot be set is as good as none.
            let _unset = timer.reset(after.max(Duration::from_nanos(1)), None);
        }
    }
}

/// Takes a turn with a queue that the driver uses, and interrupts it if it wants that.
fn turn(
    vring: &Vring,
    take: impl FnOnce(&mut virtio_queue::Queue) -> Result<Turn, Failure>,
) -> Result<Turn, Failure> {
    use virtio_queue::QueueT;
    let mut state = vring.get_mut();
    if !state.is_enabled() || !state.get_queue().ready() {
        return Ok(Turn {
            frames: 0,
            refused: 0,
            interrupt: false,
            end: End::Idle,
        });
    }
    let turn = take(state.get_queue_mut())?;
    if turn.interrupt {
        // A frontend that closed it wants none.
        let _closed = state.signal_used_queue();
    }
    Ok(turn)
}

/// What a thread waits with.
pub(super) struct Poller(Arc<VringEpollHandler<Arc<Device>>>);

impl Poller {
    /// That of the thread that serves a pair, while there is a connection.
    pub(super) fn new(control: &Control, pair: usize) -> Option<Self> {
        let thread = pair.checked_rem(control.pollers.len())?;
        let poller = control.pollers.get(thread)?;
        poller.upgrade().map(Self)
    }

    /// Waits for a source.
    pub(super) fn watch(&self, source: Source<'_>, event: u16) {
        self.add(source.descriptor.as_raw_fd(), source.interest, event);
    }

    /// Waits for it no more.
    pub(super) fn forget(&self, source: Source<'_>, event: u16) {
        self.remove(source.descriptor.as_raw_fd(), source.interest, event);
    }

    fn add(&self, descriptor: RawFd, interest: Interest, event: u16) {
        // It fails for what it has already.
        let _there = self
            .0
            .register_listener(descriptor, edge(interest), event.into());
    }

    fn remove(&self, descriptor: RawFd, interest: Interest, event: u16) {
        // It fails for what it does not have.
        let _gone = self
            .0
            .unregister_listener(descriptor, edge(interest), event.into());
    }
}

/// Once for each frame that comes when there was none: a thread that has no buffers is not woken again and again.
fn edge(interest: Interest) -> EventSet {
    let set = match interest {
        Interest::Readable => EventSet::IN,
        Interest::Writable => EventSet::OUT,
    };
    set | EventSet::EDGE_TRIGGERED
}
