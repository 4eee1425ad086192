// UNSAFETY: buffers of mapped memory are copied to each other by address, as a kernel does.
#![expect(
    unsafe_code,
    reason = "memory shared with others is accessed by address"
)]

use std::ptr;

use super::Region;

impl Region {
    /// Copies `length` bytes at `from` in another region, or in this one, to `to`; `false`, and nothing is copied, when
    /// they are not all inside.
    pub(crate) fn copy(&self, to: usize, source: &Self, from: usize, length: usize) -> bool {
        let (Some(into), Some(from)) = (self.at(to, length), source.at(from, length)) else {
            return false;
        };
        // SAFETY: `at` checked that both are mapped; the mappings belong to no Rust reference, and the bytes may overlap.
        unsafe { ptr::copy(from.as_ptr(), into.as_ptr(), length) };
        true
    }
}
