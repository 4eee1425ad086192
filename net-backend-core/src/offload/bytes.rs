//! Numbers in network byte order, inside of a frame.

/// The 16-bit number at `at`.
#[inline]
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(chunk(bytes, at)?))
}

/// The 32-bit number at `at`.
#[inline]
pub(super) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(chunk(bytes, at)?))
}

/// The `N` bytes at `at`.
#[inline]
pub(super) fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Writes `chunk` at `at`.
#[inline]
pub(super) fn put<const N: usize>(bytes: &mut [u8], at: usize, chunk: [u8; N]) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut()? = chunk;
    Some(())
}
