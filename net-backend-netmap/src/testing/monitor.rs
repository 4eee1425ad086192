//! Monitors (`netmap_monitor.c`): receive rings that are filled from the rings of another port, either with copies, or
//! with the buffers themselves once these are released.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::engine::Engine;
use super::port::{Port, Rings};
use super::register::Bound;
use super::ring::{BUF_CHANGED, Direction, Ring, State, TXMON};

/// What is particular to a monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    /// The port that is monitored.
    pub(super) parent: Arc<Port>,
    pub(super) sees_transmitted: bool,
    pub(super) sees_received: bool,
    /// Buffers are exchanged with the monitored port and not copied.
    pub(super) is_swapping: bool,
    /// The monitored port left netmap mode.
    pub(super) is_orphan: Arc<AtomicBool>,
}

impl Monitor {
    /// The pairs of a monitored ring and the ring that sees it: those with the same number.
    fn pairs(&self, bound: &Bound, parent: &Rings) -> Vec<(Arc<Ring>, Arc<Ring>)> {
        let shape = self.parent.shape();
        let mut pairs = Vec::new();
        for ring in &bound.receive {
            let wanted = [
                (Direction::Receive, self.sees_received),
                (Direction::Transmit, self.sees_transmitted),
            ];
            for (direction, _) in wanted.into_iter().filter(|(_, sees)| *sees) {
                let rings = parent.of(direction);
                // The first of the host's rings counts as one more.
                if ring.id <= shape.rings(direction) {
                    let of = rings.get(usize::from(ring.id));
                    pairs.extend(of.map(|of| (of.clone(), ring.clone())));
                }
            }
        }
        pairs
    }
}

/// Begins to monitor (`netmap_monitor_reg_common`).
pub(super) fn start(bound: &Bound, monitor: &Monitor) -> Result<(), Errno> {
    let rings = monitor.parent.rings().ok_or(Errno::NXIO)?;
    if monitor.is_orphan.load(Ordering::Acquire) {
        return Err(Errno::NXIO);
    }
    for (of, ring) in monitor.pairs(bound, &rings) {
        let mut state = of.state.lock();
        if !of.is_monitored.swap(true, Ordering::AcqRel) {
            state.monitored = state.hwtail;
        }
        if monitor.is_swapping {
            append(&of, &ring);
        } else {
            of.monitors.write().push(ring);
        }
    }
    Ok(())
}

/// Ends it.
pub(super) fn stop(bound: &Bound, monitor: &Monitor) {
    let Some(rings) = monitor.parent.rings() else {
        return;
    };
    if monitor.is_orphan.load(Ordering::Acquire) {
        return;
    }
    for (of, ring) in monitor.pairs(bound, &rings) {
        let _state = of.state.lock();
        of.monitors
            .write()
            .retain(|other| !Arc::ptr_eq(other, &ring));
        take_out(&of, &ring);
        let is_monitored = of.swapping.read().is_some() || !of.monitors.read().is_empty();
        of.is_monitored.store(is_monitored, Ordering::Release);
    }
}

/// Tells all monitors of a port that it left netmap mode (`netmap_monitor_stop`); how many there were.
pub(super) fn orphan(port: &Port) -> usize {
    let Some(rings) = port.rings() else {
        return 0;
    };
    let mut count = 0;
    for of in rings.all() {
        let _state = of.state.lock();
        let mut left = std::mem::take(&mut *of.monitors.write());
        let mut next = of.swapping.write().take();
        while let Some(ring) = next {
            next = ring.swapping.read().clone();
            left.push(ring);
        }
        of.is_monitored.store(false, Ordering::Release);
        for ring in left {
            ring.gone();
            if let Engine::Monitor(is_orphan) = &ring.engine {
                count += usize::from(!is_orphan.swap(true, Ordering::AcqRel));
            }
        }
    }
    count
}

/// Before a transmit ring is synchronised: copies of what is to be transmitted.
pub(super) fn transmitting(ring: &Ring, state: &State) {
    copy(ring, state.hwcur, state.rhead);
}

