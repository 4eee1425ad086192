//! VALE switches (`netmap_vale.c`, `netmap_bdg.c`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::offload;
use super::parking::{Lock, Shared};
use super::port::{Kind, Port};
use super::ring::{BUF_CHANGED, MOREFRAG, Ring, Slot, State};
use crate::sys::Region;

/// Places for ports (`NM_BDG_MAXPORTS`).
pub(super) const PLACES: usize = 254;

/// Slots that are switched at a time (`NM_BDG_BATCH`).
const BATCH: usize = 1024;

/// A switch.
#[derive(Debug)]
pub(super) struct Switch {
    /// With the `vale` in front.
    pub(super) name: String,
    /// Its number in lists.
    pub(super) number: u16,
    pub(super) members: Shared<Members>,
    /// Behind which port an address is. Never forgotten, not even with the port.
    table: Lock<HashMap<[u8; 6], usize>>,
    /// Frames that found a full ring.
    pub(super) lost: AtomicU64,
}

/// The ports of a switch.
#[derive(Debug)]
pub(super) struct Members {
    ports: HashMap<usize, Arc<Port>>,
    /// All places, those in use first (`bdg_port_index`).
    order: Vec<usize>,
    active: usize,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.active
    }

    pub(super) fn at(&self, index: usize) -> Option<&Arc<Port>> {
        self.ports.get(&index)
    }

    /// The ports, with their places, in the order in which the kernel goes through them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Arc<Port>)> {
        let active = self.order.iter().take(self.active);
        active.filter_map(|&index| Some((index, self.ports.get(&index)?)))
    }

    /// Puts a port at the next free place.
    pub(super) fn add(&mut self, port: &Arc<Port>) -> Option<usize> {
        let index = *self.order.get(self.active)?;
        self.ports.insert(index, port.clone());
        self.active += 1;
        Some(index)
    }

    /// Takes it away; the last of the places in use goes where it was (`netmap_bdg_detach_common`).
    pub(super) fn remove(&mut self, index: usize) {
        let Some(position) = self.order.iter().position(|&other| other == index) else {
            return;
        };
        if position < self.active && self.ports.remove(&index).is_some() {
            self.active -= 1;
            self.order.swap(position, self.active);
        }
    }
}

impl Switch {
    pub(super) fn new(name: &str, number: u16) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            number,
            members: Shared::new(Members {
                ports: HashMap::new(),
                order: (0..PLACES).collect(),
                active: 0,
            }),
            table: Lock::default(),
            lost: AtomicU64::new(0),
        })
    }

    /// Learns where the frame comes from, and finds out where it goes (`netmap_vale_learning`).
    fn look_up(
        table: &mut HashMap<[u8; 6], usize>,
        source: &Source<'_>,
        frame: &[Piece],
    ) -> Option<Target> {
        let header = source.header;
        let first = frame.first()?;
        // The Ethernet header is behind the virtio-net header, or begins the second slot.
        let (at, length) = match first.length.checked_sub(header)? {
            0 => frame.get(1).map(|second| (second.at, second.length))?,
            rest => (first.at + header, rest),
        };
        if length < 14 {
            return None;
        }
        let mut addresses = [0; 12];
        source.region.read(at, &mut addresses);
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = addresses;
        let word = u64::from_be_bytes([0, 0, s0, s1, s2, s3, s4, s5]);
        let last = source.port.last_source.load(Ordering::Relaxed);
        if s0 & 1 == 0 && last != word {
            source.port.last_source.store(word, Ordering::Relaxed);
            table.insert([s0, s1, s2, s3, s4, s5], source.index);
        }
        let known = table.get(&[d0, d1, d2, d3, d4, d5]);
        match known.filter(|_| d0 & 1 == 0) {
            Some(&port) if port == source.index => None,
            Some(&port) => Some(Target::Port(port)),
            None => Some(Target::All),
        }
    }
}

/// One slot's worth of a frame, in the sender's memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) is_more: bool,
}

/// Where frames come from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) port: &'a Port,
    pub(super) index: usize,
    pub(super) ring: usize,
    pub(super) region: &'a Region,
    pub(super) header: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Port(usize),
    All,
}

/// Hands what was released to the switch (`nm_vale_preflush`).
pub(super) fn transmit(ring: &Ring, state: &State, port: &Port) {
    let place = port.place.read();
    let Some(place) = place.as_ref() else {
        return;
    };
    let memory = &ring.memory;
    let source = Source {
        port,
        index: place.index,
        ring: usize::from(ring.id),
        region: &memory.region,
        header: port.header.load(Ordering::Relaxed) as usize,
    };
    let mut pieces = Vec::with_capacity(ring.distance(state.hwcur, state.rhead) as usize);
    let mut index = state.hwcur;
    while index != state.rhead {
        let slot = ring.slot(index);
        ring.clear_changed(index);
        pieces.push(piece(ring, slot));
        index = ring.next(index);
        if pieces.len() >= BATCH && slot.flags & MOREFRAG == 0 {
            forward(&place.switch, &source, &pieces);
            pieces.clear();
        }
    }
    if let Some(last) = pieces.last_mut() {
        // The rest of a frame that was not written is never waited for.
        last.is_more = false;
        forward(&place.switch, &source, &pieces);
    }
}

