//! An allocator that counts.

#[path = "../../offload_allocations/sys/allocator.rs"]
mod allocator;

pub(crate) use allocator::allocations;
