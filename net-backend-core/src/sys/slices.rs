// UNSAFETY: a frame in guest memory can only be named by address, and copied by address: a Rust reference to
// memory that the guest writes to at the same time would be undefined behaviour.
#![expect(
    unsafe_code,
    reason = "frames in guest memory are read and written through raw pointers"
)]

use std::fmt;
use std::marker::PhantomData;

use super::imp::{self, Iovec};

/// A piece of a frame to send: an address and a length that live for `'a`. Same layout as the OS's `iovec`.
///
/// The bytes may be guest memory, which changes under our hands; therefore they are never lent out as `&[u8]`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct TxSlice<'a>(Iovec, PhantomData<&'a [u8]>);

/// A piece of a buffer to receive into: an address and a length that live for `'a`. Same layout as the OS's
/// `iovec`.
#[repr(transparent)]
pub struct RxSlice<'a>(Iovec, PhantomData<&'a mut [u8]>);

// SAFETY: a TxSlice stands for a shared borrow of bytes, and `&[u8]` is Send.
unsafe impl Send for TxSlice<'_> {}
// SAFETY: no method of TxSlice writes, and `&[u8]` is Sync.
unsafe impl Sync for TxSlice<'_> {}
// SAFETY: an RxSlice stands for an exclusive borrow of bytes, and `&mut [u8]` is Send.
unsafe impl Send for RxSlice<'_> {}
// SAFETY: a shared RxSlice can only tell its address and length.
unsafe impl Sync for RxSlice<'_> {}

impl<'a> TxSlice<'a> {
    /// No bytes.
    pub const EMPTY: Self = Self::new(&[]);

    /// A piece in ordinary memory.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(
            imp::iovec(bytes.as_ptr().cast_mut(), bytes.len()),
            PhantomData,
        )
    }

    /// A piece at an address, in guest memory for instance.
    ///
    /// # Safety
    ///
    /// For all of `'a`, `length` bytes from `base` are mapped and readable. They may change meanwhile, by the
    /// hand of a guest, but must not be under a Rust `&mut` borrow.
    #[inline]
    pub const unsafe fn from_raw_parts(base: *const u8, length: usize) -> Self {
        Self(imp::iovec(base.cast_mut(), length), PhantomData)
    }

    /// Where the piece begins.
    #[inline]
    pub const fn as_ptr(&self) -> *const u8 {
        imp::base(&self.0)
    }

    /// Length in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        imp::length(&self.0)
    }

    /// Whether the length is 0.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The piece without its first `count` bytes; empty when it has no more than that.
    #[inline]
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        let skipped = count.min(self.len());
        let base = self.as_ptr().wrapping_add(skipped);
        // SAFETY: the rest of the piece is mapped and readable for 'a because the whole of it is.
        unsafe { Self::from_raw_parts(base, self.len() - skipped) }
    }

    /// The first `N` bytes; `None` when there are fewer. For a small `N` cheaper than [`copy_to`](Self::copy_to).
    #[inline]
    pub fn first_chunk<const N: usize>(&self) -> Option<[u8; N]> {
        if self.len() < N {
            return None;
        }
        // SAFETY: N bytes are readable at as_ptr() (constructor and the check above); byte arrays need no alignment
        // and any bytes are valid in them.
        Some(unsafe { self.as_ptr().cast::<[u8; N]>().read() })
    }

    /// Copies the beginning of the piece into `into`; returns how many bytes were copied.
    #[inline]
    pub fn copy_to(&self, into: &mut [u8]) -> usize {
        let count = self.len().min(into.len());
        // SAFETY: `count` bytes are readable at as_ptr() (constructor) and writable in `into`; the two do not
        // overlap, since `into` is exclusively borrowed.
        unsafe { std::ptr::copy_nonoverlapping(self.as_ptr(), into.as_mut_ptr(), count) };
        count
    }
}

