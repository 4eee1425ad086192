//! The rules of `hostfwd` and `guestfwd`, as text and as types.

mod cursor;
mod guest;
mod host;
mod key;

pub use guest::{GuestForward, GuestForwardTarget};
pub use host::{HostForward, HostSide, Transport};
pub use key::HostForwardKey;

use net_backend_core::{ConfigError, ConfigProblem};

/// The longest path of a unix socket, in bytes: what FreeBSD's `sockaddr_un` holds besides the final zero. Linux has
/// room for four more, and a rule should mean the same on both.
pub(crate) const LONGEST_SOCKET_PATH: usize = 103;

/// What is wrong with a rule, and where.
#[derive(Debug)]
pub(crate) struct Complaint {
    /// Bytes from the beginning of the rule.
    pub(crate) offset: usize,
    /// Continues a sentence that begins with the rule.
    pub(crate) text: String,
}

impl Complaint {
    fn new(offset: usize, text: impl Into<String>) -> Self {
        Self {
            offset,
            text: text.into(),
        }
    }

    /// The same as an error about the rule alone.
    fn about(self, rule: &str) -> ConfigError {
        let message = format!("{rule} {}", self.text);
        ConfigError::new(ConfigProblem::BadValue, rule, self.offset, message)
    }
}
