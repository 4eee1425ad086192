//! Writing to the memory of a port what a kernel never writes.

use std::sync::Arc;

use super::memory::{RING_BYTES, SLOT_BYTES};
use super::port::{Port, Rings};
use super::ring::{Direction, Ring};

/// When a hook is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A descriptor was bound; the user program has not looked at the memory yet.
    Registered,
    /// Rings were synchronised.
    Synchronised(Direction),
}

/// A word of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `num_slots`.
    Slots,
    /// `nr_buf_size`.
    BufferSize,
    /// `ringid` and `dir`.
    RingId,
    /// `head`.
    Head,
    /// `cur`.
    Cur,
    /// `tail`.
    Tail,
    /// `flags`.
    Flags,
}

/// What is called at each [`Moment`].
pub(super) type Hook = Box<dyn Fn(Moment, &Tamper) + Send + Sync>;

/// A hand on the rings of a port.
#[derive(Debug)]
pub struct Tamper {
    rings: Arc<Rings>,
}

impl Tamper {
    pub(super) fn new(port: &Port) -> Option<Self> {
        Some(Self {
            rings: port.rings()?,
        })
    }

    /// Writes a word of a ring; `false` when there is no such ring.
    pub fn set(&self, direction: Direction, ring: usize, field: Field, value: u32) -> bool {
        let offset = match field {
            Field::Slots => 8,
            Field::BufferSize => 12,
            Field::RingId => 16,
            Field::Head => 20,
            Field::Cur => 24,
            Field::Tail => 28,
            Field::Flags => 32,
        };
        self.with(direction, ring, |ring, place| {
            ring.memory.region.store_u32(place + offset, value)
        })
    }

    /// Writes `buf_ofs`.
    pub fn set_buffers_offset(&self, direction: Direction, ring: usize, value: i64) -> bool {
        self.with(direction, ring, |ring, place| {
            ring.memory
                .region
                .store_u64(place, u64::from_ne_bytes(value.to_ne_bytes()))
        })
    }

    /// Reads a slot: number of the buffer, length, flags.
    pub fn slot(&self, direction: Direction, ring: usize, slot: u32) -> Option<(u32, u16, u16)> {
        let ring = self.ring(direction, ring)?;
        let slot = ring.slot(slot);
        Some((slot.buffer, slot.length, slot.flags))
    }

    /// Writes a slot.
    pub fn set_slot(
        &self,
        direction: Direction,
        ring: usize,
        slot: u32,
        (buffer, length, flags): (u32, u16, u16),
    ) -> bool {
        self.with(direction, ring, |ring, place| {
            let region = &ring.memory.region;
            let place = place + RING_BYTES + slot as usize * SLOT_BYTES;
            region.store_u32(place, buffer)
                && region.store_u16(place + 4, length)
                && region.store_u16(place + 6, flags)
        })
    }

    /// Writes something wrong somewhere, chosen by `seed`, which is advanced (xorshift).
    pub fn scramble(&self, seed: &mut u64) {
        let mut random = || {
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            *seed
        };
        let word = |value: u64| {
            let [a, b, c, d, ..] = value.to_le_bytes();
            // Small numbers are the interesting ones.
            match value >> 62 {
                0 => u32::from(a),
                1 => u32::from_le_bytes([a, b, 0, 0]),
                2 => u32::from_le_bytes([a, b, c, d]),
                _ => u32::MAX - u32::from(a),
            }
        };
        let half = |value: u64| {
            let [a, b, ..] = value.to_le_bytes();
            u16::from_le_bytes([a, b])
        };
        let direction = if random() & 1 == 0 {
            Direction::Transmit
        } else {
            Direction::Receive
        };
        let count = self.rings.of(direction).len().max(1) as u64;
        let ring = usize::try_from(random() % count).unwrap_or(0);
        let value = word(random());
        let fields = [
            Field::Head,
            Field::Cur,
            Field::Tail,
            Field::Slots,
            Field::BufferSize,
        ];
        let choice = usize::try_from(random() % 9).unwrap_or(0);
        let _done = match fields.get(choice) {
            Some(&field) => self.set(direction, ring, field, value),
            None if choice == 5 => {
                self.set_buffers_offset(direction, ring, i64::from_ne_bytes(random().to_ne_bytes()))
            }
            None => {
                let slots = u64::from(self.ring(direction, ring).map_or(1, |ring| ring.slots));
                let slot = u32::try_from(random() % slots).unwrap_or(0);
                let contents = (value, half(random()), half(random()));
                self.set_slot(direction, ring, slot, contents)
            }
        };
    }

    fn ring(&self, direction: Direction, ring: usize) -> Option<&Arc<Ring>> {
        self.rings.of(direction).get(ring)
    }

    fn with(
        &self,
        direction: Direction,
        ring: usize,
        f: impl FnOnce(&Ring, usize) -> bool,
    ) -> bool {
        let place = self
            .ring(direction, ring)
            .and_then(|ring| Some((ring, ring.place()?)));
        place.is_some_and(|(ring, place)| f(ring, place))
    }
}
