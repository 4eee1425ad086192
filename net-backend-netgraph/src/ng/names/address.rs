use std::fmt;
use std::str::FromStr;

use super::{HookName, NameError, NodeName, parse};

/// The number of a node, which no other node gets while it lives. Printed and read as the kernel does: `[1f]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// Where messages for the node go: `[1f]:`.
    pub fn address(self) -> Address {
        Address(format!("{self}:"))
    }
}

impl FromStr for NodeId {
    type Err = NameError;

    /// Reads `[1f]`, or `[1f]:` as the sender of a message is written.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_suffix(':').unwrap_or(text);
        parse::identifier(bare)
            .map(Self)
            .ok_or_else(|| NameError::no_identifier(text))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:x}]", self.0)
    }
}

/// The way to a node, 1 to 511 bytes: `em0:` by its name, `[5]:` by its number, `.:` for the node that has the message,
/// then hooks with dots between them, `em0:lower.link2`; or hooks alone, from the node that has the message.
///
/// Checked as `ng_path_parse` in the kernel's `ng_base.c` does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(String);

impl Path {
    /// Checks a path.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong, and where.
    pub fn new(path: impl Into<String>) -> Result<Self, NameError> {
        let path = path.into();
        parse::path(&path).map(|()| Self(path))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a message goes: a [`Path`] of at most 32 bytes, as seen from the client's own node. The kernel takes no longer
/// one; nodes that are farther away are reached by [name](Self::from) or [number](NodeId::address).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

impl Address {
    /// Checks an address.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong, and where.
    pub fn new(address: impl Into<String>) -> Result<Self, NameError> {
        let address = address.into();
        parse::address(&address).map(|()| Self(address))
    }

    /// The client's own node: `.:`.
    pub fn own() -> Self {
        Self(".:".to_owned())
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
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

        impl From<NodeId> for $name {
            fn from(node: NodeId) -> Self {
                Self(format!("{node}:"))
            }
        }

        impl From<&NodeName> for $name {
            /// `name:`
            fn from(node: &NodeName) -> Self {
                Self(format!("{node}:"))
            }
        }

        impl From<&HookName> for $name {
            /// The node at the other end of a hook.
            fn from(hook: &HookName) -> Self {
                Self(hook.to_string())
            }
        }
    };
}

text!(Path);
text!(Address);

impl From<Address> for Path {
    fn from(address: Address) -> Self {
        Self(address.0)
    }
}

impl TryFrom<Path> for Address {
    type Error = NameError;

    fn try_from(path: Path) -> Result<Self, NameError> {
        Self::new(path.0)
    }
}
