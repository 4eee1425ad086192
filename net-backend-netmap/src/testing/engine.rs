//! What a synchronisation does, by the kind of the ring.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use super::monitor;
use super::nic;
use super::pipe;
use super::port::Port;
use super::ready::Level;
use super::ring::{BUF_CHANGED, Ring, State};
use super::settings::Polling;
use super::vale;

/// What is behind a ring.
#[derive(Debug)]
pub(super) enum Engine {
    /// A VALE switch takes the frames.
    ValeTransmit(Weak<Port>),
    /// A VALE switch puts frames.
    ValeReceive,
    /// The other end of a pipe.
    Pipe(OnceLock<Weak<Ring>>),
    /// A wire takes the frames.
    NicTransmit(Weak<Port>),
    /// A wire puts frames.
    NicReceive,
    /// The host's network stack takes the frames.
    HostTransmit(Weak<Port>),
    /// The host's network stack puts frames.
    HostReceive(nic::HostQueue),
    /// Monitored rings put frames.
    Monitor(Arc<AtomicBool>),
    /// Takes everything.
    Sink,
    /// Always full of frames of that length.
    Source(u16),
    /// Nothing ever moves.
    Silent,
    /// There for compatibility only.
    Fake,
}

impl Ring {
    /// `NIOCTXSYNC` for one ring. What the frames went to is woken.
    pub(super) fn transmit_sync(&self) {
        let mut state = self.state.lock();
        if !self.begin_transmit(&mut state) {
            self.reinit(&mut state);
            return;
        }
        let is_monitored = self.is_monitored.load(Ordering::Acquire);
        let tail = state.hwtail;
        if is_monitored {
            monitor::transmitting(self, &state);
        }
        let wake = self.transmit(&mut state);
        if is_monitored {
            monitor::transmitted(self, &state, tail);
        }
        self.finish(&mut state);
        drop(state);
        if let Some(ring) = wake {
            ring.notify();
        }
    }

    /// What asking for the descriptor to wait on does, in place of the wait: `poll(2)`.
    pub(super) fn wait(&self) {
        if self.settings.polling == Polling::OnlyWakes {
            return;
        }
        let mut state = self.state.lock();
        let wake = self.poll(&mut state);
        drop(state);
        if let Some(ring) = wake {
            ring.notify();
        }
    }

    /// `NIOCRXSYNC` for one ring.
    pub(super) fn receive_sync(&self) {
        let mut state = self.state.lock();
        if !self.begin_receive(&mut state) {
            self.reinit(&mut state);
        }
        if let Engine::Monitor(is_orphan) = &self.engine {
            if is_orphan.load(Ordering::Acquire) {
                return;
            }
        }
        let wake = self.receive_monitored(&mut state);
        self.finish(&mut state);
        drop(state);
        if let Some(ring) = wake {
            ring.notify();
        }
    }

    /// Wakes those who wait; when waiting synchronises, they see what there is when they wake up.
    pub(super) fn notify(&self) {
        let mut state = self.state.lock();
        let mut wake = None;
        if self.settings.polling == Polling::Synchronises {
            wake = self.poll(&mut state);
        } else if self.is_monitored.load(Ordering::Acquire) && !self.monitors.read().is_empty() {
            // Monitors see what arrives without being synchronised (netmap_monitor_parent_notify).
            wake = self.receive_monitored(&mut state);
        }
        drop(state);
        self.wake();
        if let Some(ring) = wake {
            ring.notify();
        }
    }

    /// What a `poll(2)` of somebody who waits does: what is before `head` is released, and `tail` moves. Pointers that
    /// are not in order, as they are while the user program moves them, are left for later.
    pub(super) fn poll(&self, state: &mut State) -> Option<Arc<Ring>> {
        if !state.is_on || state.delay > 0 {
            return None;
        }
        let mut wake = None;
        if self.is_receive() && self.adopt(state) {
            wake = self.receive_monitored(state);
        } else {
            if !self.is_receive() {
                self.adopt_wish(state);
            }
            self.look(state);
        }
        self.finish(state);
        wake
    }

