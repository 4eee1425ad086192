//! Names of nodes, hooks and types, and the paths that they make.

mod address;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::MalformedMessage;

pub use address::{Address, NodeId, Path};
pub use parse::NameError;
pub(super) use parse::check_text;

/// Bytes of a name of a node, a hook or a type, with the NUL at its end (`NG_NODESIZ`, `NG_HOOKSIZ`, `NG_TYPESIZ` in
/// `netgraph/ng_message.h`).
pub const NAME_BYTES: usize = 32;

/// Bytes of a path, with the NUL at its end (`NG_PATHSIZ`).
pub const PATH_BYTES: usize = 512;

/// The longest address of a message, in bytes: a control socket takes no longer ones (`struct sockaddr_ng` in
/// `netgraph/ng_socket.h`).
pub const LONGEST_ADDRESS: usize = 32;

macro_rules! name {
    ($(#[$about:meta])* $name:ident, $what:literal, $check:path) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks a name.
            ///
            /// # Errors
            ///
            /// [`NameError`] says what is wrong, and where; it names the limit that a name exceeds.
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                $check(&name).map(|()| Self(name))
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// As the kernel says it: whatever it has is a name. Bytes that are no UTF-8 become `?`.
            pub(super) fn of_kernel(name: &[u8]) -> Result<Self, MalformedMessage> {
                match name {
                    [] => Err(MalformedMessage::Nameless($what)),
                    _ => Ok(Self(parse::printable(name))),
                }
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a node: 1 to 31 bytes without `.`, `:` and NUL, and not of the form `[1f]`, which is an identifier.
    ///
    /// From the kernel, whatever name a node has; bytes of it that are no UTF-8 are `?` here, and such a node is
    /// reached by its [`NodeId`] only.
    NodeName, "node", parse::node
}

name! {
    /// The name of a hook: 1 to 31 bytes without NUL, and without `.` and `:`, because no path leads over a hook that has
    /// these.
    ///
    /// From the kernel, whatever name a hook has; bytes of it that are no UTF-8 are `?` here.
    HookName, "hook", parse::hook
}

name! {
    /// The name of a type of nodes, `bridge`: 1 to 31 bytes without NUL, and without `/`, because the kernel loads the
    /// module `ng_TYPE` when it does not know the type, and would look for it in other directories.
    TypeName, "type", parse::type_
}

impl HookName {
    /// A name that is written in this crate.
    pub(crate) fn known(name: &'static str) -> Self {
        debug_assert!(parse::hook(name).is_ok(), "{name}");
        Self(name.to_owned())
    }

    /// A name that ends in a number, and is none that needs to be checked.
    pub(super) fn of_number(name: &impl fmt::Display) -> Self {
        Self(name.to_string())
    }
}
