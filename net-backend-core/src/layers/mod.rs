//! Decorators over queue pairs: each takes a pair, or a half, and gives one that does one thing more.

mod header;
mod offload;

pub use header::{adapt_header, adapt_received_header, adapt_transmitted_header};
pub use offload::{
    AcceptedOffloads, HoldNext, NativeTransmit, PeekHeader, SOFTWARE_OFFLOADS, offload_transmit,
    soften_receive,
};