/// After it was: the buffers of slots that came back, `tail` being where the ring ended before.
pub(super) fn transmitted(ring: &Ring, state: &State, tail: u32) {
    swap(ring, ring.next(tail), ring.next(state.hwtail));
}

/// Before a receive ring is synchronised: the buffers of slots that are released.
pub(super) fn releasing(ring: &Ring, state: &State) {
    if state.rhead < ring.slots {
        swap(ring, state.hwcur, state.rhead);
    }
}

/// After it was, and whenever something arrives: copies of what is there.
pub(super) fn received(ring: &Ring, state: &mut State) {
    copy(ring, state.monitored, state.hwtail);
    state.monitored = state.hwtail;
}

/// The last frames, as many as each monitor has room for (`netmap_monitor_parent_sync`).
fn copy(of: &Ring, from: u32, to: u32) {
    for ring in of.monitors.read().iter() {
        let mut state = ring.state.lock();
        let Some((mut index, count)) = last(of, from, to, ring, &state) else {
            continue;
        };
        for _ in 0..count {
            let (source, mut slot) = (of.slot(index), ring.slot(state.hwtail));
            let size = ring.memory.buffer_size();
            let length = usize::from(source.length).min(size);
            let place = ring.memory.buffer(slot.buffer);
            let buffer = of.memory.buffer(source.buffer);
            ring.memory
                .region
                .copy(place, &of.memory.region, buffer, length);
            slot.length = u16::try_from(length).unwrap_or(0);
            slot.flags = mark(of, source.flags);
            ring.set_slot(state.hwtail, slot);
            index = of.next(index);
            state.hwtail = ring.next(state.hwtail);
        }
        drop(state);
        ring.notify();
    }
}

/// The same, with buffers changing places (`netmap_zmon_parent_sync`).
fn swap(of: &Ring, from: u32, to: u32) {
    let next = of.swapping.read().clone();
    let Some(ring) = next else {
        return;
    };
    let mut state = ring.state.lock();
    let Some((mut index, count)) = last(of, from, to, &ring, &state) else {
        return;
    };
    for _ in 0..count {
        let (mut theirs, mut ours) = (of.slot(index), ring.slot(state.hwtail));
        std::mem::swap(&mut theirs.buffer, &mut ours.buffer);
        std::mem::swap(&mut theirs.length, &mut ours.length);
        ours.flags = mark(of, theirs.flags);
        theirs.flags |= BUF_CHANGED;
        of.set_slot(index, theirs);
        ring.set_slot(state.hwtail, ours);
        index = of.next(index);
        state.hwtail = ring.next(state.hwtail);
    }
    drop(state);
    ring.notify();
}

/// Where to begin in the monitored ring, and how many slots fit the monitor's; `None` for none.
fn last(of: &Ring, from: u32, to: u32, ring: &Ring, state: &State) -> Option<(u32, u32)> {
    let fresh = of.distance(from, to);
    let room = ring.slots - 1 - ring.distance(state.hwcur, state.hwtail);
    let count = fresh.min(room);
    let begin = (from + fresh - count) % of.slots;
    (count > 0).then_some((begin, count))
}

fn mark(of: &Ring, flags: u16) -> u16 {
    match of.direction {
        Direction::Transmit => flags | TXMON,
        Direction::Receive => flags & !TXMON,
    }
}

/// A zero-copy monitor monitors the last one before it.
fn append(of: &Arc<Ring>, ring: &Arc<Ring>) {
    let mut last = of.clone();
    loop {
        let next = last.swapping.read().clone();
        match next {
            Some(next) if Arc::ptr_eq(&next, ring) => return,
            Some(next) => last = next,
            None => break,
        }
    }
    last.is_monitored.store(true, Ordering::Release);
    *last.swapping.write() = Some(ring.clone());
}

fn take_out(of: &Arc<Ring>, ring: &Arc<Ring>) {
    let mut last = of.clone();
    loop {
        let next = last.swapping.read().clone();
        match next {
            Some(next) if Arc::ptr_eq(&next, ring) => {
                *last.swapping.write() = ring.swapping.read().clone();
                return;
            }
            Some(next) => last = next,
            None => return,
        }
    }
}
