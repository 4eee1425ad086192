//! The only unsafe code of this program: an allocator that counts, processes that end with this one, and loops over netmap rings and
//! sockets as C has them.

#[path = "../../../../net-backend-core/tests/offload_allocations/sys/allocator.rs"]
mod allocator;
mod bare_ring;
mod bare_socket;
mod companion;
mod sending_socket;

pub(super) use allocator::allocations;
pub(super) use bare_ring::{BareReceive, BareTransmit};
pub(super) use bare_socket::BareSocket;
pub(super) use companion::companion;
pub(super) use sending_socket::SendingSocket;
