use std::fmt;
use std::io;

use crate::{ConfigError, Features};

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the operation and the object that it was about.
///
/// The message is complete: it tells the cause too, which is therefore a field and not a
/// [`source`](std::error::Error::source) that a chain would print again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URI or one of its options is not right.
    #[error(transparent)]
    Config(#[from] Box<ConfigError>),
    /// The operating system refused something.
    #[error("{operation} on {object}: {}{}", plain(cause), Remedy(remedy))]
    System {
        /// The system call or request, `TUNSETIFF`.
        operation: &'static str,
        /// What it was about, `tap0`.
        object: String,
        /// What the operating system said.
        cause: io::Error,
        /// What to do about it, where that is known.
        remedy: Option<&'static str>,
    },
    /// The other side is gone for good: no frame will ever pass again. Drop the queues and the backend.
    #[error("{object} is gone: {}", plain(cause))]
    Gone {
        /// What is gone, `tap0`.
        object: String,
        /// How that showed.
        cause: io::Error,
    },
    /// Features were asked for that the backend does not offer.
    #[error("{scheme} does not offer {missing}; it offers {offered}")]
    NotOffered {
        /// The backend.
        scheme: &'static str,
        /// What was asked for in vain.
        missing: Features,
        /// What could have been.
        offered: Features,
    },
    /// A feature was asked for without one that it needs (virtio 1.2, 5.1.3.1).
    #[error("{feature} needs {needs}; ask for both or for neither")]
    FeatureDependency {
        /// The feature.
        feature: Features,
        /// One of these is missing.
        needs: Features,
    },
    /// Offloads were asked for without the header that carries them.
    #[error("{features} needs the virtio-net header; activate with a header of 10 or 12 bytes")]
    NoHeader {
        /// The offloads.
        features: Features,
    },
    /// No queue pair, or more of them than there are.
    #[error("{asked} queue pairs asked for; {scheme} was opened for 1 to {most}")]
    QueuePairs {
        /// The backend.
        scheme: &'static str,
        /// How many were asked for.
        asked: u16,
        /// How many there are.
        most: u16,
    },
    /// The queue pairs of the last activation still live.
    #[error("{object} is active; drop the queue pairs of the last activation first")]
    Active {
        /// The backend.
        object: String,
    },
    /// This operating system or kernel cannot do that.
    #[error("{what} is not possible here: {reason}")]
    Unsupported {
        /// What was asked for, `tap`.
        what: String,
        /// Why not, and where it is possible.
        reason: &'static str,
    },
}

/// The kind of an [`Error`], to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text that selects the backend is wrong.
    Config,
    /// The request does not fit what the backend offers or the state that it is in.
    Request,
    /// No permission.
    Permission,
    /// There is no such file.
    NotFound,
    /// The device is in use.
    InUse,
    /// Gone for good.
    Gone,
    /// Not possible on this operating system or kernel.
    Unsupported,
    /// Anything else that the operating system said.
    System,
}

impl Error {
    /// What the operating system said about an object, and what to do about it where that is known: an
    /// [`Error::System`].
    pub fn system(
        operation: &'static str,
        object: impl Into<String>,
        cause: io::Error,
        remedy: Option<&'static str>,
    ) -> Self {
        Self::System {
            operation,
            object: object.into(),
            cause,
            remedy,
        }
    }

    /// The kind, to match on.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_) => ErrorKind::Config,
            Self::System { cause, .. } => match cause.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::Permission,
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::ResourceBusy | io::ErrorKind::AddrInUse => ErrorKind::InUse,
                io::ErrorKind::Unsupported => ErrorKind::Unsupported,
                _ => ErrorKind::System,
            },
            Self::Gone { .. } => ErrorKind::Gone,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::NotOffered { .. }
            | Self::FeatureDependency { .. }
            | Self::NoHeader { .. }
            | Self::QueuePairs { .. }
            | Self::Active { .. } => ErrorKind::Request,
        }
    }

    /// Whether the backend will never work again.
    pub fn is_gone(&self) -> bool {
        self.kind() == ErrorKind::Gone
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(Box::new(error))
    }
}

/// `; remedy`, or nothing.
struct Remedy<'a>(&'a Option<&'static str>);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// The system's words without the number that the standard library appends.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_operation_object_and_remedy() {
        let error = Error::System {
            operation: "TUNSETIFF",
            object: "tap0".into(),
            cause: io::Error::from_raw_os_error(libc::EPERM),
            remedy: Some("needs CAP_NET_ADMIN or a tap owned by you"),
        };
        assert_eq!(
            error.to_string(),
            "TUNSETIFF on tap0: Operation not permitted; needs CAP_NET_ADMIN or a tap owned by you"
        );
        assert_eq!(error.kind(), ErrorKind::Permission);
    }
}
