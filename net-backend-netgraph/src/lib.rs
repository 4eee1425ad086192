//! FreeBSD's netgraph as a backend: `netgraph:PATH`, and `ngd:ngd0`.

mod gate;
mod link;
pub mod ng;
mod sys;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
