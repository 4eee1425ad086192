//! Interfaces: NICs on a wire, with the host's network stack behind them.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use super::engine::Engine;
use super::parking::Lock;
use super::port::{Kind, Port};
use super::ring::{BUF_CHANGED, MOREFRAG, Ring, Slot, State};
use super::settings::Spread;
use super::wrap;

/// What is particular to an interface.
#[derive(Debug, Default)]
pub(super) struct Nic {
    /// The interface at the other end of the wire.
    pub(super) wire: OnceLock<Weak<Port>>,
    /// Frames that went to the host's network stack.
    pub(super) host: Lock<VecDeque<Vec<u8>>>,
    /// The ports of a switch that stand for it.
    pub(super) wraps: Lock<Vec<Arc<Port>>>,
}

impl Nic {
    pub(super) fn peer(&self) -> Option<Arc<Port>> {
        self.wire.get().and_then(Weak::upgrade)
    }
}

/// Frames of the host's network stack that wait for a synchronisation.
#[derive(Debug, Default)]
pub(super) struct HostQueue(Lock<VecDeque<Vec<u8>>>);

impl HostQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Queues a frame, when it will fit the ring (`netmap_transmit`).
    pub(super) fn push(&self, ring: &Ring, frame: &[u8]) -> bool {
        let state = ring.state.lock();
        let busy = ring.distance(state.hwcur, state.hwtail) as usize;
        drop(state);
        let mut queue = self.0.lock();
        let fits = frame.len() <= ring.memory.buffer_size();
        if !fits || busy + queue.len() >= ring.slots as usize - 1 {
            return false;
        }
        queue.push_back(frame.to_vec());
        true
    }
}

/// Puts frames on the wire. Slots come back some synchronisations later.
pub(super) fn transmit(ring: &Ring, state: &mut State, port: &Port) {
    let Kind::Nic(nic) = &port.kind else {
        return;
    };
    let peer = nic.peer();
    let mut frame = Vec::new();
    let mut woken: Vec<Arc<Ring>> = Vec::new();
    let mut index = state.hwcur;
    while index != state.rhead {
        let slot = ring.slot(index);
        if !append(ring, state, index, slot, &mut frame) {
            ring.reinit(state);
            return;
        }
        index = ring.next(index);
        if slot.flags & MOREFRAG != 0 {
            continue;
        }
        if let Some(ring) = peer.as_ref().and_then(|peer| arrive(peer, ring.id, &frame)) {
            if !woken.iter().any(|other| Arc::ptr_eq(other, &ring)) {
                woken.push(ring);
            }
        }
        frame.clear();
    }
    if state.hwcur != index {
        state.hwcur = index;
        state.in_flight.push_back(index);
    }
    complete(ring, state);
    for ring in woken {
        ring.notify();
    }
}

/// Gives back slots whose time has come.
fn complete(ring: &Ring, state: &mut State) {
    let delay = ring.settings.completion_delay as usize;
    // Each synchronisation counts, also one without frames.
    if state.in_flight.back() == Some(&state.hwcur) && state.in_flight.len() <= delay {
        state.in_flight.push_back(state.hwcur);
    }
    while state.in_flight.len() > delay {
        if let Some(done) = state.in_flight.pop_front() {
            state.hwtail = ring.previous(done);
        }
    }
    if state
        .in_flight
        .iter()
        .all(|&at| ring.previous(at) == state.hwtail)
    {
        state.in_flight.clear();
    }
}

/// Adds the bytes of one slot; `false` when it names no buffer. A NIC reads from the buffer that it mapped last: a new
/// one that was not announced stays unknown to it.
fn append(ring: &Ring, state: &mut State, index: u32, slot: Slot, frame: &mut Vec<u8>) -> bool {
    let memory = &ring.memory;
    if slot.buffer == 0 || slot.buffer >= memory.buffers.total {
        return false;
    }
    let Some(mapped) = state.mapped.get_mut(index as usize) else {
        return false;
    };
    if slot.flags & BUF_CHANGED != 0 {
        *mapped = slot.buffer;
        ring.clear_changed(index);
    }
    let length = usize::from(slot.length).min(memory.buffer_size());
    let start = frame.len();
    frame.resize(start + length, 0);
    if let Some(into) = frame.get_mut(start..) {
        memory.region.read(memory.buffer(*mapped), into);
    }
    true
}

