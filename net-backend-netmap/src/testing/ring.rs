//! A ring as the kernel keeps it (`struct netmap_kring`), and its face in the mapped memory (`struct netmap_ring`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use super::engine::Engine;
use super::memory::{Memory, RING_BYTES, SLOT_BYTES};
use super::parking::{Lock, Shared};
use super::ready::Readiness;
use super::settings::Settings;

// struct netmap_ring
const BUFFERS_OFFSET: usize = 0;
const SLOTS: usize = 8;
const BUFFER_SIZE: usize = 12;
const RING_ID: usize = 16;
const DIRECTION: usize = 18;
pub(super) const HEAD: usize = 20;
pub(super) const CUR: usize = 24;
pub(super) const TAIL: usize = 28;

/// `NS_BUF_CHANGED`.
pub(super) const BUF_CHANGED: u16 = 0x1;
/// `NS_MOREFRAG`.
pub(super) const MOREFRAG: u16 = 0x20;
/// `NS_TXMON`.
pub(super) const TXMON: u16 = 0x40;

/// Which way a ring goes, seen from the user program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Frames of the user program.
    Transmit,
    /// Frames for it.
    Receive,
}

/// One slot, as it lies in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) buffer: u32,
    pub(super) length: u16,
    pub(super) flags: u16,
}

/// Which slots are whose, as the kernel knows it; and who uses the ring.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) hwcur: u32,
    pub(super) hwtail: u32,
    pub(super) rhead: u32,
    pub(super) rcur: u32,
    pub(super) rtail: u32,
    /// Descriptors that are bound to it.
    pub(super) users: u32,
    pub(super) is_exclusive: bool,
    /// In netmap mode (`nr_mode`).
    pub(super) is_on: bool,
    /// The memory of the ring is not freed with its last user: the other end of a pipe lives.
    pub(super) is_kept: bool,
    /// The buffers are another ring's as well (`NKR_FAKERING`).
    pub(super) is_fake: bool,
    /// What a NIC has mapped for each slot; empty for other ports.
    pub(super) mapped: Vec<u32>,
    /// Where a NIC puts the next frame, ahead of `hwtail`.
    pub(super) arrived: u32,
    /// Synchronisations until what arrived or was transmitted can be seen.
    pub(super) delay: u32,
    /// Where `head` was at the last transmissions, whose slots a NIC has not given back yet.
    pub(super) in_flight: VecDeque<u32>,
    /// How far a copying monitor has seen.
    pub(super) monitored: u32,
}

/// A ring.
#[derive(Debug)]
pub(super) struct Ring {
    pub(super) id: u16,
    pub(super) direction: Direction,
    pub(super) slots: u32,
    pub(super) memory: Arc<Memory>,
    pub(super) engine: Engine,
    pub(super) settings: Arc<Settings>,
    /// Where it is in the region; 0 while it has no memory.
    place: AtomicUsize,
    pub(super) state: Lock<State>,
    /// What the other end of a pipe published (`pipe_tail`).
    pub(super) pipe_tail: AtomicU32,
    waiters: Shared<Vec<Arc<Readiness>>>,
    /// Copying monitors, each with its receive ring.
    pub(super) monitors: Shared<Vec<Arc<Ring>>>,
    /// Zero-copy monitors; each but the first monitors the one before.
    pub(super) swapping: Shared<Option<Arc<Ring>>>,
    pub(super) is_monitored: AtomicBool,
}

impl Ring {
    /// A ring without memory (`netmap_krings_create`). One slot always stays empty.
    pub(super) fn new(
        id: u16,
        direction: Direction,
        slots: u32,
        memory: &Arc<Memory>,
        engine: Engine,
        settings: &Arc<Settings>,
    ) -> Arc<Self> {
        let tail = match direction {
            Direction::Transmit => slots.saturating_sub(1),
            Direction::Receive => 0,
        };
        let state = State {
            hwtail: tail,
            rtail: tail,
            is_fake: matches!(engine, Engine::Fake),
            ..State::default()
        };
        Arc::new(Self {
            id,
            direction,
            slots,
            memory: memory.clone(),
            engine,
            settings: settings.clone(),
            place: AtomicUsize::new(0),
            state: Lock::new(state),
            pipe_tail: AtomicU32::new(tail),
            waiters: Shared::default(),
            monitors: Shared::default(),
            swapping: Shared::default(),
            is_monitored: AtomicBool::new(false),
        })
    }

    pub(super) fn is_receive(&self) -> bool {
        self.direction == Direction::Receive
    }

    /// Where it is in the region; `None` while it has no memory.
    pub(super) fn place(&self) -> Option<usize> {
        Some(self.place.load(Ordering::Acquire)).filter(|&place| place != 0)
    }

    pub(super) fn next(&self, index: u32) -> u32 {
        if index + 1 >= self.slots {
            0
        } else {
            index + 1
        }
    }

