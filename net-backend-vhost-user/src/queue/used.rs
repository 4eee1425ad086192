//! The used ring, several elements at a time.

use std::num::Wrapping;
use std::sync::atomic::{Ordering, fence};

use virtio_bindings::bindings::virtio_ring::VRING_AVAIL_F_NO_INTERRUPT;
use virtio_queue::{Error, Queue, QueueT};
use vm_memory::{Address, Bytes, GuestAddress, GuestMemory};

/// Puts chains into the used ring and shows them to the driver all at once, as frames need that take several
/// (virtio 1.2, 5.1.6.4: not before all their buffers are used) and as is cheaper for the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    /// What the driver was shown when it was last decided whether it wants an interrupt.
    decided: Wrapping<u16>,
    /// What it is shown.
    shown: Wrapping<u16>,
}

impl Used {
    /// The queue's, as it is.
    pub(super) fn new(queue: &Queue) -> Self {
        let next = Wrapping(queue.next_used());
        Self {
            decided: next,
            shown: next,
        }
    }

    /// Whether this goes on where the queue is: it does not when the queue was set up anew.
    pub(super) fn follows(&self, queue: &Queue) -> bool {
        self.shown.0 == queue.next_used()
    }

    /// Puts a chain, with so many bytes written, behind those that were put before. The driver does not see it yet.
    pub(super) fn put<M: GuestMemory + ?Sized>(
        queue: &mut Queue,
        memory: &M,
        head: u16,
        written: u32,
    ) -> Result<(), Error> {
        let next = queue.next_used();
        let place = next % queue.size().max(1);
        let address = at(queue.used_ring(), 4 + 8 * u64::from(place))?;
        let element = u64::from(head) | u64::from(written) << 32;
        let stored = memory.write_obj(element.to_le_bytes(), address);
        stored.map_err(Error::GuestMemory)?;
        queue.set_next_used(next.wrapping_add(1));
        Ok(())
    }

    /// Shows all that was put; whether the driver wants an interrupt for it.
    pub(super) fn show<M: GuestMemory>(
        &mut self,
        queue: &Queue,
        memory: &M,
    ) -> Result<bool, Error> {
        let next = Wrapping(queue.next_used());
        if next == self.shown {
            return Ok(false);
        }
        let address = at(queue.used_ring(), 2)?;
        let stored = memory.store(next.0.to_le(), address, Ordering::Release);
        stored.map_err(Error::GuestMemory)?;
        self.shown = next;
        // The driver writes what it wants and then looks at the index; here it is the other way round.
        fence(Ordering::SeqCst);
        let before = std::mem::replace(&mut self.decided, next);
        if queue.event_idx_enabled() {
            let event = Wrapping(load(memory, used_event(queue)?)?);
            return Ok(next - event - Wrapping(1) < next - before);
        }
        let flags = load(memory, GuestAddress(queue.avail_ring()))?;
        Ok(u32::from(flags) & VRING_AVAIL_F_NO_INTERRUPT == 0)
    }
}

/// Where the driver says at which element it wants an interrupt (virtio 1.2, 2.7.6).
fn used_event(queue: &Queue) -> Result<GuestAddress, Error> {
    at(queue.avail_ring(), 4 + 2 * u64::from(queue.size()))
}

fn at(ring: u64, offset: u64) -> Result<GuestAddress, Error> {
    let address = GuestAddress(ring).checked_add(offset);
    address.ok_or(Error::AddressOverflow)
}

fn load<M: GuestMemory>(memory: &M, address: GuestAddress) -> Result<u16, Error> {
    let value = memory.load(address, Ordering::Relaxed);
    value.map(u16::from_le).map_err(Error::GuestMemory)
}
