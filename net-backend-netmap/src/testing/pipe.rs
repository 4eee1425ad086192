//! Pipes (`netmap_pipe.c`): two ends whose rings share their buffers, slot by slot.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};

use rustix::io::Errno;

use super::engine::Engine;
use super::parking::Lock;
use super::port::{Kind, Port};
use super::ring::{Direction, MOREFRAG, Ring, State};

/// One end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) id: String,
    pub(super) is_master: bool,
    pub(super) parent: Arc<Port>,
    pub(super) peer: Lock<Weak<Port>>,
    /// The peer is held, because nobody registered it yet (`peer_ref`).
    pub(super) held: Lock<Option<Arc<Port>>>,
}

/// A pipe that a port knows of.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) master: Weak<Port>,
    pub(super) slave: Weak<Port>,
}

/// Makes two ports the ends of a pipe.
pub(super) fn join(master: &Arc<Port>, slave: &Arc<Port>) {
    for (port, peer) in [(master, slave), (slave, master)] {
        if let Kind::Pipe(end) = &port.kind {
            *end.peer.lock() = Arc::downgrade(peer);
        }
    }
}

/// Makes the rings of both ends (`netmap_pipe_krings_create_both`).
pub(super) fn make_rings(port: &Arc<Port>, end: &End) {
    let Some(peer) = end.peer.lock().upgrade() else {
        return;
    };
    let engines = |_: Direction, _: u16, is_host: bool| {
        if is_host {
            Engine::Fake
        } else {
            Engine::Pipe(OnceLock::new())
        }
    };
    port.make_rings(&engines);
    peer.make_rings(&engines);
    let (Some(ours), Some(theirs)) = (port.rings(), peer.rings()) else {
        return;
    };
    // Buffers come with the rings of the end that is bound first; the other's share them.
    for ring in theirs.all() {
        ring.state.lock().is_fake = true;
    }
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        for (transmit, receive) in from.transmit.iter().zip(&to.receive) {
            if let (Engine::Pipe(there), Engine::Pipe(here)) = (&receive.engine, &transmit.engine) {
                let _again = here.set(Arc::downgrade(receive));
                let _again = there.set(Arc::downgrade(transmit));
            }
        }
    }
}

/// Lets the other end have rings too, with the same buffers (`netmap_pipe_reg_both`).
pub(super) fn share_rings(port: &Arc<Port>, end: &End) -> Result<(), Errno> {
    let (Some(peer), Some(rings)) = (end.peer.lock().upgrade(), port.rings()) else {
        return Ok(());
    };
    let mut fresh = Vec::new();
    for ring in rings.all() {
        let Some(other) = peer_of(ring) else {
            continue;
        };
        let mut state = ring.state.lock();
        if state.users > 0 {
            if !state.is_kept {
                fresh.push((ring.clone(), other.clone()));
            }
            state.is_kept = true;
            drop(state);
            other.state.lock().is_kept = true;
        }
    }
    peer.create_rings()?;
    for (ring, other) in fresh {
        for index in 0..ring.slots {
            other.set_slot(index, ring.slot(index));
        }
    }
    Ok(())
}

/// Frees the rings of both ends (`netmap_pipe_krings_delete_both`). What the kernel owns on one side is the user
/// program's on the other, so that each buffer is freed once.
pub(super) fn delete_rings(port: &Arc<Port>, end: &End) {
    let Some(peer) = end.peer.lock().upgrade() else {
        return;
    };
    for port in [port, &peer] {
        for ring in port.rings().iter().flat_map(|rings| rings.transmit.iter()) {
            free(ring);
        }
    }
    for port in [port, &peer] {
        port.delete_rings();
        *port.rings.write() = None;
    }
}

/// Each buffer of a pair of rings is where the user programs see it.
fn free(ring: &Ring) {
    let Some(peer) = peer_of(ring) else {
        return;
    };
    let buffers = &ring.memory.buffers;
    let (mut mine, mut theirs) = (ring.state.lock(), peer.state.lock());
    let (first, last) = (theirs.hwcur, peer.pipe_tail.load(Ordering::Acquire));
    for index in 0..ring.slots {
        let is_theirs = peer.distance(first, index) < peer.distance(first, last);
        let slot = if is_theirs {
            peer.slot(index)
        } else {
            ring.slot(index)
        };
        if ring.place().is_some() {
            buffers.give(slot.buffer);
        }
    }
    mine.is_kept = false;
    mine.is_fake = true;
    theirs.is_kept = false;
    theirs.is_fake = true;
}

fn peer_of(ring: &Ring) -> Option<Arc<Ring>> {
    match &ring.engine {
        Engine::Pipe(peer) => peer.get().and_then(Weak::upgrade),
        _ => None,
    }
}

/// Copies released slots to the other end; only whole frames are published (`netmap_pipe_txsync`).
pub(super) fn transmit(
    ring: &Ring,
    state: &mut State,
    peer: &OnceLock<Weak<Ring>>,
) -> Option<Arc<Ring>> {
    let peer = peer.get().and_then(Weak::upgrade)?;
    peer.poll_for_room(&mut peer.state.lock());
    state.hwtail = ring.pipe_tail.load(Ordering::Acquire);
    let mut index = state.hwcur;
    let mut whole = None;
    while index != state.rhead {
        let slot = ring.slot(index);
        peer.set_slot(index, slot);
        ring.clear_changed(index);
        index = ring.next(index);
        if slot.flags & MOREFRAG == 0 {
            whole = Some(index);
        }
    }
    state.hwcur = index;
    peer.pipe_tail.store(whole?, Ordering::Release);
    Some(peer)
}

/// Copies released slots back, with whatever buffers are in them (`netmap_pipe_rxsync`).
pub(super) fn release(
    ring: &Ring,
    state: &mut State,
    peer: &OnceLock<Weak<Ring>>,
) -> Option<Arc<Ring>> {
    let peer = peer.get().and_then(Weak::upgrade)?;
    if state.hwcur == state.rhead {
        return None;
    }
    let mut index = state.hwcur;
    while index != state.rhead {
        peer.set_slot(index, ring.slot(index));
        ring.clear_changed(index);
        index = ring.next(index);
    }
    state.hwcur = index;
    let last = ring.previous(index);
    peer.pipe_tail.store(last, Ordering::Release);
    Some(peer)
}
