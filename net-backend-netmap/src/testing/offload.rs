//! Between VALE ports with virtio-net headers of different lengths (`bdg_mismatch_datapath`, `netmap_offloadings.c`).

use net_backend_core::offload::{Checksum, checksum, segment};
use net_backend_core::{HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader};

use super::ring::{MOREFRAG, Ring};
use super::vale::{Piece, Source};

/// Ethernet, IPv6 and TCP headers at their longest (`WORST_CASE_GSO_HEADER`).
pub(super) const LONGEST_HEADERS: usize = 14 + 40 + 60;

/// Writes one frame to a ring whose port has headers of another length; the number of slots that it took, 0 when it was
/// dropped.
pub(super) fn adapt(
    ring: &Ring,
    index: u32,
    source: &Source<'_>,
    frame: &[Piece],
    header: usize,
    largest: usize,
    room: usize,
) -> usize {
    let mut pieces: Vec<Vec<u8>> = frame.iter().map(|piece| read(source, piece)).collect();
    let Some(first) = pieces.first_mut() else {
        return 0;
    };
    if first.len() < source.header {
        return 0;
    }
    let wire: Vec<u8> = first.drain(..source.header).collect();
    if source.header > 0 && header == 0 {
        let Some(asked) = decode(&wire) else {
            return 0;
        };
        if asked.segmentation != Segmentation::None {
            return cut(ring, index, &pieces.concat(), asked, largest, room);
        }
        complete(&mut pieces, asked);
        pieces.retain(|piece| !piece.is_empty());
    } else if let Some(first) = pieces.first_mut() {
        let mut extended = wire;
        extended.truncate(10);
        extended.resize(header, 0);
        first.splice(..0, extended);
    }
    put(ring, index, &pieces)
}

fn read(source: &Source<'_>, piece: &Piece) -> Vec<u8> {
    let mut bytes = vec![0; piece.length];
    source.region.read(piece.at, &mut bytes);
    bytes
}

/// What the sender asks for; `None` for what the switch does not know (`vnet_hdr_is_bad`), among it the cutting of UDP
/// into datagrams.
fn decode(wire: &[u8]) -> Option<VirtioNetHeader> {
    let mut bytes = [0; 12];
    for (to, from) in bytes.iter_mut().zip(wire) {
        *to = *from;
    }
    let header = VirtioNetHeader::decode(bytes, HeaderLength::Ten)?;
    let known = HeaderFlags::NEEDS_CSUM | HeaderFlags::DATA_VALID;
    let is_known = known.contains(header.flags) && header.segmentation != Segmentation::Udp;
    is_known.then_some(header)
}

/// Cuts a super-frame: whatever segment size was asked for, frames are as long as the receiver's limit allows.
fn cut(
    ring: &Ring,
    index: u32,
    frame: &[u8],
    mut header: VirtioNetHeader,
    largest: usize,
    room: usize,
) -> usize {
    let Some(headers) = net_backend_core::offload::Headers::parse(frame) else {
        return 0;
    };
    let size = largest.saturating_sub(headers.payload);
    header.segment_size = u16::try_from(size).unwrap_or(u16::MAX);
    header.flags |= HeaderFlags::NEEDS_CSUM;
    if header.segmentation == Segmentation::UdpFragments {
        header.segmentation = Segmentation::Udp;
    }
    let mut segments = Vec::new();
    let mut keep = |bytes: &[u8], _: &VirtioNetHeader| segments.push(bytes.to_vec());
    let mut scratch = Vec::new();
    let done = segment(
        frame,
        &header,
        size,
        Checksum::Complete,
        &mut scratch,
        &mut keep,
    );
    if done.is_err() || segments.len() > room {
        return 0;
    }
    let mut at = index;
    for bytes in &segments {
        write(ring, at, bytes, 0);
        at = ring.next(at);
    }
    segments.len()
}

/// Fills in the checksum, over all pieces.
fn complete(pieces: &mut [Vec<u8>], mut header: VirtioNetHeader) {
    let mut frame = pieces.concat();
    if checksum::complete(&mut frame, &mut header).is_err() {
        return;
    }
    let mut rest = frame.as_slice();
    for piece in pieces {
        let Some((here, behind)) = rest.split_at_checked(piece.len()) else {
            return;
        };
        piece.copy_from_slice(here);
        rest = behind;
    }
}

fn put(ring: &Ring, mut index: u32, pieces: &[Vec<u8>]) -> usize {
    let count = u16::try_from(pieces.len()).unwrap_or(u16::MAX) << 8;
    for (number, piece) in pieces.iter().enumerate() {
        let is_last = number + 1 == pieces.len();
        write(
            ring,
            index,
            piece,
            count | if is_last { 0 } else { MOREFRAG },
        );
        index = ring.next(index);
    }
    pieces.len()
}

fn write(ring: &Ring, index: u32, bytes: &[u8], flags: u16) {
    let mut slot = ring.slot(index);
    ring.memory
        .region
        .write(ring.memory.buffer(slot.buffer), bytes);
    slot.length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    slot.flags = flags;
    ring.set_slot(index, slot);
}
