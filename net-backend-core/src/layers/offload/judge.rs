use crate::offload::Malformed;
use crate::{Features, HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader};

/// What has to happen to a frame before the guest may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Pass,
    /// It gets this header, of which the native length counts.
    Rewrite([u8; 12]),
    /// What this header asks for has to be done in software.
    Do(VirtioNetHeader),
}

/// Whether the header asks for nothing, and says so as it should.
///
/// Single bytes are looked at: a processor waits for words that were written in other words.
#[inline]
pub(super) fn is_plain(wire: &[u8; 12], native: HeaderLength) -> bool {
    let [flags, kind, .., b0, b1] = wire;
    (*flags, *kind) == (0, 0) && (native != HeaderLength::Twelve || (*b0, *b1) == (1, 0))
}

/// What becomes of a frame of `length` bytes behind its virtio-net header, which is in `wire` and not plain, for a
/// guest that takes `accepted`.
#[inline(never)]
pub(super) fn judge(
    wire: &[u8; 12],
    native: HeaderLength,
    length: usize,
    accepted: Features,
) -> Result<Verdict, Malformed> {
    let [flags, kind, .., b0, b1] = *wire;
    if (flags, kind) == (0, 0) {
        return Ok(Verdict::Rewrite(in_one_buffer(*wire)));
    }
    let is_in_one_buffer = native != HeaderLength::Twelve || [b0, b1] == [1, 0];
    let header = VirtioNetHeader::decode(*wire, native).ok_or(Malformed)?;
    check(&header, length)?;
    if !accepted.contains(header.receive_features()) {
        return Ok(Verdict::Do(header));
    }
    let mut understood = HeaderFlags::empty();
    if accepted.contains(Features::GUEST_CSUM) {
        understood = HeaderFlags::NEEDS_CSUM | HeaderFlags::DATA_VALID;
    }
    if is_in_one_buffer && understood.contains(header.flags) {
        return Ok(Verdict::Pass);
    }
    let header = understandable(&header, understood);
    Ok(Verdict::Rewrite(in_one_buffer(header.encode())))
}

/// Whether the header can be true of a frame with `length` bytes behind it.
#[inline]
pub(super) fn check(header: &VirtioNetHeader, length: usize) -> Result<(), Malformed> {
    let field = usize::from(header.checksum_start) + usize::from(header.checksum_offset);
    let has_field = !header.flags.contains(HeaderFlags::NEEDS_CSUM) || field + 2 <= length;
    let has_size = header.segmentation == Segmentation::None || header.segment_size > 0;
    let is_tcp = matches!(header.segmentation, Segmentation::Tcp4 | Segmentation::Tcp6);
    if has_field && has_size && (is_tcp || !header.ecn) {
        Ok(())
    } else {
        Err(Malformed)
    }
}

/// The header with these flags at most.
fn understandable(header: &VirtioNetHeader, understood: HeaderFlags) -> VirtioNetHeader {
    let mut header = VirtioNetHeader {
        flags: header.flags & understood,
        ..*header
    };
    // With other flags these two have another meaning.
    if !header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        header.checksum_start = 0;
        header.checksum_offset = 0;
    }
    header
}

/// The header with 1 for `num_buffers`.
#[inline]
fn in_one_buffer(mut wire: [u8; 12]) -> [u8; 12] {
    let [.., low, high] = &mut wire;
    (*low, *high) = (1, 0);
    wire
}
