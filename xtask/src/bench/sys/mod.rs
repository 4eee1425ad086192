//! The only unsafe code of this program: an allocator that counts.

mod allocator;

pub(super) use allocator::allocations;