    pub(super) fn previous(&self, index: u32) -> u32 {
        if index == 0 {
            self.slots - 1
        } else {
            index - 1
        }
    }

    /// Slots from `from` up to `to`.
    pub(super) fn distance(&self, from: u32, to: u32) -> u32 {
        if to >= from {
            to - from
        } else {
            to + self.slots - from
        }
    }

    pub(super) fn slot(&self, index: u32) -> Slot {
        let word = self.memory.region.load_u64(self.slot_place(index));
        let [a, b, c, d, e, f, g, h] = word.unwrap_or(0).to_ne_bytes();
        Slot {
            buffer: u32::from_ne_bytes([a, b, c, d]),
            length: u16::from_ne_bytes([e, f]),
            flags: u16::from_ne_bytes([g, h]),
        }
    }

    pub(super) fn set_slot(&self, index: u32, slot: Slot) {
        let [a, b, c, d] = slot.buffer.to_ne_bytes();
        let [e, f] = slot.length.to_ne_bytes();
        let [g, h] = slot.flags.to_ne_bytes();
        let word = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
        self.memory.region.store_u64(self.slot_place(index), word);
    }

    /// Where a slot is in the region.
    pub(super) fn slot_place(&self, index: u32) -> usize {
        self.place.load(Ordering::Acquire) + RING_BYTES + index as usize * SLOT_BYTES
    }

    pub(super) fn word(&self, offset: usize) -> u32 {
        let place = self.place.load(Ordering::Acquire);
        self.memory.region.load_u32(place + offset).unwrap_or(0)
    }

    pub(super) fn set_word(&self, offset: usize, word: u32) {
        let place = self.place.load(Ordering::Acquire);
        if place != 0 {
            self.memory.region.store_u32(place + offset, word);
        }
    }

    /// Gives the ring memory and, when it is no fake, buffers (`netmap_mem2_rings_create`). `false` when there is no
    /// more; what was taken is given back.
    pub(super) fn create(&self, state: &State) -> bool {
        let memory = &self.memory;
        let bytes = RING_BYTES + SLOT_BYTES * self.slots as usize;
        let Some(place) = memory.rings.take_place(bytes) else {
            return false;
        };
        let region = &memory.region;
        let buffers = memory.buffers.base - place;
        region.store_u64(place + BUFFERS_OFFSET, buffers as u64);
        region.store_u32(place + SLOTS, self.slots);
        let size = u32::try_from(memory.buffer_size()).unwrap_or(0);
        region.store_u32(place + BUFFER_SIZE, size);
        region.store_u16(place + RING_ID, self.id);
        // As the kernel does it (kring->tx), and contrary to what its header says.
        region.store_u16(place + DIRECTION, u16::from(!self.is_receive()));
        region.store_u32(place + HEAD, state.rhead);
        region.store_u32(place + CUR, state.rcur);
        region.store_u32(place + TAIL, state.rtail);
        self.place.store(place, Ordering::Release);
        if self.fill(state.is_fake) {
            return true;
        }
        self.place.store(0, Ordering::Release);
        memory.rings.give_place(place);
        false
    }

    /// Takes the memory away, and the buffers that are in the slots (`netmap_mem2_rings_delete`).
    pub(super) fn delete(&self, state: &State) {
        let Some(place) = self.place() else {
            return;
        };
        if !state.is_fake {
            for index in 0..self.slots {
                self.memory.buffers.give(self.slot(index).buffer);
            }
        }
        self.place.store(0, Ordering::Release);
        self.memory.rings.give_place(place);
    }

    fn fill(&self, is_fake: bool) -> bool {
        let length = u16::try_from(self.memory.buffer_size()).unwrap_or(0);
        for index in 0..self.slots {
            let buffer = if is_fake {
                Some(0)
            } else {
                self.memory.buffers.take()
            };
            let Some(buffer) = buffer else {
                for index in 0..index {
                    self.memory.buffers.give(self.slot(index).buffer);
                }
                return false;
            };
            let slot = Slot {
                buffer,
                length,
                flags: 0,
            };
            self.set_slot(index, slot);
        }
        true
    }
}

/// Who waits for the ring.
impl Ring {
    pub(super) fn add_waiter(&self, waiter: &Arc<Readiness>) {
        self.waiters.write().push(waiter.clone());
    }

    pub(super) fn remove_waiter(&self, waiter: &Arc<Readiness>) {
        let mut waiters = self.waiters.write();
        waiters.retain(|other| !Arc::ptr_eq(other, waiter));
    }

    /// Wakes them (`nm_notify`).
    pub(super) fn wake(&self) {
        for waiter in self.waiters.read().iter() {
            waiter.wake(self.is_receive());
        }
    }

    /// Tells them that the port is gone.
    pub(super) fn gone(&self) {
        for waiter in self.waiters.read().iter() {
            waiter.gone();
        }
    }
}
