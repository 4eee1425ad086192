//! Words in request bytes, at the offsets of the C structures and in the byte order of the machine. Independent of the
//! encoder that the backend uses, so that it is checked by it.

/// A 16-bit word; 0 when it is not all inside.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_ne_bytes(chunk(bytes, offset))
}

/// A 32-bit word; 0 when it is not all inside.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_ne_bytes(chunk(bytes, offset))
}

/// A 64-bit word; 0 when it is not all inside.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_ne_bytes(chunk(bytes, offset))
}

/// Writes `word`; nothing when it does not fit inside.
pub(super) fn put<const N: usize>(bytes: &mut [u8], offset: usize, word: [u8; N]) {
    if let Some(place) = bytes.get_mut(offset..).and_then(<[u8]>::first_chunk_mut) {
        *place = word;
    }
}

fn chunk<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let from = bytes.get(offset..).and_then(<[u8]>::first_chunk);
    from.copied().unwrap_or([0; N])
}
