use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::Result;

/// Host ports that lead into the guest, changed at run time, and the connections that are open. From
/// [`NetBackend::port_forwarding`](crate::NetBackend::port_forwarding).
///
/// All of it may be called while the queues are in use, from any thread. A call waits for the backend to finish the
/// frame that it is at, and for nothing else.
pub trait PortForwarding: Send + Sync {
    /// Adds a rule in QEMU's `hostfwd` grammar, `tcp:127.0.0.1:2222-:22`; returns it as bound. All ports of a range
    /// are bound, or none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) for a malformed rule, [`Error::System`](crate::Error::System) when the
    /// host side cannot be bound.
    fn add(&self, rule: &str) -> Result<Forwarding>;

    /// Removes the rule with this host side, `tcp:127.0.0.1:2222`; a range as it was written, `tcp::8000-8010`; a
    /// port that the host chose by its number. Connections that came in by the rule stay open.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](crate::Error::Config) when the text is no host side, or there is no such rule.
    fn remove(&self, host_side: &str) -> Result<()>;

    /// The rules in force, in the order in which they were added.
    fn list(&self) -> Vec<Forwarding>;

    /// The connections that are open, in no order: a picture of the moment, which the guest may change while it is
    /// looked at. Ports that only wait for connections are not among them. Empty for a backend that keeps no table.
    fn connections(&self) -> Vec<Connection> {
        Vec::new()
    }
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forwarding {
    /// The rule as it would be written.
    pub rule: String,
    /// The host side as it is bound, with the port that the host chose where the rule said 0: one address for each
    /// port of a range, in order; none for a unix socket.
    pub bound: Vec<SocketAddr>,
}

impl Forwarding {
    /// A rule, and where it is bound.
    pub fn new(rule: impl Into<String>, bound: Vec<SocketAddr>) -> Self {
        Self {
            rule: rule.into(),
            bound,
        }
    }
}

/// A connection of the guest, or for UDP and ICMP an exchange that has not yet expired.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// What it speaks.
    pub protocol: ConnectionProtocol,
    /// Who began it.
    pub direction: ConnectionDirection,
    /// The guest's end. For ICMP the port is the identifier of the echo requests.
    pub guest: SocketAddr,
    /// The other end as the host sees it: `127.0.0.1` where the guest spoke to the host. `None` where it is a unix
    /// socket or a command, and where it is not known: one UDP socket speaks with many.
    pub remote: Option<SocketAddr>,
    /// The address of the host's own socket. `None` for a unix socket.
    pub local: Option<SocketAddr>,
    /// The forwarding rule that it came in by, as [`Forwarding::rule`] has it.
    pub rule: Option<String>,
    /// How far TCP has come with the guest, by its own name: `ESTABLISHED`, `FIN_WAIT_2`. `None` for others, and where it
    /// is not known.
    pub state: Option<String>,
    /// How long it has been there.
    pub age: Duration,
}

impl Connection {
    /// A connection of which only the guest's end is known.
    pub fn new(
        protocol: ConnectionProtocol,
        direction: ConnectionDirection,
        guest: SocketAddr,
    ) -> Self {
        Self {
            protocol,
            direction,
            guest,
            remote: None,
            local: None,
            rule: None,
            state: None,
            age: Duration::ZERO,
        }
    }
}

/// What a [`Connection`] speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Echo requests and replies of ICMP or ICMPv6.
    Icmp,
}

/// Who began a [`Connection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionDirection {
    /// Somebody outside of the guest, by a forwarding rule.
    Inbound,
    /// The guest.
    Outbound,
}

impl fmt::Display for ConnectionProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        })
    }
}
