// UNSAFETY: what vm-memory lends of guest memory is an address and a length, and a piece of a frame is made of
// just these.
#![expect(
    unsafe_code,
    reason = "pieces of frames are made from the addresses of volatile slices"
)]

mod spare;

use vm_memory::VolatileSlice;
use vm_memory::bitmap::{Bitmap, BitmapSlice};
use vm_memory::volatile_memory::PtrGuardMut;

use self::spare::Spare;
use super::{RxSlice, TxSlice};
use crate::{Received, Result, RxQueue, Sent, TxQueue};

/// Sends frames that lie in guest memory, straight from the volatile slices of
/// [`vm_memory`](https://docs.rs/vm-memory).
///
/// One value serves all frames of a queue, one after the other. It owns nothing of a frame, only room for the
/// list of its pieces, so that from the second frame on nothing is allocated.
///
/// ```
/// use net_backend_core::{Activation, GuestFrame, Nic, Sent, memory};
/// use vm_memory::{VolatileMemory, VolatileSlice};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut nic = Nic::activate(Box::new(memory::Null::new()), &Activation::plain())?;
/// let mut frame = GuestFrame::new();
///
/// // What the readable descriptors of a chain name in the guest's memory.
/// # let mut bytes = [0; 0x4000];
/// # let guest = VolatileSlice::from(&mut bytes[..]);
/// let header = guest.get_slice(0x1000, 14)?;
/// let payload = guest.get_slice(0x2000, 100)?;
/// assert_eq!(frame.send(&mut *nic.queue.tx, [header, payload])?, Sent::Queued);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct GuestFrame {
    guards: Spare,
    pieces: Spare,
}

/// Receives frames into guest memory, straight into the volatile slices of
/// [`vm_memory`](https://docs.rs/vm-memory), and marks the bytes that were written as dirty: these and no others.
///
/// One value serves all frames of a queue, one after the other. It owns nothing of a buffer, only room for the
/// list of its pieces, so that from the second frame on nothing is allocated.
///
/// ```
/// use net_backend_core::{Activation, GuestBuffers, Nic, memory};
/// use vm_memory::{Bytes, VolatileMemory, VolatileSlice};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let loopback = memory::Loopback::new(&memory::PairConfig::default())?;
/// let mut nic = Nic::activate(Box::new(loopback), &Activation::plain())?;
/// let _ = nic.send(&[0x5a; 60])?;
/// let mut buffers = GuestBuffers::new();
///
/// // What the writable descriptors of a chain name in the guest's memory.
/// # let mut bytes = [0; 0x4000];
/// # let guest = VolatileSlice::from(&mut bytes[..]);
/// let buffer = guest.get_slice(0x1000, 1514)?;
/// let received = buffers.recv(&mut *nic.queue.rx, [buffer])?.expect("a frame is there");
/// assert_eq!((received.length, received.truncated), (60, false));
/// assert_eq!(guest.read_obj::<u8>(0x1000 + 59)?, 0x5a);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct GuestBuffers {
    held: Spare,
    pieces: Spare,
}

impl GuestFrame {
    /// Room for the pieces of one frame; grows when used.
    pub const fn new() -> Self {
        Self {
            guards: Spare::new(),
            pieces: Spare::new(),
        }
    }

    /// Sends the frame that lies in these slices, in order.
    ///
    /// # Errors
    ///
    /// As [`TxQueue::send`].
    pub fn send<'m, B: BitmapSlice + 'm>(
        &mut self,
        tx: &mut dyn TxQueue,
        frame: impl IntoIterator<Item = VolatileSlice<'m, B>>,
    ) -> Result<Sent> {
        self.with(frame, |pieces| tx.send(pieces))
    }

