//! Where the buffers of a port are.

use std::sync::Arc;

use crate::abi::{interface, ring};
use crate::ring::Slot;
use crate::spares::Spares;
use crate::sys::Region;
use crate::testing::{Direction, Model};
use crate::{Netmap, TakenFrame};

/// The numbers of all buffers in the rings of these ports, each with so many rings and slots in each direction, and of
/// those that `near` has in no ring; sorted.
pub(super) fn all(model: &Model, ports: &[(&str, usize, u32)], near: &[&Netmap]) -> Vec<u32> {
    let mut buffers = Vec::new();
    for &(name, rings, slots) in ports {
        let tamper = model.tamper(name).unwrap();
        for direction in [Direction::Transmit, Direction::Receive] {
            for (ring, slot) in (0..rings).flat_map(|ring| (0..slots).map(move |slot| (ring, slot)))
            {
                buffers.push(tamper.slot(direction, ring, slot).unwrap().0);
            }
        }
    }
    for spares in near
        .iter()
        .filter_map(|near| near.attachment.spares.as_ref())
    {
        buffers.extend(numbers(spares));
    }
    buffers.sort_unstable();
    buffers
}

/// The buffers that are in no ring, and in no frame that was taken.
fn numbers(spares: &Arc<Spares>) -> Vec<u32> {
    let mut numbers = vec![0; spares.count()];
    assert!(spares.take(&mut numbers));
    let slot = |&buffer: &u32| Slot {
        buffer,
        ..Slot::default()
    };
    // Which gives them back.
    drop(TakenFrame::new(
        Arc::clone(spares),
        numbers.iter().map(slot).collect(),
    ));
    numbers
}

/// Fails when a buffer is in two places.
pub(super) fn assert_distinct(buffers: &[u32]) {
    let twice = buffers.windows(2).find(|pair| pair[0] == pair[1]);
    assert_eq!(twice, None, "a buffer in two places");
}

/// `head` and `cur` of the receive ring of a port with one of each.
pub(super) fn receive_words(near: &Netmap) -> (u32, u32) {
    let facts = &near.port.facts;
    let control = near.port.controls().next().unwrap();
    let region = control.map(facts.memory_size as usize).unwrap();
    let interface = facts.offset as usize;
    // Behind the transmit ring and the host's.
    let offset = interface + interface::RING_OFFSETS + 2 * size_of::<u64>();
    let ring = interface.wrapping_add(region.load_u64(offset).unwrap() as usize);
    let word = |at| region.load_u32(ring + at).unwrap();
    (word(ring::HEAD), word(ring::CUR))
}

/// The list of extra buffers of a port, as the kernel finds it.
pub(super) struct List {
    region: Arc<Region>,
    interface: usize,
    /// Where buffer 0 is.
    buffers: usize,
    size: usize,
}

impl List {
    pub(super) fn of(near: &Netmap) -> Self {
        let facts = &near.port.facts;
        let control = near.port.controls().next().unwrap();
        let region = control.map(facts.memory_size as usize).unwrap();
        let interface = facts.offset as usize;
        let word = |at| region.load_u64(at).unwrap() as usize;
        let first = interface.wrapping_add(word(interface + interface::RING_OFFSETS));
        Self {
            buffers: first.wrapping_add(word(first + ring::BUFFERS_OFFSET)),
            size: region.load_u32(first + ring::BUFFER_SIZE).unwrap() as usize,
            region,
            interface,
        }
    }

    /// The numbers in it, sorted.
    pub(super) fn walk(&self) -> Vec<u32> {
        let mut buffers = Vec::new();
        let word = |at| self.region.load_u32(at).unwrap();
        let mut next = word(self.interface + interface::BUFFERS_HEAD);
        while next != 0 {
            buffers.push(next);
            assert!(buffers.len() < 10_000, "a list without an end");
            next = word(self.buffers + next as usize * self.size);
        }
        buffers.sort_unstable();
        buffers
    }
}
