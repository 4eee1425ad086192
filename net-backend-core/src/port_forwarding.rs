use std::net::SocketAddr;

use crate::Result;

/// Host ports that lead into the guest, changed at run time. From
/// [`NetBackend::port_forwarding`](crate::NetBackend::port_forwarding).
pub trait PortForwarding {
    /// Adds a rule in QEMU's `hostfwd` grammar, `tcp:127.0.0.1:2222-:22`; returns it as bound.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a malformed rule, [`Error::System`](crate::Error::System) when the
    /// host side cannot be bound.
    fn add(&self, rule: &str) -> Result<Forwarding>;

    /// Removes the rule with this host side, `tcp:127.0.0.1:2222`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) when there is no such rule.
    fn remove(&self, host_side: &str) -> Result<()>;

    /// The rules in force.
    fn list(&self) -> Vec<Forwarding>;
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// The rule as it would be written.
    pub rule: String,
    /// The host side, with the port that the host chose where the rule said 0; `None` for a unix socket.
    pub bound: Option<SocketAddr>,
}