/// A slot that is longer than a buffer counts as empty.
fn piece(ring: &Ring, slot: Slot) -> Piece {
    let length = usize::from(slot.length);
    let is_more = slot.flags & MOREFRAG != 0;
    if length > ring.memory.buffer_size() {
        return Piece {
            at: ring.memory.buffer(0),
            length: 0,
            is_more,
        };
    }
    Piece {
        at: ring.memory.buffer(slot.buffer),
        length,
        is_more,
    }
}

/// Switches a batch (`nm_vale_flush`).
pub(super) fn forward(switch: &Switch, source: &Source<'_>, pieces: &[Piece]) {
    let members = switch.members.read();
    let frames: Vec<_> = pieces.split_inclusive(|piece| !piece.is_more).collect();
    let mut table = switch.table.lock();
    let targets: Vec<_> = frames
        .iter()
        .map(|frame| Switch::look_up(&mut table, source, frame))
        .collect();
    drop(table);
    // Unicast goes to the ring with the sender's number, everything else to ring 0.
    let mut ports = Vec::new();
    for target in targets.iter().flatten() {
        if let Target::Port(index) = *target {
            if !ports.contains(&(index, source.ring)) {
                ports.push((index, source.ring));
            }
        }
    }
    if targets.contains(&Some(Target::All)) {
        for (index, _) in members.iter() {
            if index != source.index && !ports.contains(&(index, 0)) {
                ports.push((index, 0));
            }
        }
    }
    for (index, ring) in ports {
        let Some(port) = members.at(index) else {
            continue;
        };
        let wanted = |target: &Option<Target>| match target {
            Some(Target::Port(other)) => *other == index && ring == source.ring,
            // A ring that is in the list for unicast gets what goes to all too, even where ring 0 has it as well.
            Some(Target::All) => true,
            None => false,
        };
        let chosen = frames.iter().zip(&targets);
        let chosen: Vec<&[Piece]> = chosen
            .filter(|(_, target)| wanted(target))
            .map(|(frame, _)| *frame)
            .collect();
        deliver(switch, source, port, ring, &chosen);
    }
}

/// Copies frames into a receive ring, as far as there is room. What does not fit is lost.
fn deliver(
    switch: &Switch,
    source: &Source<'_>,
    port: &Arc<Port>,
    ring: usize,
    frames: &[&[Piece]],
) {
    if let Kind::Wrap(wrap) = &port.kind {
        frames.iter().for_each(|frame| wrap.leave(source, frame));
        return;
    }
    if !port.is_on.load(Ordering::Acquire) || port.is_gone.load(Ordering::Acquire) {
        return;
    }
    let Some(rings) = port.rings() else {
        return;
    };
    let count = usize::from(port.shape().receive_rings).max(1);
    let Some(ring) = rings.receive.get(ring % count) else {
        return;
    };
    let mut state = ring.state.lock();
    if !state.is_on || ring.place().is_none() {
        return;
    }
    ring.poll_for_room(&mut state);
    let header = port.header.load(Ordering::Relaxed) as usize;
    let largest = port.largest.load(Ordering::Relaxed) as usize;
    let space = ring.slots - 1 - ring.distance(state.hwcur, state.hwtail);
    let mut room = needed(source, frames, header, largest).min(space as usize);
    let start = state.hwtail;
    let mut done = 0;
    for frame in frames {
        if frame.len() > room || room == 0 {
            break;
        }
        let used = if header == source.header {
            copy(ring, state.hwtail, source.region, frame);
            frame.len()
        } else {
            offload::adapt(ring, state.hwtail, source, frame, header, largest, room)
        };
        for _ in 0..used {
            state.hwtail = ring.next(state.hwtail);
        }
        room -= used;
        done += 1;
    }
    let lost = frames.len().saturating_sub(done);
    switch.lost.fetch_add(lost as u64, Ordering::Relaxed);
    let is_new = state.hwtail != start;
    drop(state);
    if is_new {
        ring.notify();
    }
}

/// Slots that frames take at most, the switch reckons; where super-frames may be cut, as if all were.
fn needed(source: &Source<'_>, frames: &[&[Piece]], header: usize, largest: usize) -> usize {
    let slots = frames.iter().map(|frame| frame.len()).sum();
    let theirs = source.port.largest.load(Ordering::Relaxed) as usize;
    if header == source.header || largest >= theirs {
        return slots;
    }
    slots * theirs / (largest - offload::LONGEST_HEADERS) + 1
}

fn copy(ring: &Ring, mut index: u32, from: &Region, frame: &[Piece]) {
    let memory = &ring.memory;
    let count = u16::try_from(frame.len()).unwrap_or(u16::MAX) << 8;
    for piece in frame {
        let mut slot = ring.slot(index);
        let to = memory.buffer(slot.buffer);
        let fits = piece.length <= memory.buffer_size();
        let length = if fits { piece.length } else { 0 };
        memory.region.copy(to, from, piece.at, length);
        slot.length = u16::try_from(length).unwrap_or(0);
        slot.flags = count | if piece.is_more { MOREFRAG } else { 0 };
        debug_assert_eq!(slot.flags & BUF_CHANGED, 0);
        ring.set_slot(index, slot);
        index = ring.next(index);
    }
}