impl<'a> RxSlice<'a> {
    /// A piece in ordinary memory.
    #[inline]
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        let length = bytes.len();
        Self(imp::iovec(bytes.as_mut_ptr(), length), PhantomData)
    }

    /// A piece at an address, in guest memory for instance.
    ///
    /// # Safety
    ///
    /// For all of `'a`, `length` bytes from `base` are mapped and writable, and no Rust borrow covers them.
    #[inline]
    pub const unsafe fn from_raw_parts(base: *mut u8, length: usize) -> Self {
        Self(imp::iovec(base, length), PhantomData)
    }

    /// Where the piece begins.
    #[inline]
    pub const fn as_ptr(&self) -> *mut u8 {
        imp::base(&self.0)
    }

    /// Length in bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        imp::length(&self.0)
    }

    /// Whether the length is 0.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The piece for a shorter time, without its first `count` bytes; empty when it has no more than that.
    #[inline]
    pub fn skip(&mut self, count: usize) -> RxSlice<'_> {
        let skipped = count.min(self.len());
        let base = self.as_ptr().wrapping_add(skipped);
        // SAFETY: the rest of the piece is mapped and writable because the whole of it is, and `self` stays
        // exclusively borrowed while the result lives.
        unsafe { RxSlice::from_raw_parts(base, self.len() - skipped) }
    }

    /// Writes `chunk` at byte `offset`; `false`, and nothing is written, when it does not fit. For a small `N`
    /// cheaper than [`copy_from`](Self::copy_from).
    #[inline]
    pub fn put_chunk<const N: usize>(&mut self, offset: usize, chunk: [u8; N]) -> bool {
        if offset.checked_add(N).is_none_or(|end| end > self.len()) {
            return false;
        }
        let place = self.as_ptr().wrapping_add(offset).cast::<[u8; N]>();
        // SAFETY: N bytes are writable at `offset` (constructor and the check above), and the piece is exclusively
        // borrowed; byte arrays need no alignment.
        unsafe { place.write(chunk) };
        true
    }

    /// Copies the beginning of `from` into the piece; returns how many bytes were copied.
    #[inline]
    pub fn copy_from(&mut self, from: &[u8]) -> usize {
        let count = self.len().min(from.len());
        // SAFETY: `count` bytes are readable in `from` and writable at as_ptr() (constructor); the two do not
        // overlap, since the piece is exclusively borrowed.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), self.as_ptr(), count) };
        count
    }
}

impl<'a> From<&'a [u8]> for TxSlice<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::new(bytes)
    }
}

impl<'a> From<&'a mut [u8]> for RxSlice<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for TxSlice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxSlice({:p}, {})", self.as_ptr(), self.len())
    }
}

impl fmt::Debug for RxSlice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RxSlice({:p}, {})", self.as_ptr(), self.len())
    }
}

/// Length of the whole frame in bytes.
#[inline]
pub fn total_length(frame: &[TxSlice<'_>]) -> usize {
    frame
        .iter()
        .fold(0, |sum, piece| sum.saturating_add(piece.len()))
}

/// Copies the frame from its byte `from` on into `into`; returns how many bytes were copied.
#[inline]
pub fn gather(frame: &[TxSlice<'_>], mut from: usize, into: &mut [u8]) -> usize {
    let mut copied = 0;
    for piece in frame {
        let rest = into.get_mut(copied..).unwrap_or_default();
        copied += piece.skip(from).copy_to(rest);
        from = from.saturating_sub(piece.len());
    }
    copied
}

/// Copies `bytes` into the buffer, beginning at its byte `to`; returns how many bytes found room.
#[inline]
pub fn scatter(bytes: &[u8], buffer: &mut [RxSlice<'_>], mut to: usize) -> usize {
    let mut copied = 0;
    for piece in buffer {
        let length = piece.len();
        let rest = bytes.get(copied..).unwrap_or_default();
        copied += piece.skip(to).copy_from(rest);
        to = to.saturating_sub(length);
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_from_any_byte() {
        let frame = [
            TxSlice::new(b"ab"),
            TxSlice::EMPTY,
            TxSlice::new(b"cdef"),
            TxSlice::new(b"g"),
        ];
        assert_eq!(total_length(&frame), 7);
        for from in 0..=8 {
            let mut into = [b'.'; 5];
            let count = gather(&frame, from, &mut into);
            let expected = b"abcdefg".get(from..).unwrap_or_default();
            let expected = &expected[..expected.len().min(5)];
            assert_eq!(&into[..count], expected, "from {from}");
        }
    }

    #[test]
    fn chunks_stay_inside() {
        assert_eq!(TxSlice::new(b"abc").first_chunk(), Some(*b"ab"));
        assert_eq!(TxSlice::new(b"a").first_chunk::<2>(), None);
        let mut bytes = *b"....";
        let mut piece = RxSlice::new(&mut bytes);
        assert!(piece.put_chunk(2, *b"xy"));
        assert!(!piece.put_chunk(3, *b"zz"));
        assert!(!piece.put_chunk(usize::MAX, *b"zz"));
        assert_eq!(&bytes, b"..xy");
    }

    #[test]
    fn scatters_to_any_byte() {
        for to in 0..=6 {
            let (mut a, mut b) = ([b'.'; 2], [b'.'; 3]);
            let mut buffer = [RxSlice::new(&mut a), RxSlice::new(&mut b)];
            let count = scatter(b"xyz", &mut buffer, to);
            let mut expected = *b".....";
            for (at, byte) in b"xyz".iter().enumerate() {
                if let Some(place) = expected.get_mut(to + at) {
                    *place = *byte;
                }
            }
            assert_eq!([&a[..], &b[..]].concat(), expected, "to {to}");
            assert_eq!(count, 3.min(5_usize.saturating_sub(to)));
        }
    }
}
