//! What hardware does for a NIC, in software: checksums, segmentation, coalescing.
//!
//! A backend that cannot do itself what the virtio-net header of a frame asks for, or that carries large frames
//! at a better price than small ones, puts these in between:
//!
//! - [`Headers`] is where things are in a frame;
//! - [`checksum`] completes checksums, and leaves them to somebody else;
//! - [`segment()`] cuts super-frames, [`fragment()`] packets that are no super-frames;
//! - [`Reassembler`] makes packets of fragments;
//! - [`Coalescer`] makes super-frames of consecutive TCP segments.
//!
//! Nothing here makes a system call, blocks or panics, whatever the bytes are; nothing allocates for each
//! frame.

mod bytes;
pub mod checksum;
mod coalesce;
mod fragment;
mod headers;
mod reassemble;
#[cfg(test)]
mod samples;
mod segment;

pub use coalesce::{Coalescer, Pushed};
pub use fragment::fragment;
pub use headers::{Headers, Protocol, TcpFlags};
pub use reassemble::Reassembler;
pub use segment::{Checksum, segment, segments};

pub(crate) use fragment::Cutter as FragmentCutter;
pub(crate) use segment::Cutter as SegmentCutter;

/// The frame is not what its headers, or the virtio-net header with it, say that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the frame is malformed: its lengths or offsets contradict each other")]
pub struct Malformed;

/// Longest frame with Ethernet header that this module takes, in bytes: an IPv6 packet with 65535 bytes of
/// payload.
pub const LONGEST_FRAME: usize = headers::NETWORK + 40 + 65535;
