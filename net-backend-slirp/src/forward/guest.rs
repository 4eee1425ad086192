use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use net_backend_core::ConfigError;

use super::Complaint;
use super::cursor::{Cursor, port, socket_path};

/// A service that the guest finds in its network and that something on the host answers, in the grammar of QEMU's
/// `guestfwd`.
///
/// ```text
/// rule   = [ "tcp" ] ":" [ server ] ":" port "-" target
/// target = "cmd:" words | "tcp:" host ":" port | "unix:" path
/// ```
///
/// The server is an IPv4 address of the guest's network that nobody else has; the fourth of the network if none is
/// given, as 10.0.2.4. Each connection of the guest runs the command, or connects to the address or socket, anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuestForward {
    /// The address that the guest connects to; `None` for the one that libslirp gives.
    pub server: Option<Ipv4Addr>,
    /// The port that the guest connects to.
    pub port: u16,
    /// What answers.
    pub target: GuestForwardTarget,
}

/// What answers the guest that uses a [`GuestForward`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestForwardTarget {
    /// A program, run for each connection with the connection as its input and output. The words are taken apart as
    /// a shell would quote them; no shell is run.
    Command(String),
    /// A TCP server: a name, which is looked up by `open`, or an address without brackets; and a port.
    Tcp(String, u16),
    /// A unix socket.
    Unix(PathBuf),
}

impl GuestForward {
    /// A rule for this port of the server that libslirp chooses.
    pub fn new(port: u16, target: GuestForwardTarget) -> Self {
        Self {
            server: None,
            port,
            target,
        }
    }

    pub(crate) fn parse(rule: &str) -> Result<Self, Complaint> {
        let mut cursor = Cursor::new(rule);
        match cursor.before(':') {
            Some("tcp" | "") => {}
            Some(other) => {
                let text = format!("has the protocol {other}; the guest's side is always tcp");
                return Err(Complaint::new(0, text));
            }
            None => return Err(Complaint::new(0, "has no colon; write tcp::80-cmd:COMMAND")),
        }
        let server_offset = cursor.offset();
        let server = match cursor.address("server")? {
            Some(IpAddr::V6(_)) => {
                let text = "has an IPv6 server; libslirp has guestfwd for IPv4 only: write an IPv4 address";
                return Err(Complaint::new(server_offset, text));
            }
            Some(IpAddr::V4(address)) => Some(address),
            None => None,
        };
        let port_offset = cursor.offset();
        let port = cursor.port("server")?;
        if port == 0 {
            let text = "has the server port 0; write one from 1 to 65535";
            return Err(Complaint::new(port_offset, text));
        }
        if !cursor.rest().starts_with('-') {
            let text = "has no - between server and target; write tcp::80-cmd:COMMAND";
            return Err(Complaint::new(cursor.offset(), text));
        }
        let _ = cursor.before('-');
        Ok(Self {
            server,
            port,
            target: target(&mut cursor)?,
        })
    }
}

impl FromStr for GuestForward {
    type Err = ConfigError;

    fn from_str(rule: &str) -> Result<Self, ConfigError> {
        Self::parse(rule).map_err(|complaint| complaint.about(rule))
    }
}

impl fmt::Display for GuestForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tcp:")?;
        if let Some(server) = self.server {
            write!(f, "{server}")?;
        }
        write!(f, ":{}-{}", self.port, self.target)
    }
}

impl fmt::Display for GuestForwardTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => write!(f, "cmd:{words}"),
            Self::Tcp(host, port) if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "tcp:{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn target(cursor: &mut Cursor<'_>) -> Result<GuestForwardTarget, Complaint> {
    let start = cursor.offset();
    let kind = cursor.before(':');
    let offset = cursor.offset();
    match kind {
        Some("cmd") => command(cursor.rest(), offset).map(GuestForwardTarget::Command),
        Some("unix") => {
            let path = cursor.rest();
            socket_path(path, offset)?;
            Ok(GuestForwardTarget::Unix(path.into()))
        }
        Some("tcp") => tcp(cursor),
        _ => {
            let text = "has an unknown target; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH";
            Err(Complaint::new(start, text))
        }
    }
}

fn tcp(cursor: &mut Cursor<'_>) -> Result<GuestForwardTarget, Complaint> {
    let start = cursor.offset();
    let name = if cursor.rest().starts_with('[') {
        cursor.address("target")?.map(|address| address.to_string())
    } else {
        cursor.before(':').map(str::to_owned)
    };
    let Some(name) = name else {
        let text = "has no port behind the target; write tcp:HOST:PORT";
        return Err(Complaint::new(start, text));
    };
    if name.parse::<Ipv6Addr>().is_err() {
        check_name(&name, start)?;
    }
    let number_offset = cursor.offset();
    let number = port(cursor.rest()).map_err(|complaint| {
        let text = format!("has the target port {}, {complaint}", cursor.rest());
        Complaint::new(number_offset, text)
    })?;
    if number == 0 {
        let text = "has the target port 0; write one from 1 to 65535";
        return Err(Complaint::new(number_offset, text));
    }
    Ok(GuestForwardTarget::Tcp(name, number))
}

/// A name that can be looked up, or an IPv4 address in full.
fn check_name(name: &str, offset: usize) -> Result<(), Complaint> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let complaint = match name {
        "" => Some("which is empty"),
        _ if name.len() > 253 => Some("which is longer than 253 bytes"),
        _ if !name.bytes().all(is_plain) => Some("which is neither a name nor an address"),
        _ if is_number(name) && name.parse::<Ipv4Addr>().is_err() => {
            Some("which is no IPv4 address in full")
        }
        _ => None,
    };
    match complaint {
        Some(complaint) => {
            let text = format!(
                "has \"{name}\" for the target, {complaint}; write a name, 127.0.0.1 or [::1]"
            );
            Err(Complaint::new(offset, text))
        }
        None => Ok(()),
    }
}

/// Whether the resolver would take it for numbers, in whatever base, and not look it up.
fn is_number(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with("0x")
            || part.starts_with("0X")
            || part.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A command whose words can be told apart as a shell would.
fn command(words: &str, offset: usize) -> Result<String, Complaint> {
    let complain = |at: usize, text: &str| Err(Complaint::new(offset + at, text));
    if words.trim().is_empty() {
        return complain(0, "has no command; write cmd:/PATH/PROGRAM");
    }
    if let Some(at) = words.find('\0') {
        return complain(at, "has a zero byte in its command; leave it out");
    }
    let mut open = None;
    let mut characters = words.char_indices();
    while let Some((at, character)) = characters.next() {
        match (open, character) {
            (None, '\'' | '"') => open = Some((at, character)),
            (Some((_, quote)), _) if quote == character => open = None,
            (Some((_, '\'')), _) => {}
            (_, '\\') if characters.next().is_none() => {
                return complain(at, "ends in a backslash; write two, or none");
            }
            _ => {}
        }
    }
    match open {
        Some((at, _)) => complain(at, "has a quotation mark in its command that is not closed"),
        None => Ok(words.to_owned()),
    }
}
