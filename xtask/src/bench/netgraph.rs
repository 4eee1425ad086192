//! The data path of netgraph's backend, beside the same system calls by hand on the same socket.
//!
//! The socket is one end of a connected pair of this system's, whose messages are frames as those of a data socket of
//! netgraph are. So what is measured is the library, not netgraph.

mod offload;
mod receive;
mod send;
mod socket;

use net_backend::HeaderLength;

use super::MakeCase;

/// Frames in one run; the socket's buffer has room for them.
const BURST: usize = 128;

/// The pieces that a frame is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    /// All in one.
    One,
    /// The header by itself: that of virtio-net, or where there is none, Ethernet's.
    Two,
}

/// All rows.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    send::cases()
        .chain(receive::cases())
        .chain(offload::cases())
}

/// What rows have in common: with and without header, both lengths, in one piece and in two.
fn shapes() -> impl Iterator<Item = (HeaderLength, usize, Pieces)> {
    [HeaderLength::None, HeaderLength::Twelve]
        .into_iter()
        .flat_map(|header| [Pieces::One, Pieces::Two].map(|pieces| (header, pieces)))
        .flat_map(|(header, pieces)| [64, 1514].map(|length| (header, length, pieces)))
}

/// Where a frame is split: header, frame.
fn split_at(header: HeaderLength) -> usize {
    match header {
        HeaderLength::None => 14,
        HeaderLength::Ten | HeaderLength::Twelve => header.bytes(),
    }
}

fn label(what: &str, header: HeaderLength, length: usize, pieces: Pieces) -> String {
    let name = format!("netgraph {what} {length} bytes, header {header}");
    match pieces {
        Pieces::One => name,
        Pieces::Two => format!("{name}, two pieces"),
    }
}

/// A broadcast of a protocol that no host knows (IEEE Std 802: 0x88b5 is for experiments).
fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.resize(length, 0x5a);
    frame
}
