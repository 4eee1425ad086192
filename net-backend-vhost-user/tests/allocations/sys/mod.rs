//! An allocator that counts.

mod allocator;

pub(crate) use allocator::allocations;
