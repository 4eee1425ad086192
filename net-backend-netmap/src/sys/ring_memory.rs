// UNSAFETY: the words, slots and buffers of a ring are memory that a kernel and other processes write to at the same
// time; frames are copied to and from it by address, without a check of the whole way for each.
#![expect(
    unsafe_code,
    reason = "rings and buffers shared with a kernel are accessed by address"
)]

use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use net_backend_core::{RxSlice, TxSlice};

use super::Region;
use crate::abi::{SLOT_BYTES, ring};
use crate::ring::{RingWords, Slot};

/// A ring and the buffers that its slots name, at addresses that were checked once.
///
/// How many slots there are, how long the buffers are and where they begin is read when the ring is found, and whoever
/// writes there later changes nothing for us. Each buffer number is checked when it is used.
pub(crate) struct RingMemory {
    /// Holds the mapping.
    _region: Arc<Region>,
    ring: NonNull<u8>,
    slots: u32,
    /// The place of buffer 0, which may lie before or behind the ring.
    buffers: NonNull<u8>,
    buffer_size: u32,
    /// Buffers that are inside of the region.
    buffer_count: u32,
}

// SAFETY: the pointers are into a region that belongs to the process and that `_region` keeps mapped.
unsafe impl Send for RingMemory {}
// SAFETY: words are accessed atomically, and bytes by copy.
unsafe impl Sync for RingMemory {}

/// Buffers 0 and 1 are nobody's (`netmap_mem_finalize_all` in netmap's netmap_mem2.c).
const FIRST_BUFFER: u32 = 2;

impl RingMemory {
    /// The ring at byte `offset` of the region. `None` when it or its buffers are not inside.
    pub(crate) fn new(region: &Arc<Region>, offset: usize) -> Option<Self> {
        let slots = region.load_u32(offset.checked_add(ring::SLOTS)?)?;
        let buffer_size = region.load_u32(offset.checked_add(ring::BUFFER_SIZE)?)?;
        let buffers = region.load_u64(offset.checked_add(ring::BUFFERS_OFFSET)?)?;
        // Two's complement: buffers may lie before the ring.
        let buffers = (offset as u64).wrapping_add(buffers);
        let buffers = usize::try_from(buffers).ok()?;
        let room = region.length().checked_sub(buffers)?;
        if slots < 2 || buffer_size == 0 || buffer_size > u32::from(u16::MAX) + 1 {
            return None;
        }
        let bytes = (slots as usize).checked_mul(SLOT_BYTES)?;
        let ring = region.at(offset, bytes.checked_add(ring::SLOT_ARRAY)?)?;
        ring.cast::<AtomicU64>().is_aligned().then_some(())?;
        Some(Self {
            ring,
            slots,
            buffers: region.at(buffers, 0)?,
            buffer_size,
            buffer_count: u32::try_from(room / buffer_size as usize).unwrap_or(u32::MAX),
            _region: Arc::clone(region),
        })
    }

    /// First slot that was last published.
    pub(crate) fn head(&self) -> u32 {
        self.word(ring::HEAD).load(Ordering::Acquire)
    }

    /// Length of each buffer in bytes.
    #[inline]
    pub(crate) fn buffer_size(&self) -> u32 {
        self.buffer_size
    }

    /// Whether there is such a buffer.
    #[inline]
    pub(crate) fn has_buffer(&self, buffer: u32) -> bool {
        (FIRST_BUFFER..self.buffer_count).contains(&buffer)
    }

    /// Whether packets begin somewhere else than where their buffers do (`NETMAP_REQ_OPT_OFFSETS`).
    pub(crate) fn has_offsets(&self) -> bool {
        // SAFETY: the word is inside of the ring's header, which `new` found mapped, and aligned as the ring is.
        let place = unsafe { self.ring.add(ring::OFFSET_MASK) };
        // SAFETY: mapped and aligned as above; every access to words of the region is atomic.
        let mask = unsafe { place.cast::<AtomicU64>().as_ref() };
        mask.load(Ordering::Relaxed) != 0
    }

