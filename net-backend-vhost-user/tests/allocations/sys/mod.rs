//! An allocator that counts.

#[path = "../../../../net-backend-core/tests/offload_allocations/sys/allocator.rs"]
mod allocator;

pub(crate) use allocator::allocations;