    /// The same before something is put into the ring, so that there is room: only where waiting synchronises.
    pub(super) fn poll_for_room(&self, state: &mut State) {
        if self.settings.polling == Polling::Synchronises {
            let _ourselves = self.poll(state);
        }
    }

    /// What a `poll(2)` would find.
    pub(super) fn level(&self) -> Level {
        let state = self.state.lock();
        let tail = match &self.engine {
            Engine::Pipe(_) => self.pipe_tail.load(Ordering::Acquire),
            Engine::NicReceive => state.arrived,
            Engine::NicTransmit(_) => self.previous(state.hwcur),
            Engine::HostReceive(queue) if !queue.is_empty() => return Level::Coming,
            _ => state.hwtail,
        };
        if state.rcur == tail {
            Level::Nothing
        } else if state.rcur == state.rtail {
            Level::Coming
        } else {
            Level::There
        }
    }

    fn transmit(&self, state: &mut State) -> Option<Arc<Ring>> {
        match &self.engine {
            Engine::ValeTransmit(port) => {
                if let Some(port) = port.upgrade() {
                    vale::transmit(self, state, &port);
                }
                self.take_all(state);
            }
            Engine::Pipe(peer) => return pipe::transmit(self, state, peer),
            Engine::NicTransmit(port) => {
                if let Some(port) = port.upgrade() {
                    nic::transmit(self, state, &port);
                }
            }
            Engine::HostTransmit(port) => {
                if let Some(port) = port.upgrade() {
                    nic::to_host(self, state, &port);
                }
                self.take_all(state);
            }
            Engine::Sink => self.take_all(state),
            _ => {}
        }
        None
    }

    fn receive_monitored(&self, state: &mut State) -> Option<Arc<Ring>> {
        let is_monitored = self.is_receive() && self.is_monitored.load(Ordering::Acquire);
        if is_monitored {
            monitor::releasing(self, state);
        }
        let wake = self.receive(state);
        if is_monitored {
            monitor::received(self, state);
        }
        wake
    }

    fn receive(&self, state: &mut State) -> Option<Arc<Ring>> {
        self.look(state);
        match &self.engine {
            Engine::ValeReceive => {
                let mut index = state.hwcur;
                while index != state.rhead && state.rhead < self.slots {
                    self.clear_changed(index);
                    index = self.next(index);
                }
                state.hwcur = state.rhead;
            }
            Engine::Pipe(peer) => return pipe::release(self, state, peer),
            Engine::NicReceive => nic::release(self, state),
            Engine::Source(_) => {
                state.hwcur = state.rhead;
                state.hwtail = self.previous(state.rhead);
            }
            Engine::Silent => {}
            _ => state.hwcur = state.rhead,
        }
        None
    }

    /// Lets a source begin full, with frames of the right length in all slots.
    pub(super) fn fill_source(&self, state: &mut State) {
        let Engine::Source(length) = self.engine else {
            return;
        };
        for index in 0..self.slots {
            let mut slot = self.slot(index);
            slot.length = length;
            self.set_slot(index, slot);
        }
        state.hwtail = self.previous(state.rhead);
    }

    /// Learns how far the other side is.
    fn look(&self, state: &mut State) {
        match &self.engine {
            Engine::Pipe(_) => state.hwtail = self.pipe_tail.load(Ordering::Acquire),
            Engine::NicReceive => {
                if state.delay == 0 {
                    state.hwtail = state.arrived;
                } else {
                    state.delay -= 1;
                }
            }
            Engine::HostReceive(queue) => nic::from_host(self, state, queue),
            _ => {}
        }
    }

    /// All frames are done, and all slots but one are free (`netmap_vale_vp_txsync`, `netmap_txsync_to_host`).
    fn take_all(&self, state: &mut State) {
        state.hwcur = state.rhead;
        state.hwtail = self.previous(state.rhead);
    }

    pub(super) fn clear_changed(&self, index: u32) {
        let mut slot = self.slot(index);
        if slot.flags & BUF_CHANGED != 0 {
            slot.flags &= !BUF_CHANGED;
            self.set_slot(index, slot);
        }
    }
}
