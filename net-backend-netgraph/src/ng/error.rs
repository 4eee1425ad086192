use std::fmt;
use std::io;
use std::time::Duration;

use super::remedies::remedy;
use super::{MalformedMessage, NameError};

/// What went wrong between a client and netgraph: the operation (`NGM_CONNECT`, `bind`), its object (a path, a name), the
/// cause, and what to do about it where that is known.
///
/// It is a [`net_backend_core::Error`] when that is asked for.
#[derive(Debug)]
pub struct Error(net_backend_core::Error);

impl Error {
    /// What the system said: the errno of the system call, which for a message is what its node said. Of kind
    /// [`TimedOut`](io::ErrorKind::TimedOut) when there was no answer, [`InvalidData`](io::ErrorKind::InvalidData) with a
    /// [`MalformedMessage`] inside for an answer that is none, [`InvalidInput`](io::ErrorKind::InvalidInput) with a
    /// [`NameError`] inside for what cannot be asked. `None` when there is no netgraph on this system at all.
    pub fn cause(&self) -> Option<&io::Error> {
        match &self.0 {
            net_backend_core::Error::System { cause, .. }
            | net_backend_core::Error::Gone { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// The errno of the cause, if it has one.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.cause()?.raw_os_error()
    }

    /// Whether the client's own node is gone: nothing will succeed any more.
    pub fn is_gone(&self) -> bool {
        self.0.is_gone()
    }

    /// Whether the answer did not come in time. It is skipped if it comes later.
    pub fn is_timeout(&self) -> bool {
        self.cause()
            .is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
    }

    /// What the system said to an operation.
    pub(super) fn system(
        operation: &'static str,
        object: impl fmt::Display,
        cause: io::Error,
    ) -> Self {
        if cause.raw_os_error().is_none() && cause.kind() == io::ErrorKind::Unsupported {
            return Self(net_backend_core::Error::Unsupported {
                what: "netgraph".to_owned(),
                reason: "netgraph is FreeBSD's",
            });
        }
        let remedy = cause
            .raw_os_error()
            .and_then(|errno| remedy(operation, errno));
        Self(net_backend_core::Error::system(
            operation,
            object.to_string(),
            cause,
            remedy,
        ))
    }

    /// The same, about something else than the node that the message went to.
    pub(super) fn about(mut self, what: impl fmt::Display) -> Self {
        if let net_backend_core::Error::System { object, .. } = &mut self.0 {
            *object = what.to_string();
        }
        self
    }

    pub(super) fn no_answer(
        operation: &'static str,
        object: impl fmt::Display,
        waited: Duration,
    ) -> Self {
        let cause = io::Error::new(
            io::ErrorKind::TimedOut,
            format!("no answer within {waited:?}"),
        );
        Self::system(operation, object, cause)
    }

    pub(super) fn malformed(
        operation: &'static str,
        object: impl fmt::Display,
        problem: MalformedMessage,
    ) -> Self {
        let cause = io::Error::new(io::ErrorKind::InvalidData, problem);
        Self::system(operation, object, cause)
    }

    pub(super) fn name(
        operation: &'static str,
        object: impl fmt::Display,
        problem: NameError,
    ) -> Self {
        let cause = io::Error::new(io::ErrorKind::InvalidInput, problem);
        Self::system(operation, object, cause)
    }

    pub(super) fn gone(cause: io::Error) -> Self {
        Self(net_backend_core::Error::Gone {
            object: "the socket's netgraph node".to_owned(),
            cause,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}

impl From<Error> for net_backend_core::Error {
    fn from(error: Error) -> Self {
        error.0
    }
}
