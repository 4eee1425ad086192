//! The only unsafe code of this program: an allocator that counts.

#[path = "../../../../net-backend-core/tests/offload_allocations/sys/allocator.rs"]
mod allocator;

pub(super) use allocator::allocations;