/// Takes a frame from the wire, sent on the ring of the number `from`; the ring that it went to, which is not woken yet.
pub(super) fn arrive(port: &Arc<Port>, from: u16, frame: &[u8]) -> Option<Arc<Ring>> {
    if port.is_busy.load(Ordering::Acquire) && wrap::enter(port, false, frame) {
        return None;
    }
    let rings = port.rings()?;
    let count = usize::from(port.shape().receive_rings).max(1);
    let number = match port.settings.spread {
        Spread::ByFlow => hash(frame),
        Spread::BySender => usize::from(from),
    };
    let ring = rings.receive.get(number % count)?.clone();
    let mut state = ring.state.lock();
    if !state.is_on {
        return None;
    }
    ring.poll_for_room(&mut state);
    let size = ring.memory.buffer_size();
    let pieces = frame.len().div_ceil(size).max(1);
    let busy = ring.distance(state.hwcur, state.arrived) as usize;
    if busy + pieces >= ring.slots as usize {
        return None;
    }
    let mut chunks = frame.chunks(size).peekable();
    while let Some(chunk) = chunks.next() {
        let index = state.arrived;
        let mapped = state.mapped.get(index as usize).copied().unwrap_or(0);
        ring.memory.region.write(ring.memory.buffer(mapped), chunk);
        let mut slot = ring.slot(index);
        slot.length = u16::try_from(chunk.len()).unwrap_or(u16::MAX);
        slot.flags = if chunks.peek().is_some() { MOREFRAG } else { 0 };
        ring.set_slot(index, slot);
        state.arrived = ring.next(index);
    }
    if state.delay == 0 {
        state.delay = ring.settings.receive_delay;
    }
    drop(state);
    Some(ring)
}

/// Gives released slots back to the NIC, which maps buffers that were announced as new.
pub(super) fn release(ring: &Ring, state: &mut State) {
    let mut index = state.hwcur;
    while index != state.rhead {
        let slot = ring.slot(index);
        if slot.buffer == 0 || slot.buffer >= ring.memory.buffers.total {
            ring.reinit(state);
            return;
        }
        if slot.flags & BUF_CHANGED != 0 {
            if let Some(mapped) = state.mapped.get_mut(index as usize) {
                *mapped = slot.buffer;
            }
            ring.clear_changed(index);
        }
        index = ring.next(index);
    }
    state.hwcur = index;
}

/// Hands frames to the host's network stack (`netmap_txsync_to_host`); slots with bad lengths are skipped.
pub(super) fn to_host(ring: &Ring, state: &State, port: &Port) {
    let Kind::Nic(nic) = &port.kind else {
        return;
    };
    let mut index = state.hwcur;
    while index != state.rhead {
        let slot = ring.slot(index);
        let length = usize::from(slot.length);
        if (14..=ring.memory.buffer_size()).contains(&length) {
            let mut frame = vec![0; length];
            ring.memory
                .region
                .read(ring.memory.buffer(slot.buffer), &mut frame);
            nic.host.lock().push_back(frame);
        }
        index = ring.next(index);
    }
}

/// Queues a frame of the host's network stack on a host ring; `false` when it was not taken.
pub(super) fn host_send(port: &Port, ring: u16, frame: &[u8]) -> bool {
    if port.is_busy.load(Ordering::Acquire) && wrap::enter(port, true, frame) {
        return true;
    }
    let own = usize::from(port.shape().receive_rings);
    let rings = port.rings();
    let ring = rings.and_then(|rings| rings.receive.get(own + usize::from(ring)).cloned());
    let Some(ring) = ring.filter(|ring| ring.place().is_some()) else {
        return false;
    };
    let Engine::HostReceive(queue) = &ring.engine else {
        return false;
    };
    let is_taken = queue.push(&ring, frame);
    ring.notify();
    is_taken
}

/// Copies queued frames of the host's network stack into the ring (`netmap_rxsync_from_host`).
pub(super) fn from_host(ring: &Ring, state: &mut State, queue: &HostQueue) {
    let mut queue = queue.0.lock();
    let stop = ring.previous(state.hwcur);
    while state.hwtail != stop {
        let Some(frame) = queue.pop_front() else {
            return;
        };
        let mut slot = ring.slot(state.hwtail);
        ring.memory
            .region
            .write(ring.memory.buffer(slot.buffer), &frame);
        slot.length = u16::try_from(frame.len()).unwrap_or(u16::MAX);
        slot.flags = 0;
        ring.set_slot(state.hwtail, slot);
        state.hwtail = ring.next(state.hwtail);
    }
}

/// Spreads frames over rings by their addresses (FNV-1a over what identifies a flow).
fn hash(frame: &[u8]) -> usize {
    let mut hash = 0xcbf2_9ce4_u32;
    for &byte in frame.iter().take(38) {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    (hash >> 8) as usize
}
