//! What a guest may ask of a VALE switch.

use net_backend_core::offload::{Headers, Protocol};
use net_backend_core::{HeaderFlags, Segmentation, TxSlice, VirtioNetHeader, gather};

/// Bytes of a frame that its headers, VLAN tags included, may take: far more than any do.
const HEADERS: usize = 320;

/// Whether the kernel can carry out the request of a header on a frame, of which `first` bytes, the header included, lie
/// in the first buffer.
///
/// A VALE switch believes the header (`bdg_mismatch_datapath` in netmap's netmap_offloadings.c): it sums from
/// `csum_start` on also when that is behind the end, and takes for headers whatever looks so. A guest must not get at the
/// host's kernel by that.
pub(crate) fn is_safe(
    header: &VirtioNetHeader,
    frame: &[TxSlice<'_>],
    skip: usize,
    first: usize,
) -> bool {
    let Some(first) = first.checked_sub(skip) else {
        return false;
    };
    let needs_checksum = header.flags.contains(HeaderFlags::NEEDS_CSUM);
    let checksum = usize::from(header.checksum_start) + usize::from(header.checksum_offset) + 2;
    if needs_checksum && checksum > first {
        return false;
    }
    match header.segmentation {
        Segmentation::None => true,
        _ => needs_checksum && header.segment_size > 0 && is_super_frame(header, frame, skip),
    }
}

/// Whether the frame is TCP of the version that the header says, with all of its headers at the beginning.
fn is_super_frame(header: &VirtioNetHeader, frame: &[TxSlice<'_>], skip: usize) -> bool {
    let mut prefix = [0; HEADERS];
    let count = gather(frame, skip, &mut prefix);
    let length = net_backend_core::total_length(frame) - skip;
    let Some((prefix, tags)) = prefix.get_mut(..count).and_then(without_tags) else {
        return false;
    };
    let Some(headers) = Headers::parse_prefix(prefix, length - tags) else {
        return false;
    };
    let version = match header.segmentation {
        Segmentation::Tcp4 => 4,
        Segmentation::Tcp6 => 6,
        _ => return false,
    };
    headers.version() == version && headers.protocol == Protocol::Tcp && !headers.is_fragment
}

/// The frame without its 802.1Q tags, and how many bytes these took.
fn without_tags(frame: &mut [u8]) -> Option<(&[u8], usize)> {
    const ADDRESSES: usize = 12;
    const TAG: usize = 4;
    let mut tags = 0;
    while frame.get(ADDRESSES + tags..)?.starts_with(&[0x81, 0x00]) {
        tags += TAG;
    }
    frame.get(..tags + ADDRESSES)?;
    frame.copy_within(..ADDRESSES, tags);
    Some((frame.get(tags..)?, tags))
}
