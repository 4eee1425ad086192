// UNSAFETY: the rings and buffers of a port are memory that a kernel and other processes write to at the same time; it
// can only be mapped, read and written by address.
#![expect(
    unsafe_code,
    reason = "memory shared with a kernel is mapped and accessed by address"
)]

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Mapped memory that others write to as well. Every access is bounded; words are accessed atomically, bytes by copy.
pub(crate) struct Region {
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the process and not to a thread, and is unmapped only by the last owner.
unsafe impl Send for Region {}
// SAFETY: words are accessed atomically, and bytes are never lent out as Rust references.
unsafe impl Sync for Region {}

impl Region {
    /// Maps the first `length` bytes of a netmap memory region.
    ///
    /// # Errors
    ///
    /// What `mmap(2)` said.
    pub(crate) fn map(descriptor: BorrowedFd<'_>, length: usize) -> io::Result<Arc<Self>> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address that the kernel chooses; no Rust reference is ever made into it.
        let base = unsafe {
            mmap(
                ptr::null_mut(),
                length,
                access,
                MapFlags::SHARED,
                descriptor,
                0,
            )
        }?;
        Self::new(base.cast(), length)
    }

    /// Zeroed memory that belongs to no kernel.
    ///
    /// # Errors
    ///
    /// What `mmap(2)` said.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "what the model of a kernel consists of")
    )]
    pub(crate) fn anonymous(length: usize) -> io::Result<Arc<Self>> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // Miri has no shared mappings.
        let flags = if cfg!(miri) {
            MapFlags::PRIVATE
        } else {
            MapFlags::SHARED
        };
        // SAFETY: as in `map`.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), length, access, flags) }?;
        Self::new(base.cast(), length)
    }

    fn new(base: *mut u8, length: usize) -> io::Result<Arc<Self>> {
        let base = NonNull::new(base).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Arc::new(Self { base, length }))
    }

    /// Length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The address of `length` bytes at `offset`; `None` when they are not all inside.
    #[inline]
    pub(crate) fn at(&self, offset: usize, length: usize) -> Option<NonNull<u8>> {
        let end = offset.checked_add(length)?;
        if end > self.length {
            return None;
        }
        // SAFETY: offset <= length of the mapping, by the check above.
        Some(unsafe { self.base.add(offset) })
    }

    /// Copies the bytes at `offset` out; `false`, and nothing is copied, when they are not all inside.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "for the model")
    )]
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let Some(from) = self.at(offset, into.len()) else {
            return false;
        };
        // SAFETY: `at` checked that the bytes are mapped; `into` is exclusively borrowed, and no borrow covers the
        // mapping.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), into.as_mut_ptr(), into.len()) };
        true
    }

    /// Copies `bytes` to `offset`; `false`, and nothing is copied, when there is not that much room.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(dead_code, reason = "for the model")
    )]
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) -> bool {
        let Some(to) = self.at(offset, bytes.len()) else {
            return false;
        };
        // SAFETY: as in `read`.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) };
        true
    }

    fn place<T>(&self, offset: usize) -> Option<NonNull<T>> {
        let place = self.at(offset, size_of::<T>())?.cast::<T>();
        place.is_aligned().then_some(place)
    }
}

/// Words, each loaded with acquire ordering; `None` when the word is misaligned or not inside.
macro_rules! loads {
    ($($(#[$when:meta])* $load:ident, $word:ty, $atomic:ty;)*) => {
        impl Region {$(
            $(#[$when])*
            #[inline]
            pub(crate) fn $load(&self, offset: usize) -> Option<$word> {
                let place = self.place::<$atomic>(offset)?;
                // SAFETY: mapped and aligned, by `place`; every access to words of the region is atomic.
                let word = unsafe { place.as_ref() };
                Some(word.load(Ordering::Acquire))
            }
        )*}
    };
}

/// Words, each stored with release ordering; `false`, and nothing is stored, when the word is misaligned or not inside.
macro_rules! stores {
    ($($(#[$when:meta])* $store:ident, $word:ty, $atomic:ty;)*) => {
        impl Region {$(
            $(#[$when])*
            #[inline]
            pub(crate) fn $store(&self, offset: usize, value: $word) -> bool {
                let Some(place) = self.place::<$atomic>(offset) else {
                    return false;
                };
                // SAFETY: mapped and aligned, by `place`; every access to words of the region is atomic.
                let word = unsafe { place.as_ref() };
                word.store(value, Ordering::Release);
                true
            }
        )*}
    };
}

loads! {
    #[cfg(any(test, feature = "testing"))]
    load_u16, u16, std::sync::atomic::AtomicU16;
    load_u32, u32, AtomicU32;
    load_u64, u64, AtomicU64;
}

stores! {
    #[cfg(any(test, feature = "testing"))]
    store_u16, u16, std::sync::atomic::AtomicU16;
    store_u32, u32, AtomicU32;
    #[cfg(any(test, feature = "testing"))]
    store_u64, u64, AtomicU64;
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the whole of a mapping that was made in `map` or `anonymous`; rings hold the region alive.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok(), "{unmapped:?}");
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} bytes)", self.length)
    }
}
