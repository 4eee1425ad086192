use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Features};

/// What the halves know of their backend.
#[derive(Debug)]
pub struct Attachment {
    name: String,
    gone: AtomicBool,
    /// Whether the guest knows what the flags in the header of a received frame mean.
    checksums: AtomicBool,
}

impl Attachment {
    /// One that lives, and whose guest takes no offloads. `name` stands in errors.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            gone: AtomicBool::new(false),
            checksums: AtomicBool::new(false),
        }
    }

    /// The name in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the guest acknowledged. Frames carry flags from then on when `GUEST_CSUM` is among it.
    pub fn set_receive_offloads(&self, features: Features) {
        let checksums = features.contains(Features::GUEST_CSUM);
        self.checksums.store(checksums, Ordering::Relaxed);
    }

    /// An event told that the device is gone, which not every device tells to those who read and write. Both
    /// halves are [`Error::Gone`] as soon as there is nothing to receive, or at the next flush.
    pub fn set_gone(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    #[inline]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// The error that says so.
    pub fn gone(&self, cause: io::Error) -> Error {
        Error::Gone {
            object: self.name.clone(),
            cause,
        }
    }

    #[inline]
    pub(super) fn takes_checksums(&self) -> bool {
        self.checksums.load(Ordering::Relaxed)
    }
}
