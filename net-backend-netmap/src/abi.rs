//! The binary interface of netmap(4), API 14.

/// Bytes of a request header.
pub(crate) const HEADER_BYTES: usize = 88;

/// Room in bytes for the body of any request that we send.
pub(crate) const BODY_BYTES: usize = 64;
