use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use net_backend_core::ConfigError;

use super::cursor::{Behind, Cursor, socket_path};
use super::host::{Address, Range, unknown_protocol};
use super::{Complaint, HostForward, HostSide, Transport};

/// Which [`HostForward`] is to go: its host side, in the grammar of QEMU's `hostfwd_remove`.
///
/// `tcp:127.0.0.1:2222`, `udp:[::1]:53`, `unix:/path`. No protocol is tcp, and `:2222` is `tcp::2222`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostForwardKey {
    /// The protocol of the rule.
    pub protocol: Transport,
    /// Its host side: a range as it was given, or the port that the host chose.
    pub host: HostSide,
}

impl HostForwardKey {
    /// Whether this means `rule`, which is bound to these addresses: one for each port of its range, in order.
    pub fn matches(&self, rule: &HostForward, bound: &[SocketAddr]) -> bool {
        let same_host = match (&self.host, &rule.host) {
            (
                HostSide::Ip { address, ports },
                HostSide::Ip {
                    address: rule_address,
                    ports: rule_ports,
                },
            ) => {
                same_address(*address, *rule_address, bound.first())
                    && (ports == rule_ports || is_chosen(ports, rule_ports, bound.first()))
            }
            (HostSide::Unix(path), HostSide::Unix(rule_path)) => path == rule_path,
            _ => false,
        };
        self.protocol == rule.protocol && same_host
    }

    fn parse(text: &str) -> Result<Self, Complaint> {
        let mut cursor = Cursor::new(text);
        let protocol = match cursor.before(':') {
            Some("tcp" | "") => Transport::Tcp,
            Some("udp") => Transport::Udp,
            Some("unix") => {
                socket_path(cursor.rest(), cursor.offset())?;
                return Ok(Self {
                    protocol: Transport::Tcp,
                    host: HostSide::Unix(cursor.rest().into()),
                });
            }
            Some(other) => return Err(unknown_protocol(other)),
            None => return Err(Complaint::new(0, "has no colon; write tcp::2222")),
        };
        let is_short = text.starts_with(':') && !cursor.rest().contains(':');
        let address = if is_short {
            None
        } else {
            cursor.address("host")?
        };
        let ports = cursor.ports("host", Behind::Nothing)?;
        cursor.end()?;
        Ok(Self {
            protocol,
            host: HostSide::Ip {
                address,
                ports: ports.range,
            },
        })
    }
}

impl From<&HostForward> for HostForwardKey {
    fn from(rule: &HostForward) -> Self {
        Self {
            protocol: rule.protocol,
            host: rule.host.clone(),
        }
    }
}

impl FromStr for HostForwardKey {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).map_err(|complaint| complaint.about(text))
    }
}

impl fmt::Display for HostForwardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostSide::Ip { address, ports } => {
                let protocol = self.protocol;
                write!(
                    f,
                    "{protocol}:{}:{}",
                    Address(*address),
                    Range(ports.clone())
                )
            }
            HostSide::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// No address is every address: that of the rule, or 0.0.0.0.
fn same_address(key: Option<IpAddr>, rule: Option<IpAddr>, bound: Option<&SocketAddr>) -> bool {
    const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    match key {
        None => rule.is_none_or(|rule| rule == ANY),
        Some(key) => rule.or(bound.map(SocketAddr::ip)).unwrap_or(ANY) == key,
    }
}

/// Whether the one port of `key` is what the host chose for a rule that left it to it.
fn is_chosen(
    key: &RangeInclusive<u16>,
    rule: &RangeInclusive<u16>,
    bound: Option<&SocketAddr>,
) -> bool {
    let chosen = bound.map(SocketAddr::port);
    *rule.end() == 0 && key.start() == key.end() && chosen == Some(*key.start())
}
