//! Any bytes as what a guest does with its transmit and receive queue: rings, descriptors, tables of them, memory with
//! holes.
#![no_main]

#[path = "../../net-backend-vhost-user/tests/hostile/any/mod.rs"]
#[expect(dead_code, reason = "the other half is for the other target")]
mod any;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| any::frames(script));
