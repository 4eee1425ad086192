use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use net_backend_core::ConfigError;

use super::Complaint;
use super::cursor::{Behind, Cursor, socket_path};

/// A rule that leads from the host into the guest, in the grammar of QEMU's `hostfwd`.
///
/// ```text
/// rule  = [ "tcp" | "udp" ] ":" [ address ] ":" ports "-" [ address ] ":" ports
///       | "unix:" path "-" [ address ] ":" port
/// ports = port [ "-" port ]
/// ```
///
/// No protocol is tcp. An IPv6 address stands in brackets. No host address is every IPv4 address of the host, or every
/// IPv6 address when the guest's address is one; no guest address is the first one that DHCP gives, or for IPv6 that
/// of the first neighbour seen. Host port 0 lets the host choose. A range leads to as many ports of the guest, of which
/// the first is enough: `tcp::8000-8010-:9000`. The path of a unix socket ends at the last dash.
///
/// Stricter than QEMU's: numbers are decimal without leading zeros, and addresses are written in full.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostForward {
    /// What is forwarded; for unix sockets [`Transport::Tcp`], which the guest sees.
    pub protocol: Transport,
    /// Where the host listens.
    pub host: HostSide,
    /// To which address of the guest. `None`: the first that DHCP gives, or for IPv6 the first neighbour seen.
    pub guest_address: Option<IpAddr>,
    /// To which port of the guest; for a range, its first.
    pub guest_port: u16,
}

/// Where the host listens for what a [`HostForward`] leads into the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostSide {
    /// On ports of the host.
    Ip {
        /// The address; `None` for every one.
        address: Option<IpAddr>,
        /// The ports; `0..=0` lets the host choose one.
        ports: RangeInclusive<u16>,
    },
    /// On a unix socket, which is made. An old one at the same path is replaced.
    Unix(PathBuf),
}

/// The protocol of a [`HostForward`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl HostForward {
    /// A rule that leads to this port of the guest, the first one for a range.
    pub fn new(protocol: Transport, host: HostSide, guest_port: u16) -> Self {
        Self {
            protocol,
            host,
            guest_address: None,
            guest_port,
        }
    }

    /// The ports of the host with those of the guest that they lead to. None of the host for a unix socket.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (Option<u16>, u16)> + use<> {
        let ports: Vec<Option<u16>> = match &self.host {
            HostSide::Ip { ports, .. } => (*ports.start()..=*ports.end()).map(Some).collect(),
            HostSide::Unix(_) => vec![None],
        };
        ports.into_iter().zip(self.guest_port..=u16::MAX)
    }

    pub(crate) fn parse(rule: &str) -> Result<Self, Complaint> {
        let mut cursor = Cursor::new(rule);
        let protocol = match cursor.before(':') {
            Some("tcp" | "") => Transport::Tcp,
            Some("udp") => Transport::Udp,
            Some("unix") => return unix(rule, &cursor),
            Some(other) => return Err(unknown_protocol(other)),
            None => return Err(Complaint::new(0, "has no colon; write tcp::2222-:22")),
        };
        let address = cursor.address("host")?;
        let host = cursor.ports("host", Behind::Dash)?;
        let dash = cursor.offset();
        if !cursor.rest().starts_with('-') {
            let text = "has no - between host and guest; write tcp::2222-:22";
            return Err(Complaint::new(dash, text));
        }
        let _ = cursor.before('-');
        let guest_offset = cursor.offset();
        let guest_address = cursor.address("guest")?;
        let guest = cursor.ports("guest", Behind::Nothing)?;
        cursor.end()?;
        check_families(address, guest_address, guest_offset)?;
        check_ranges(&host.range, &guest.range, guest.offset)?;
        Ok(Self {
            protocol,
            host: HostSide::Ip {
                address,
                ports: host.range,
            },
            guest_address,
            guest_port: *guest.range.start(),
        })
    }
}

impl FromStr for HostForward {
    type Err = ConfigError;

    fn from_str(rule: &str) -> Result<Self, ConfigError> {
        Self::parse(rule).map_err(|complaint| complaint.about(rule))
    }
}

