//! The rings of a virtqueue (virtio 1.2, 2.7), looked up in the guest's memory once for each turn.

use std::num::Wrapping;
use std::sync::atomic::{AtomicU16, Ordering, fence};

use virtio_queue::{Queue, QueueT};
use vm_memory::bitmap::BS;
use vm_memory::{Bytes, GuestAddress, GuestMemory, Permissions, VolatileMemory, VolatileSlice};

/// A piece of guest memory.
pub(super) type Piece<'m, M> = VolatileSlice<'m, BS<'m, <M as GuestMemory>::Bitmap>>;

/// What is wrong with a driver's rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// The driver has not set the queue up.
    #[error("the queue is not ready")]
    NotReady,
    /// They are not in the guest's memory, or not in one piece of it, or in one that is not aligned as they are.
    #[error("the {0} is not in the guest's memory")]
    NotInMemory(&'static str),
    /// The driver says that there are more chains than the queue has entries.
    #[error("the available index is {0} ahead, of {1} entries")]
    TooManyChains(u16, u16),
}

/// The rings of a queue.
pub(super) struct Rings<'m, M: GuestMemory> {
    table: Piece<'m, M>,
    available: Piece<'m, M>,
    used: Piece<'m, M>,
    size: u16,
    has_event_index: bool,
}

/// Bit 0 of the used ring's flags: the device wants no kicks.
const NO_NOTIFY: u16 = 1;
/// Bit 0 of the available ring's flags: the driver wants no interrupts.
const NO_INTERRUPT: u16 = 1;
/// Where the index of a ring is, where its elements begin, and bytes of what is behind them.
const INDEX: usize = 2;
const ELEMENTS: usize = 4;
const EVENT: usize = 2;

impl<'m, M: GuestMemory> Rings<'m, M> {
    /// Those of a queue that is ready.
    pub(super) fn new(queue: &Queue, memory: &'m M) -> Result<Self, RingError> {
        let size = usize::from(queue.size());
        if !queue.ready() || size == 0 {
            return Err(RingError::NotReady);
        }
        let slice = |name, address, length, access| {
            one_piece(memory, address, length, access).ok_or(RingError::NotInMemory(name))
        };
        let (read, write) = (Permissions::Read, Permissions::ReadWrite);
        // Regions that do not begin at a page are as they like.
        let aligned = |name, address, elements, access| {
            let ring: Piece<'m, M> = slice(name, address, ELEMENTS + elements + EVENT, access)?;
            match ring.get_atomic_ref::<AtomicU16>(0).is_ok() {
                true => Ok(ring),
                false => Err(RingError::NotInMemory(name)),
            }
        };
        Ok(Self {
            table: slice(
                "descriptor table",
                queue.desc_table(),
                DESCRIPTOR * size,
                read,
            )?,
            available: aligned("available ring", queue.avail_ring(), 2 * size, read)?,
            used: aligned("used ring", queue.used_ring(), 8 * size, write)?,
            size: queue.size(),
            has_event_index: queue.event_idx_enabled(),
        })
    }

    /// Chains that the driver has offered and the queue has not taken.
    pub(super) fn offered(&self, queue: &Queue) -> Result<u16, RingError> {
        let index = load(&self.available, INDEX, Ordering::Acquire);
        let ahead = index.wrapping_sub(queue.next_avail());
        match ahead > self.size {
            true => Err(RingError::TooManyChains(ahead, self.size)),
            false => Ok(ahead),
        }
    }

    /// The head of the chain at a place of the available ring.
    pub(super) fn head(&self, place: u16) -> u16 {
        let at = ELEMENTS + 2 * usize::from(place % self.size);
        load(&self.available, at, Ordering::Relaxed)
    }

    /// Entries of the queue.
    pub(super) fn size(&self) -> u16 {
        self.size
    }

    /// The descriptor table, and how many descriptors are in it.
    pub(super) fn table(&self) -> (Piece<'m, M>, u16) {
        (self.table.clone(), self.size)
    }

    /// Puts a chain, with so many bytes written, behind those that were put before. The driver does not see it yet.
    pub(super) fn put(&self, queue: &mut Queue, head: u16, written: u32) {
        let next = queue.next_used();
        let at = ELEMENTS + 8 * usize::from(next % self.size);
        let element = u64::from(head) | (u64::from(written) << 32);
        if let Ok(place) = self.used.get_ref::<u64>(at) {
            place.store(element.to_le());
        }
        queue.set_next_used(next.wrapping_add(1));
    }

    /// Asks the driver for a kick when it offers more than the `seen` chains that the queue has not taken; how many there
    /// are already.
    pub(super) fn ask_for_kicks(&self, queue: &Queue, seen: u16) -> Result<u16, RingError> {
        match self.has_event_index {
            true => {
                let at = ELEMENTS + 8 * usize::from(self.size);
                let event = queue.next_avail().wrapping_add(seen);
                store(&self.used, at, event, Ordering::Relaxed);
            }
            false => store(&self.used, 0, 0, Ordering::Relaxed),
        }
        fence(Ordering::SeqCst);
        self.offered(queue)
    }

    /// Tells the driver that kicks are not wanted. With an index for events it kicks once at most anyway.
    pub(super) fn refuse_kicks(&self) {
        if !self.has_event_index {
            store(&self.used, 0, NO_NOTIFY, Ordering::Relaxed);
        }
    }

    /// Shows the driver all that was put since the used ring had `before` elements; whether it wants an interrupt for that.
    ///
    /// Several at a time: a frame may take several chains, which are not to be seen before all are used (virtio 1.2,
    /// 5.1.6.4), and it is cheaper for the others.
    pub(super) fn show(&self, queue: &Queue, before: u16) -> bool {
        let (next, before) = (Wrapping(queue.next_used()), Wrapping(before));
        if next == before {
            return false;
        }
        store(&self.used, INDEX, next.0, Ordering::Release);
        // The driver writes what it wants and then looks at the index; here it is the other way round.
        fence(Ordering::SeqCst);
        if !self.has_event_index {
            return load(&self.available, 0, Ordering::Relaxed) & NO_INTERRUPT == 0;
        }
        let at = ELEMENTS + 2 * usize::from(self.size);
        let event = Wrapping(load(&self.available, at, Ordering::Relaxed));
        next - event - Wrapping(1) < next - before
    }
}

/// Bytes of a descriptor.
pub(super) const DESCRIPTOR: usize = 16;

/// A range of guest memory, if it is there and in one piece.
pub(super) fn one_piece<M: GuestMemory>(
    memory: &M,
    address: u64,
    length: usize,
    access: Permissions,
) -> Option<Piece<'_, M>> {
    let mut slices = memory
        .get_slices(GuestAddress(address), length, access)
        .ok()?;
    let slice = slices.next()?.ok()?;
    (slice.len() == length).then_some(slice)
}

/// Rings are aligned, so that no access fails.
fn load<B: vm_memory::bitmap::BitmapSlice>(
    slice: &VolatileSlice<'_, B>,
    at: usize,
    order: Ordering,
) -> u16 {
    let place = slice.get_atomic_ref::<AtomicU16>(at);
    place.map_or(0, |place| u16::from_le(place.load(order)))
}

fn store<B: vm_memory::bitmap::BitmapSlice>(
    slice: &VolatileSlice<'_, B>,
    at: usize,
    value: u16,
    order: Ordering,
) {
    let _aligned = slice.store(value.to_le(), at, order);
}
