pub(super) mod layouts;
pub(super) mod offloads;
pub(super) mod pipes;
pub(super) mod requests;
pub(super) mod switches;

use crate::abi::BODY_BYTES;
use crate::testing::body::Register;
use crate::testing::bytes::put;

/// Rings of a port with one pair and no host.
const TX: usize = 0;
const RX: usize = 2;
const HEAD: usize = 20;
const CUR: usize = 24;
const TAIL: usize = 28;

fn body(register: Register) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    register.write(&mut body);
    body
}

fn of(mode: u32, ring: u16, flags: u64) -> Register {
    Register {
        mode,
        ring,
        flags,
        ..Register::default()
    }
}

fn header(length: u32) -> [u8; BODY_BYTES] {
    let mut body = [0; BODY_BYTES];
    put(&mut body, 0, length.to_ne_bytes());
    body
}

const EMPTY: [u8; BODY_BYTES] = [0; BODY_BYTES];
