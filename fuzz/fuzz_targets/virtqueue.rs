//! Any bytes as what a guest does with its transmit and receive queue: rings, descriptors, tables of them, memory with
//! holes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend_vhost_user::testing::hostile;

fuzz_target!(|script: &[u8]| hostile::frames(script));
