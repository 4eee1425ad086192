//! Memory for frames.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Bytes of one frame that begin a page. How fast a kernel copies depends on where bytes begin, and an allocator puts them
/// anywhere: whoever is compared has them at the same place.
pub struct PageBuffer {
    bytes: Vec<u8>,
    from: usize,
    length: usize,
}

/// Bytes of a page, or a part of one where they are larger.
const PAGE: usize = 4096;

impl PageBuffer {
    /// So many zeros.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        let bytes = vec![0; length + PAGE];
        Self {
            // Less than a page for any address, or nothing is promised.
            from: bytes.as_ptr().align_offset(PAGE).min(PAGE),
            bytes,
            length,
        }
    }

    /// A copy of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut buffer = Self::zeroed(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }
}

impl Deref for PageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let rest = self.bytes.get(self.from..).unwrap_or_default();
        rest.get(..self.length).unwrap_or_default()
    }
}

impl DerefMut for PageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        let rest = self.bytes.get_mut(self.from..).unwrap_or_default();
        rest.get_mut(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for PageBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageBuffer({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_a_page_and_holds_what_it_should() {
        for length in [0, 1, 76, 4096, 65_561] {
            let mut buffer = PageBuffer::zeroed(length);
            assert_eq!(buffer.len(), length);
            assert_eq!(buffer.as_ptr().addr() % PAGE, 0);
            buffer.fill(7);
            assert!(buffer.iter().all(|byte| *byte == 7));
        }
        assert_eq!(*PageBuffer::of(&[1, 2, 3]), [1, 2, 3]);
    }
}
