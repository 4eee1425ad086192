//! What tests of nodes are made of: kernels, and interfaces with what is at their other side.
#![allow(dead_code, unused_imports, reason = "each test uses a part of it")]

mod nic;
mod world;

pub(crate) use nic::{Cable, Nic};
pub(crate) use world::{World, unique};
