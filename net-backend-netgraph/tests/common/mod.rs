//! What tests of nodes are made of: kernels, and interfaces with what is at their other side.
#![expect(dead_code, reason = "each test uses a part of it")]

pub(crate) mod nic;
pub(crate) mod world;
