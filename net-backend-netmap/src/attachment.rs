use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use net_backend_core::{Error, Result};

use crate::ring::{Corrupt, SyncFailure};
use crate::spares::Spares;

/// What the halves know of their port. While one of them lives, it has several owners.
#[derive(Debug)]
pub(crate) struct Attachment {
    /// As in error messages, `netmap:vale0:vm1`.
    pub(crate) name: String,
    /// The memory region of the port's buffers.
    pub(crate) memory: u16,
    /// Buffers that are in no ring.
    pub(crate) spares: Option<Arc<Spares>>,
    gone: AtomicBool,
}

impl Attachment {
    pub(crate) fn new(name: String, memory: u16, spares: Option<Arc<Spares>>) -> Self {
        Self {
            name,
            memory,
            spares,
            gone: AtomicBool::new(false),
        }
    }

    /// Fails when the other half found the port gone.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        match self.gone.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(self.gone(io::ErrorKind::NotConnected.into())),
        }
    }

    /// No frame will pass again, for this cause.
    #[cold]
    pub(crate) fn gone(&self, cause: io::Error) -> Error {
        self.gone.store(true, Ordering::Relaxed);
        Error::Gone {
            object: self.name.clone(),
            cause,
        }
    }

    /// What the system said about something of the port's.
    #[cold]
    pub(crate) fn system(&self, operation: &'static str, cause: io::Error) -> Error {
        Error::system(operation, self.name.clone(), cause, None)
    }

    /// What a failed synchronisation means.
    #[cold]
    pub(crate) fn failed(&self, failure: SyncFailure) -> Error {
        match failure {
            SyncFailure::Refused(cause) => self.gone(cause),
            SyncFailure::Corrupt(corrupt) => self.corrupt(corrupt),
        }
    }

    /// What a ring that makes no sense means: it is not used again.
    #[cold]
    pub(crate) fn corrupt(&self, cause: Corrupt) -> Error {
        self.gone(io::Error::new(io::ErrorKind::InvalidData, cause))
    }
}