    /// Copies `length` bytes of the frame, from its byte `from` on, into a buffer; `false`, and nothing is copied, when
    /// there is no such buffer or less room in it.
    #[inline(always)]
    pub(crate) fn fill(
        &self,
        buffer: u32,
        frame: &[TxSlice<'_>],
        from: usize,
        length: usize,
    ) -> bool {
        let (piece, from) = match frame {
            [piece] => (*piece, from),
            // What stays behind is by itself.
            [header, piece] if header.len() == from => (*piece, 0),
            _ => return self.fill_from_pieces(buffer, frame, from, length),
        };
        let Some(to) = self.bytes(buffer, 0, length) else {
            return false;
        };
        let rest = piece.skip(from);
        let count = rest.len().min(length);
        // SAFETY: `rest` is readable for its length (TxSlice), `to` has `length` bytes of a buffer before it (`bytes`), and
        // count is at most either. The two may overlap when a frame is sent that was lent from the same region.
        unsafe { copy(rest.as_ptr(), to.as_ptr(), count) };
        true
    }

    #[inline(never)]
    fn fill_from_pieces(
        &self,
        buffer: u32,
        frame: &[TxSlice<'_>],
        mut from: usize,
        length: usize,
    ) -> bool {
        let Some(mut to) = self.bytes(buffer, 0, length) else {
            return false;
        };
        let mut left = length;
        for piece in frame {
            let rest = piece.skip(from);
            from -= from.min(piece.len());
            let count = rest.len().min(left);
            // SAFETY: as in `fill`, with `left` bytes of the buffer before `to`.
            unsafe { copy_piece(rest.as_ptr(), to.as_ptr(), count) };
            // SAFETY: count <= left, so this stays in the buffer or becomes its end.
            to = unsafe { to.add(count) };
            left -= count;
            if left == 0 {
                break;
            }
        }
        true
    }

    /// Copies the first `length` bytes of a buffer into `into`, from its byte `to` on, and tells how many found room.
    /// `None` when there is no such buffer or it is shorter.
    #[inline(always)]
    pub(crate) fn drain(
        &self,
        buffer: u32,
        length: usize,
        into: &mut [RxSlice<'_>],
        to: usize,
    ) -> Option<usize> {
        let (piece, to) = match into {
            [piece] => (piece, to),
            // What is in front of the frame is by itself.
            [header, piece] if header.len() == to => (piece, 0),
            _ => return self.drain_to_pieces(buffer, length, into, to),
        };
        let from = self.bytes(buffer, 0, length)?;
        let rest = piece.skip(to);
        let count = rest.len().min(length);
        // SAFETY: `from` has `length` bytes of a buffer before it (`bytes`), `rest` is writable for its length (RxSlice),
        // and count is at most either.
        unsafe { copy(from.as_ptr(), rest.as_ptr(), count) };
        Some(count)
    }

    #[inline(never)]
    fn drain_to_pieces(
        &self,
        buffer: u32,
        length: usize,
        into: &mut [RxSlice<'_>],
        mut to: usize,
    ) -> Option<usize> {
        let mut from = self.bytes(buffer, 0, length)?;
        let mut left = length;
        for piece in into {
            let whole = piece.len();
            let rest = piece.skip(to);
            to -= to.min(whole);
            let count = rest.len().min(left);
            // SAFETY: as in `drain`, with `left` bytes of the buffer before `from`.
            unsafe { copy_piece(from.as_ptr(), rest.as_ptr(), count) };
            // SAFETY: count <= left, so this stays in the buffer or becomes its end.
            from = unsafe { from.add(count) };
            left -= count;
            if left == 0 {
                break;
            }
        }
        Some(length - left)
    }

    /// The first `length` bytes of a buffer, in place.
    #[inline]
    pub(crate) fn piece(&self, buffer: u32, length: usize) -> Option<TxSlice<'_>> {
        let base = self.bytes(buffer, 0, length)?;
        // SAFETY: mapped as long as `_region` is held, and never under a Rust borrow: the region lends nothing out.
        Some(unsafe { TxSlice::from_raw_parts(base.as_ptr(), length) })
    }

    /// `N` bytes of a buffer, from its byte `offset` on.
    #[inline]
    pub(crate) fn chunk<const N: usize>(&self, buffer: u32, offset: usize) -> Option<[u8; N]> {
        let place = self.bytes(buffer, offset, N)?;
        // SAFETY: N bytes are mapped there (`bytes`); byte arrays need no alignment and any bytes are valid in them.
        Some(unsafe { place.cast::<[u8; N]>().read() })
    }

    /// Writes bytes into a buffer, at its byte `offset`; `false`, and nothing is written, when they are not inside.
    #[inline]
    pub(crate) fn put_chunk<const N: usize>(
        &self,
        buffer: u32,
        offset: usize,
        chunk: [u8; N],
    ) -> bool {
        let Some(place) = self.bytes(buffer, offset, N) else {
            return false;
        };
        // SAFETY: N bytes are mapped there (`bytes`), under no Rust borrow; byte arrays need no alignment.
        unsafe { place.cast::<[u8; N]>().write(chunk) };
        true
    }

    /// The address of `length` bytes of a buffer, from its byte `offset` on.
    #[inline]
    fn bytes(&self, buffer: u32, offset: usize, length: usize) -> Option<NonNull<u8>> {
        let end = offset.checked_add(length)?;
        if !self.has_buffer(buffer) || end > self.buffer_size as usize {
            return None;
        }
        let distance = buffer as usize * self.buffer_size as usize + offset;
        // SAFETY: buffers below `buffer_count` are inside of the region (`new`), and the bytes inside of the buffer.
        Some(unsafe { self.buffers.add(distance) })
    }

    #[inline]
    fn word(&self, offset: usize) -> &AtomicU32 {
        debug_assert!(offset % 4 == 0 && offset < ring::SLOT_ARRAY);
        // SAFETY: only offsets of 32-bit words of the ring's header are given, which `new` found mapped.
        let place = unsafe { self.ring.add(offset) };
        // SAFETY: mapped and aligned, since the ring is aligned to 8 bytes; every access to words is atomic.
        unsafe { place.cast::<AtomicU32>().as_ref() }
    }

    /// The first word of a slot.
    #[inline]
    fn slot_word(&self, index: u32) -> Option<&AtomicU64> {
        if index >= self.slots {
            return None;
        }
        // SAFETY: `slots` slots are mapped behind the header (`new`), and the index is below that.
        let place = unsafe {
            self.ring
                .add(ring::SLOT_ARRAY + index as usize * SLOT_BYTES)
        };
        // SAFETY: mapped and aligned to 8 bytes as the ring is; every access to words is atomic.
        Some(unsafe { place.cast::<AtomicU64>().as_ref() })
    }
}

/// Copies `count` bytes, as [`ptr::copy`] does, without a call for the shortest frames that there are: most of those that
/// come in numbers are acknowledgements.
///
/// # Safety
///
/// As for [`ptr::copy`] of bytes.
#[inline(always)]
unsafe fn copy(from: *const u8, to: *mut u8, count: usize) {
    const HALF: usize = 32;
    if !(HALF..=2 * HALF).contains(&count) {
        // SAFETY: the caller's promise.
        return unsafe { ptr::copy(from, to, count) };
    }
    let last = count - HALF;
    // All is read before anything is written: the two places may overlap.
    // SAFETY: the first 32 of at least 32 bytes, readable by the caller's promise.
    let first_words = unsafe { words(from) };
    // SAFETY: the last 32 of them.
    let last_words = unsafe { words(from.wrapping_add(last)) };
    // SAFETY: the first 32 bytes, writable by the caller's promise.
    unsafe { put_words(to, first_words) };
    // SAFETY: the last 32 of them.
    unsafe { put_words(to.wrapping_add(last), last_words) };
}

/// The same for a piece of a frame, of which many are a virtio-net header.
///
/// # Safety
///
/// As for [`ptr::copy`] of bytes.
#[inline(always)]
unsafe fn copy_piece(from: *const u8, to: *mut u8, count: usize) {
    const HEADER: usize = 12;
    if count != HEADER {
        // SAFETY: the caller's promise.
        return unsafe { copy(from, to, count) };
    }
    // SAFETY: 12 bytes are readable by the caller's promise; byte arrays need no alignment.
    let header = unsafe { from.cast::<[u8; HEADER]>().read() };
    // SAFETY: 12 bytes are writable by the caller's promise.
    unsafe { to.cast::<[u8; HEADER]>().write(header) };
}

/// Reads 32 bytes.
///
/// # Safety
///
/// They are readable.
#[inline(always)]
unsafe fn words(from: *const u8) -> (u128, u128) {
    let from = from.cast::<u128>();
    // SAFETY: the caller's promise.
    let low = unsafe { from.read_unaligned() };
    // SAFETY: the caller's promise.
    let high = unsafe { from.wrapping_add(1).read_unaligned() };
    (low, high)
}

/// Writes 32 bytes.
///
/// # Safety
///
/// They are writable.
#[inline(always)]
unsafe fn put_words(to: *mut u8, (low, high): (u128, u128)) {
    let to = to.cast::<u128>();
    // SAFETY: the caller's promise.
    unsafe { to.write_unaligned(low) };
    // SAFETY: the caller's promise.
    unsafe { to.wrapping_add(1).write_unaligned(high) };
}

impl RingWords for RingMemory {
    #[inline]
    fn slots(&self) -> u32 {
        self.slots
    }

    #[inline]
    fn tail(&self) -> u32 {
        self.word(ring::TAIL).load(Ordering::Acquire)
    }

    #[inline]
    fn publish(&self, head: u32, cur: u32) {
        // The kernel takes head <= cur <= tail at any moment between the two.
        self.word(ring::CUR).store(cur, Ordering::Release);
        self.word(ring::HEAD).store(head, Ordering::Release);
    }

    #[inline]
    fn slot(&self, index: u32) -> Slot {
        let word = self.slot_word(index);
        Slot::from_word(word.map_or(0, |word| word.load(Ordering::Relaxed)))
    }

    #[inline]
    fn set_slot(&self, index: u32, slot: Slot) {
        if let Some(word) = self.slot_word(index) {
            word.store(slot.word(), Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for RingMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingMemory")
            .field("slots", &self.slots)
            .field("buffer_size", &self.buffer_size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
