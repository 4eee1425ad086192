// UNSAFETY: an allocator can only be watched by being one.
#![expect(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static COUNTING: Counting = Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has asked for memory so far.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// The system's allocator, with a count for each thread.
struct Counting;

// SAFETY: every method hands its arguments on to the system's allocator and returns what that returns; the count
// is a plain number of this thread, which needs no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises about `layout` are those that System asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from System with this layout, as all memory of this allocator does.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: `block` came from System with this layout; the caller's promise about `size` is the same.
        unsafe { System.realloc(block, layout, size) }
    }
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get().wrapping_add(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_is_counted_once() {
        let before = allocations();
        let boxed = std::hint::black_box(Box::new(1_u8));
        assert_eq!(allocations() - before, 1);
        drop(boxed);
        assert_eq!(allocations() - before, 1);
    }
}
