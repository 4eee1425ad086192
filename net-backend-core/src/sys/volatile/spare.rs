// UNSAFETY: the standard library cannot give a vector's allocation to a vector of another type.
#![expect(
    unsafe_code,
    reason = "an allocation outlives the types of the vectors that use it"
)]

use std::alloc::{self, Layout};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// The allocation of a vector that was emptied, for the next vector. It forgets the type of the elements, since
/// that names how long guest memory is borrowed, which is shorter than the allocation should live.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<(NonNull<u8>, Layout)>);

// SAFETY: the allocation holds no values and belongs to this Spare alone; any thread may use or free it.
unsafe impl Send for Spare {}
// SAFETY: a shared Spare gives no access to the allocation.
unsafe impl Sync for Spare {}

impl Spare {
    /// No allocation yet.
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// An empty vector, with the allocation if it is of the right kind.
    pub(super) fn lend<T>(&mut self) -> Vec<T> {
        let fits = |(_, layout): &(NonNull<u8>, Layout)| {
            layout.align() == align_of::<T>()
                && layout.size().checked_rem(size_of::<T>()) == Some(0)
        };
        let Some((memory, layout)) = self.0.take_if(|spare| fits(spare)) else {
            return Vec::new();
        };
        let capacity = layout.size() / size_of::<T>();
        // SAFETY: the allocation came from a vector (give_back), thus from the global allocator, with the
        // alignment of T and a size of `capacity` T; it was taken out of the Spare and has no other owner.
        unsafe { Vec::from_raw_parts(memory.cast().as_ptr(), 0, capacity) }
    }

    /// Takes the allocation back, and drops the values.
    pub(super) fn give_back<T>(&mut self, mut vector: Vec<T>) {
        vector.clear();
        let Ok(layout) = Layout::array::<T>(vector.capacity()) else {
            return;
        };
        if layout.size() != 0 {
            let memory = NonNull::new(ManuallyDrop::new(vector).as_mut_ptr());
            *self = Self(memory.map(|memory| (memory.cast(), layout)));
        }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some((memory, layout)) = self.0.take() {
            // SAFETY: the global allocator gave the allocation with this layout (give_back), and nothing else
            // owns it.
            unsafe { alloc::dealloc(memory.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_serves_the_next_vector_of_its_kind() {
        let mut spare = Spare::new();
        let mut words = spare.lend::<u64>();
        words.extend([1, 2, 3, 4]);
        let (address, capacity) = (words.as_ptr(), words.capacity());
        spare.give_back(words);
        let pairs = spare.lend::<[i64; 2]>();
        assert_eq!(pairs.as_ptr().cast(), address);
        assert_eq!((pairs.len(), pairs.capacity()), (0, capacity / 2));
        spare.give_back(pairs);
        let words = spare.lend::<u64>();
        assert_eq!((words.as_ptr(), words.capacity()), (address, capacity));
    }

    #[test]
    fn an_allocation_of_another_kind_is_left_alone_or_replaced() {
        let mut spare = Spare::new();
        spare.give_back(vec![1_u8; 24]);
        assert_eq!(spare.lend::<u16>().capacity(), 0);
        assert_eq!(spare.lend::<()>().capacity(), usize::MAX);
        spare.give_back(vec![(); 24]);
        assert_eq!(spare.lend::<[u8; 5]>().capacity(), 0);
        spare.give_back(vec![String::from("dropped")]);
        assert_eq!(spare.lend::<u8>().capacity(), 0);
        assert_eq!(spare.lend::<String>().len(), 0);
    }
}
