//! The binary interface of netmap(4), API 14: requests ([`Header`] and the bodies), and what lies in the mapped memory
//! ([`ring`], [`interface`]).
//!
//! Requests are bytes, encoded and decoded by field in the byte order of the machine. What is reserved or not used is
//! 0, as the kernel wants it.

mod bytes;
mod memory;
mod requests;
#[cfg(test)]
mod tests;

pub(crate) use memory::{SLOT_BYTES, interface, ring, slot_flag};
pub(crate) use requests::{
    Body, Header, Polling, PortHeader, PortInfo, Register, RequestKind, ValeAttach, ValeDetach,
    ValeInterface, ValeList, flag, mode, polling_mode,
};

/// The version that is sent. Kernels take 14 and 15.
pub(crate) const API: u16 = 14;

/// Bytes of a request header.
pub(crate) const HEADER_BYTES: usize = size_of::<Header>();

/// Room in bytes for the body of any request that we send.
pub(crate) const BODY_BYTES: usize = size_of::<ValeAttach>();

/// Bytes of a port's name, a NUL at the end included.
pub(crate) const NAME_BYTES: usize = 64;

/// The most slots that one frame takes.
pub(crate) const MAX_FRAGMENTS: u8 = 64;

/// A name as requests have it: what is too long is cut, which is for the caller to refuse before.
pub(crate) fn name(text: &str) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    for (to, from) in name.iter_mut().zip(text.bytes().take(NAME_BYTES - 1)) {
        *to = from;
    }
    name
}

const _: () = assert!(HEADER_BYTES == 88);
const _: () = assert!(BODY_BYTES == 64);
