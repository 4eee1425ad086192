use std::sync::Arc;
use std::time::Duration;

use net_backend_core::{
    BorrowedDescriptor, Counters, DropReason, HeaderLength, Interest, Received, Result, RxQueue,
    RxSlice, Source, scatter,
};

use crate::network::Network;
use crate::ring::Consumer;
use crate::sys::Ready;

/// Turns of libslirp without a frame for the guest, before the VMM has to ask again.
const TURNS: usize = 64;

/// The receive half: takes frames out of the ring. Without poll thread it runs libslirp when the ring is empty.
pub(crate) struct Receive {
    pub(crate) network: Arc<Network>,
    pub(crate) consumer: Consumer,
    pub(crate) header: HeaderLength,
    pub(crate) counters: Counters,
    /// What the poller finds, without poll thread.
    pub(crate) drives: Option<Vec<Ready>>,
    /// Held as long as the half lives.
    pub(crate) _active: Arc<()>,
}

impl Receive {
    /// Sees to it that the next frame is at hand, if there is one.
    fn next(&mut self) -> Result<bool> {
        if self.consumer.front().is_some() || self.consumer.refill() {
            return Ok(true);
        }
        for _ in 0..self.consumer.lost() {
            self.counters.count_drop(DropReason::NoRoom);
        }
        if self.drives.is_some() {
            return self.drive();
        }
        self.consumer.ring().readable().arm();
        if self.consumer.refill() {
            self.consumer.ring().readable().disarm();
            return Ok(true);
        }
        self.nothing()
    }

    /// Runs libslirp until there is a frame, or nothing to do.
    fn drive(&mut self) -> Result<bool> {
        // What is published from here on is found without a bell.
        self.consumer.ring().readable().disarm();
        let mut turns = 0;
        while turns < TURNS && self.turn()? {
            if self.consumer.refill() {
                return Ok(true);
            }
            turns += 1;
        }
        self.consumer.ring().readable().arm();
        if turns == TURNS {
            // There is more to do, but the VMM has other things to do too: it is called again.
            self.consumer.ring().readable().notify();
            return self.nothing();
        }
        if self.consumer.refill() {
            self.consumer.ring().readable().disarm();
            return Ok(true);
        }
        self.nothing()
    }

    /// One turn; whether another may find more.
    fn turn(&mut self) -> Result<bool> {
        let Self {
            network, drives, ..
        } = self;
        let Some(ready) = drives else {
            return Ok(false);
        };
        let asked = network.epoch.current();
        let is_due = match network.poller.wait(ready, Some(Duration::ZERO)) {
            Ok(is_due) => is_due,
            Err(_) => {
                network.set_gone();
                return Err(network.gone());
            }
        };
        let bell = network.ring.readable().bell().descriptor();
        ready.retain(|one| one.descriptor != number(bell));
        network.lock()?.with(|stack| {
            let has_work = is_due || !ready.is_empty();
            if has_work {
                stack.turn(ready, asked, is_due);
            }
            let is_changed = stack.settle();
            has_work || is_changed
        })
    }

    fn nothing(&self) -> Result<bool> {
        if self.network.is_gone() {
            return Err(self.network.gone());
        }
        Ok(false)
    }
}

impl RxQueue for Receive {
    fn peek(&mut self) -> Result<Option<usize>> {
        if !self.next()? {
            return Ok(None);
        }
        let header = self.header.bytes();
        let front = self.consumer.front();
        Ok(front.map(|frame| header + frame.bytes.len()))
    }

    fn recv(&mut self, into: &mut [RxSlice<'_>]) -> Result<Option<Received>> {
        if !self.next()? {
            return Ok(None);
        }
        let header = self.header.bytes();
        let Some(frame) = self.consumer.front() else {
            return Ok(None);
        };
        let wire = frame.header.encode();
        let mut stored = scatter(wire.get(..header).unwrap_or_default(), into, 0);
        stored += scatter(&frame.bytes, into, header);
        let length = header + frame.bytes.len();
        self.consumer.pop();
        Ok(Some(self.counters.count_received(Received {
            length,
            truncated: stored < length,
        })))
    }

    fn source(&self) -> Source<'_> {
        let descriptor = match self.drives {
            Some(_) => self.network.poller.descriptor(),
            None => self.network.ring.readable().bell().descriptor(),
        };
        Source {
            descriptor,
            interest: Interest::Readable,
        }
    }

    fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

fn number(descriptor: BorrowedDescriptor<'_>) -> i32 {
    use std::os::fd::AsRawFd;
    descriptor.as_raw_fd()
}
