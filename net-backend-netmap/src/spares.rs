use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net_backend_core::{Error, Result, TxSlice};

use crate::abi::interface;
use crate::gate::Control;
use crate::ring::Slot;
use crate::sys::{Region, RingMemory};

/// The buffers of a port that are in no ring (`extra-bufs=`), which stand in for those of frames that were taken out of
/// one.
///
/// The kernel frees, when the port is closed, the list of them that begins at the port's `struct netmap_if`.
pub(crate) struct Spares {
    /// A ring of the port, for the addresses of its buffers.
    memory: RingMemory,
    region: Arc<Region>,
    /// Where the list begins, in bytes from the beginning of the region.
    head: usize,
    buffers: Mutex<Vec<u32>>,
    /// Keeps the port open until the list is whole again.
    _control: Arc<dyn Control>,
}

impl Spares {
    /// Takes over the list of the port's interface, at byte `interface` of the region, of up to `count` buffers.
    pub(crate) fn new(
        memory: RingMemory,
        region: Arc<Region>,
        interface: usize,
        count: u32,
        control: Arc<dyn Control>,
    ) -> Option<Arc<Self>> {
        let head = interface.checked_add(interface::BUFFERS_HEAD)?;
        let mut buffers = Vec::new();
        let mut next = region.load_u32(head)?;
        for _ in 0..count {
            if !memory.has_buffer(next) {
                break;
            }
            buffers.push(next);
            next = u32::from_ne_bytes(memory.chunk(next, 0)?);
        }
        // A process that is killed gives back nothing then; the buffers on the list have had frames in them by that time,
        // whose bytes the kernel would take for its numbers.
        region.store_u32(head, 0);
        Some(Arc::new(Self {
            memory,
            region,
            head,
            buffers: Mutex::new(buffers),
            _control: control,
        }))
    }

    /// How many there are now.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// As many as `into` has room for, or none.
    pub(crate) fn take(&self, into: &mut [u32]) -> bool {
        let mut buffers = self.lock();
        let Some(rest) = buffers.len().checked_sub(into.len()) else {
            return false;
        };
        for (place, buffer) in into.iter_mut().zip(buffers.drain(rest..)) {
            *place = buffer;
        }
        true
    }

    /// What a panic elsewhere left behind is a list of buffers all the same.
    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spares {
    /// Makes the list again, so that the kernel frees the buffers.
    fn drop(&mut self) {
        let mut next = 0_u32;
        for buffer in self.lock().drain(..) {
            if self.memory.put_chunk(buffer, 0, next.to_ne_bytes()) {
                next = buffer;
            }
        }
        self.region.store_u32(self.head, next);
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

/// A received frame that was taken out of its ring, with its buffers. It stays as it is until it is dropped, whatever
/// happens to the queue, and may go to another thread; its port stays open meanwhile.
#[derive(Debug)]
pub struct TakenFrame {
    spares: Arc<Spares>,
    slots: Vec<Slot>,
}

impl TakenFrame {
    pub(crate) fn new(spares: Arc<Spares>, slots: Vec<Slot>) -> Self {
        Self { spares, slots }
    }

    /// Length of the frame in bytes, virtio-net header included.
    pub fn length(&self) -> usize {
        self.slots.iter().map(|slot| usize::from(slot.length)).sum()
    }

    /// The pieces of the frame, in order, one for each buffer that it takes. Other processes that use the same memory
    /// region can change what is in them.
    pub fn pieces(&self) -> impl Iterator<Item = TxSlice<'_>> {
        let piece = |slot: &Slot| self.spares.memory.piece(slot.buffer, slot.length.into());
        self.slots.iter().filter_map(piece)
    }
}

impl Drop for TakenFrame {
    /// The frame's buffers are spare ones from now on.
    fn drop(&mut self) {
        let buffers = self.slots.iter().map(|slot| slot.buffer);
        self.spares.lock().extend(buffers);
    }
}

#[cold]
pub(crate) fn no_spares(name: &str) -> Error {
    Error::Unsupported {
        what: format!("taking frames from {name}"),
        reason: "it was opened without extra buffers; open it with extra-bufs=N",
    }
}

/// The spares of a port, or why there are none.
pub(crate) fn require<'s>(spares: Option<&'s Arc<Spares>>, name: &str) -> Result<&'s Arc<Spares>> {
    spares.ok_or_else(|| no_spares(name))
}