impl fmt::Display for HostForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match &self.host {
            HostSide::Ip { address, ports } => {
                let protocol = self.protocol;
                write!(
                    f,
                    "{protocol}:{}:{}",
                    Address(*address),
                    Range(ports.clone())
                )?;
                ports.end().saturating_sub(*ports.start())
            }
            HostSide::Unix(path) => {
                write!(f, "unix:{}", path.display())?;
                0
            }
        };
        let last = self.guest_port.saturating_add(length);
        let address = Address(self.guest_address);
        write!(f, "-{address}:{}", Range(self.guest_port..=last))
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// An address as a rule has it.
pub(super) struct Address(pub(super) Option<IpAddr>);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(IpAddr::V4(address)) => write!(f, "{address}"),
            Some(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Ports as a rule has them.
pub(super) struct Range(pub(super) RangeInclusive<u16>);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0.start(), self.0.end());
        if first == last {
            write!(f, "{first}")
        } else {
            write!(f, "{first}-{last}")
        }
    }
}

pub(super) fn unknown_protocol(name: &str) -> Complaint {
    let lower = name.to_ascii_lowercase();
    let text = match lower.as_str() {
        "tcp" | "udp" | "unix" => format!("has the protocol {name} in capitals; write {lower}"),
        _ => format!("has the unknown protocol \"{name}\"; write tcp, udp or unix"),
    };
    Complaint::new(0, text)
}

/// A rule from a unix socket, with `cursor` at its path.
fn unix(rule: &str, cursor: &Cursor<'_>) -> Result<HostForward, Complaint> {
    let start = cursor.offset();
    let Some((path, guest)) = cursor.rest().rsplit_once('-') else {
        let text = "has no - between path and guest; write unix:/PATH-:22";
        return Err(Complaint::new(rule.len(), text));
    };
    let guest_offset = rule.len() - guest.len();
    if let Some((_, port)) = path.rsplit_once(':') {
        if is_number(port) && is_number(guest) {
            let text = "leads a socket to a range of guest ports; give one of them";
            return Err(Complaint::new(guest_offset, text));
        }
    }
    let mut cursor = Cursor::starting(rule, guest_offset);
    let guest_address = cursor.address("guest")?;
    let port_offset = cursor.offset();
    let guest_port = cursor.port("guest")?;
    cursor.end()?;
    socket_path(path, start)?;
    check_ranges(&(1..=1), &(guest_port..=guest_port), port_offset)?;
    Ok(HostForward {
        protocol: Transport::Tcp,
        host: HostSide::Unix(path.into()),
        guest_address,
        guest_port,
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// libslirp makes the guest's frames in the family of the host's socket.
fn check_families(
    host: Option<IpAddr>,
    guest: Option<IpAddr>,
    guest_offset: usize,
) -> Result<(), Complaint> {
    match host.zip(guest) {
        Some((host, guest)) if host.is_ipv4() != guest.is_ipv4() => {
            let text = "leads from one IP version to the other, which libslirp cannot translate; \
                        give both addresses in one version";
            Err(Complaint::new(guest_offset, text))
        }
        _ => Ok(()),
    }
}

fn check_ranges(
    host: &RangeInclusive<u16>,
    guest: &RangeInclusive<u16>,
    guest_offset: usize,
) -> Result<(), Complaint> {
    let complain = |text| Err(Complaint::new(guest_offset, text));
    let length = |range: &RangeInclusive<u16>| range.end() - range.start();
    let (first, last) = (guest.start(), guest.end());
    if *first == 0 {
        return complain("has the guest port 0; write one from 1 to 65535".to_owned());
    }
    if first != last && length(guest) != length(host) {
        return complain(format!(
            "leads {} host ports to {} guest ports; give as many, or only the first",
            u32::from(length(host)) + 1,
            u32::from(length(guest)) + 1
        ));
    }
    if first.checked_add(length(host)).is_none() {
        return complain(format!(
            "needs {} guest ports from {first} on, which run past 65535; begin lower",
            u32::from(length(host)) + 1
        ));
    }
    Ok(())
}
