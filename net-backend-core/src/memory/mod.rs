//! Backends in memory: for tests, for NICs that lead nowhere, and for the unit tests of VMMs.

mod channel;
mod events;
mod loopback;
mod null;
mod pair;

pub use loopback::{LOOPBACK, Loopback};
pub use null::{NULL, Null};
pub use pair::{PairConfig, PairEnd, pair};
