use std::io;

use crate::wake::Doorbell;

#[cfg(windows)]
pub use std::os::windows::io::{
    BorrowedHandle as BorrowedDescriptor, OwnedHandle as OwnedDescriptor,
};

#[derive(Clone, Copy)]
pub(super) struct Iovec {
    base: *mut u8,
    length: usize,
}

pub(super) const fn iovec(base: *mut u8, length: usize) -> Iovec {
    Iovec { base, length }
}

pub(super) const fn base(iovec: &Iovec) -> *mut u8 {
    iovec.base
}

pub(super) const fn length(iovec: &Iovec) -> usize {
    iovec.length
}

/// A doorbell that cannot be made on this operating system.
#[derive(Debug)]
pub struct Bell(std::convert::Infallible);

impl Bell {
    /// Fails: there is no doorbell on this operating system yet.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`], always.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What is readable while the bell rings.
    pub fn descriptor(&self) -> BorrowedDescriptor<'_> {
        match self.0 {}
    }
}

impl Bell {
    /// Both descriptors, which a sandbox must leave open.
    pub fn descriptors(&self) -> [BorrowedDescriptor<'_>; 2] {
        match self.0 {}
    }
}

impl Doorbell for Bell {
    fn ring(&self) {
        match self.0 {}
    }

    fn silence(&self) -> usize {
        match self.0 {}
    }
}
