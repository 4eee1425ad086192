use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use net_backend_core::{Error, Result};

use crate::abi::NAME_BYTES;
use crate::gate::Control;
use crate::port::Port;
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
    /// Something that is bound to the port, and the port's name for questions about it.
    control: Arc<dyn Control>,
    kernel_name: [u8; NAME_BYTES],
    /// Bytes of the virtio-net header that the port had when it was opened; `None` where there is none to set.
    pub(crate) original_header: Option<u32>,
    gone: AtomicBool,
}

impl Attachment {
    pub(crate) fn new(port: &Port, original_header: Option<u32>) -> Result<Self> {
        Ok(Self {
            name: port.label.clone(),
            memory: port.facts.memory,
            spares: port.spares()?,
            control: port.control()?,
            kernel_name: port.name,
            original_header,
            gone: AtomicBool::new(false),
        })
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

    /// What a failed synchronisation means: `EIO` is the answer of a port whose interface is gone. One that is down lets
    /// the system call wait (`nm_kr_tryget` in netmap_kern.h).
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

impl Drop for Attachment {
    /// What was set is set back, for those who open a persistent port next. Nothing can be done if that fails.
    fn drop(&mut self) {
        let Some(length) = self.original_header else {
            return;
        };
        let told = self.control.header_length(self.kernel_name);
        if told.is_ok_and(|now| now != length) {
            let _ = self.control.set_header_length(self.kernel_name, length);
        }
    }
}