    /// Lends the frame as pieces, for whatever takes pieces. The guest's memory stays mapped meanwhile.
    pub fn with<'m, B: BitmapSlice + 'm, T>(
        &mut self,
        frame: impl IntoIterator<Item = VolatileSlice<'m, B>>,
        take: impl FnOnce(&[TxSlice<'_>]) -> T,
    ) -> T {
        let mut guards = self.guards.lend();
        let slices = frame.into_iter().filter(|slice| !slice.is_empty());
        guards.extend(slices.map(|slice| slice.ptr_guard()));

        let mut pieces = self.pieces.lend();
        pieces.extend(guards.iter().map(|guard| {
            // SAFETY: a volatile slice is memory that can be read for all of 'm, which outlives this call, and
            // that no Rust borrow covers. Its guard, in `guards`, keeps it mapped until after `take`.
            unsafe { TxSlice::from_raw_parts(guard.as_ptr(), guard.len()) }
        }));
        let taken = take(&pieces);

        self.pieces.give_back(pieces);
        self.guards.give_back(guards);
        taken
    }
}

impl GuestBuffers {
    /// Room for the pieces of one buffer; grows when used.
    pub const fn new() -> Self {
        Self {
            held: Spare::new(),
            pieces: Spare::new(),
        }
    }

    /// Receives the next frame into these slices, filled in order; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// As [`RxQueue::recv`].
    pub fn recv<'m, B: BitmapSlice + 'm>(
        &mut self,
        rx: &mut dyn RxQueue,
        buffer: impl IntoIterator<Item = VolatileSlice<'m, B>>,
    ) -> Result<Option<Received>> {
        self.with(buffer, |pieces| rx.recv(pieces))
    }

    /// Lends the buffer as pieces, for whatever receives into pieces. The guest's memory stays mapped meanwhile.
    ///
    /// As many bytes as `receive` reports are marked dirty, from the beginning of the buffer on; none when it
    /// reports no frame.
    ///
    /// # Errors
    ///
    /// Those of `receive`.
    pub fn with<'m, B: BitmapSlice + 'm>(
        &mut self,
        buffer: impl IntoIterator<Item = VolatileSlice<'m, B>>,
        receive: impl FnOnce(&mut [RxSlice<'_>]) -> Result<Option<Received>>,
    ) -> Result<Option<Received>> {
        let mut held = self.held.lend();
        let slices = buffer.into_iter().filter(|slice| !slice.is_empty());
        held.extend(slices.map(|slice| Held {
            guard: slice.ptr_guard_mut(),
            bitmap: slice.bitmap().clone(),
        }));

        let mut pieces = self.pieces.lend();
        pieces.extend(held.iter().map(|Held { guard, .. }| {
            // SAFETY: a volatile slice is memory that can be written for all of 'm, which outlives this call,
            // and that no Rust borrow covers. Its guard, in `held`, keeps it mapped until after `receive`.
            unsafe { RxSlice::from_raw_parts(guard.as_ptr(), guard.len()) }
        }));
        let received = receive(&mut pieces);

        self.pieces.give_back(pieces);
        if let Ok(Some(received)) = &received {
            mark_dirty(&held, received.length);
        }
        self.held.give_back(held);
        received
    }
}

/// What is kept of a volatile slice while it is written to.
struct Held<B> {
    guard: PtrGuardMut,
    bitmap: B,
}

/// Marks the first `written` bytes of the buffer, or all of it when it was shorter than the frame.
fn mark_dirty<B: Bitmap>(held: &[Held<B>], mut written: usize) {
    for Held { guard, bitmap } in held {
        let here = written.min(guard.len());
        if here == 0 {
            return;
        }
        bitmap.mark_dirty(0, here);
        written -= here;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use proptest::prelude::*;
    use vm_memory::bitmap::{AtomicBitmap, BS};

    use super::*;
    use crate::{Error, gather, scatter, total_length};

    /// Memory with a dirty bit for each byte.
    struct Guest {
        bytes: Vec<u8>,
        dirty: AtomicBitmap,
    }

    type Slice<'m> = VolatileSlice<'m, BS<'m, AtomicBitmap>>;

    impl Guest {
        fn new(length: usize) -> Self {
            Self {
                bytes: vec![b'.'; length],
                dirty: AtomicBitmap::new(length, NonZeroUsize::MIN),
            }
        }

        /// Slices at these offsets, of these lengths.
        fn slices(&mut self, ranges: &[(usize, usize)]) -> Vec<Slice<'_>> {
            let base = self.bytes.as_mut_ptr();
            let slice = |&(offset, length): &(usize, usize)| {
                assert!(offset + length <= self.bytes.len());
                let bitmap = self.dirty.slice_at(offset);
                let address = base.wrapping_add(offset);
                // SAFETY: `length` bytes from `address` lie within the vector (asserted), which stays
                // exclusively borrowed while the slice lives.
                unsafe { VolatileSlice::with_bitmap(address, length, bitmap, None) }
            };
            ranges.iter().map(slice).collect()
        }

        fn dirty_bytes(&self) -> Vec<usize> {
            let offsets = 0..self.bytes.len();
            offsets.filter(|&at| self.dirty.dirty_at(at)).collect()
        }
    }

    fn low_byte(number: usize) -> u8 {
        number.to_le_bytes()[0]
    }

    fn whole(length: usize) -> Result<Option<Received>> {
        Ok(Some(Received {
            length,
            truncated: false,
        }))
    }

    /// Disjoint ranges in any order, some empty, with gaps between them.
    fn ranges() -> impl Strategy<Value = Vec<(usize, usize)>> {
        let runs = prop::collection::vec((0..5_usize, 0..40_usize), 0..12);
        let ranges = runs.prop_map(|runs| {
            let mut end = 0;
            let range = |(gap, length)| {
                let start = end + gap;
                end = start + length;
                (start, length)
            };
            runs.into_iter().map(range).collect::<Vec<_>>()
        });
        ranges.prop_shuffle()
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 16 } else { 256 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_written_is_dirty_and_nothing_else(ranges in ranges(), length in 0..500_usize) {
            let mut guest = Guest::new(600);
            let frame: Vec<u8> = (0..length).map(|at| low_byte(at) | 0x80).collect();
            let mut buffers = GuestBuffers::new();
            let received = buffers.with(guest.slices(&ranges), |pieces| {
                let stored = scatter(&frame, pieces, 0);
                Ok(Some(Received { length, truncated: stored < length }))
            });
            prop_assert_eq!(received.unwrap().unwrap().length, length);

            let places = ranges.iter().flat_map(|&(start, length)| start..start + length);
            let mut expected: Vec<usize> = places.clone().take(length).collect();
            expected.sort_unstable();
            prop_assert_eq!(guest.dirty_bytes(), expected);
            for (place, byte) in places.zip(&frame) {
                prop_assert_eq!(guest.bytes[place], *byte);
            }
        }

        #[test]
        fn what_is_sent_is_what_lies_there(ranges in ranges()) {
            let mut guest = Guest::new(600);
            guest.bytes = (0..600).map(low_byte).collect();
            let mut sent = Vec::new();
            GuestFrame::new().with(guest.slices(&ranges), |pieces| {
                assert!(pieces.iter().all(|piece| !piece.is_empty()));
                sent.resize(total_length(pieces), 0);
                gather(pieces, 0, &mut sent);
            });
            let places = ranges.iter().flat_map(|&(start, length)| start..start + length);
            prop_assert_eq!(sent, places.map(low_byte).collect::<Vec<_>>());
            prop_assert!(guest.dirty_bytes().is_empty());
        }
    }

    #[test]
    fn no_frame_leaves_no_dirt() {
        let mut guest = Guest::new(64);
        let mut buffers = GuestBuffers::new();
        let nothing = buffers.with(guest.slices(&[(0, 64)]), |_| Ok(None));
        assert_eq!(nothing.unwrap(), None);
        let failed = buffers.with(guest.slices(&[(0, 64)]), |_| {
            Err(Error::Active { object: "x".into() })
        });
        assert!(failed.is_err());
        assert!(guest.dirty_bytes().is_empty());
    }

    #[test]
    fn the_second_frame_allocates_nothing() {
        let mut guest = Guest::new(64);
        let mut buffers = GuestBuffers::new();
        let _ = buffers.with(guest.slices(&[(0, 8), (8, 8), (16, 8)]), |_| whole(8));
        let allocations = format!("{buffers:?}");
        assert!(!allocations.contains("None"), "{allocations}");
        let _ = buffers.with(guest.slices(&[(40, 8), (8, 8), (32, 8)]), |_| whole(20));
        assert_eq!(format!("{buffers:?}"), allocations);

        let mut frame = GuestFrame::new();
        frame.with(guest.slices(&[(0, 8), (8, 8), (16, 8)]), |_| ());
        let allocations = format!("{frame:?}");
        assert!(!allocations.contains("None"), "{allocations}");
        frame.with(guest.slices(&[(40, 8), (8, 8), (32, 8)]), |_| ());
        assert_eq!(format!("{frame:?}"), allocations);
    }

    #[test]
    fn moves_to_the_thread_of_its_queue() {
        fn movable<T: Send + Sync>(_: &T) {}
        movable(&GuestFrame::new());
        movable(&GuestBuffers::new());
    }
}

/// Where vm-memory can map guest memory.
#[cfg(all(test, target_os = "linux", not(miri)))]
mod mapped_tests {
    use vm_memory::bitmap::AtomicBitmap;
    use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

    use super::*;
    use crate::memory::{Loopback, PairConfig};
    use crate::{Activation, Nic};

    #[test]
    fn a_frame_over_two_regions_dirties_the_pages_that_it_touches() {
        let regions = [(GuestAddress(0), 0x4000), (GuestAddress(0x4000), 0x4000)];
        let guest = GuestMemoryMmap::<AtomicBitmap>::from_ranges(&regions).unwrap();
        let backend = Loopback::new(&PairConfig::default()).unwrap();
        let mut nic = Nic::activate(Box::new(backend), &Activation::plain()).unwrap();
        let frame: Vec<u8> = (0..0x2000).map(|at: usize| at.to_le_bytes()[0]).collect();
        let _ = nic.send(&frame).unwrap();

        // The frame ends in the first page of the second region, the buffer in the second.
        let slices = guest.get_slices(GuestAddress(0x2800), 0x3000);
        let buffer = slices.map(|slice| slice.unwrap());
        let received = GuestBuffers::new().recv(&mut *nic.queue.rx, buffer);
        assert_eq!(received.unwrap().unwrap().length, 0x2000);

        let mut stored = vec![0; 0x2000];
        guest.read_slice(&mut stored, GuestAddress(0x2800)).unwrap();
        assert_eq!(stored, frame);
        let dirty = |region: &<GuestMemoryMmap<AtomicBitmap> as GuestMemoryBackend>::R| {
            [0, 0x1000, 0x2000, 0x3000].map(|offset| region.bitmap().dirty_at(offset))
        };
        let pages: Vec<_> = guest.iter().map(dirty).collect();
        assert_eq!(
            pages,
            [[false, false, true, true], [true, false, false, false]]
        );
    }
}
