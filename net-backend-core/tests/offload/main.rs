//! The software offloads against another implementation of the protocols (smoltcp), on made-up traffic.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may fail so"
)]

mod checksum;
mod coalesce;
mod fragment;
mod frames;
mod hostile;
mod layers;
mod reader;
mod reassemble;
mod segment;
mod traffic;
