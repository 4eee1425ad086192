//! Any bytes as what a guest does with its control queue.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend_vhost_user::testing::hostile;

fuzz_target!(|script: &[u8]| hostile::commands(script));
