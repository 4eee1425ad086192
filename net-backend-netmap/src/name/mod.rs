mod kind;
mod parse;

use std::fmt::{self, Write};
use std::num::NonZeroU16;
use std::str::FromStr;

use net_backend_core::{ConfigError, ConfigProblem};

use crate::abi::{self, NAME_BYTES};

pub use kind::{Directions, Monitor, Pipe, PortKind, Rings};

/// The longest name of an interface, and of each half of the name of a VALE port (`IFNAMSIZ` without the final zero).
pub(crate) const LONGEST_INTERFACE: usize = 15;

/// The name of a port, in the grammar of `nm_open` and `nmport_open` of netmap(4).
///
/// ```text
/// name   = ( interface | switch ":" port ) [ pipe ] [ rings ] *( "@" memory | "/" flags )
/// switch = "vale" identifier
/// pipe   = ( "{" | "}" ) identifier
/// rings  = "^" [ number ] | "*" | "-" number
/// flags  = 1*( "x" | "t" | "r" | "z" | "R" | "T" )
/// ```
///
/// Read with or without `netmap:` in front, and printed without. What the kernel would refuse whatever the port is,
/// such as host rings of a switch, is refused here, and nothing is ever cut to fit.
///
/// ```
/// use net_backend_netmap::{Pipe, PortKind, PortName, Rings};
///
/// # fn main() -> Result<(), net_backend_core::ConfigError> {
/// let name: PortName = "netmap:em0-2/x".parse()?;
/// assert_eq!((name.base(), name.rings()), ("em0", Rings::One(2)));
/// assert!(name.is_exclusive());
///
/// let name: PortName = "vale0:vm1}link".parse()?;
/// assert_eq!(name.kind(), PortKind::Vale);
/// assert_eq!(name.pipe(), Some(&Pipe::Slave("link".to_owned())));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortName {
    base: String,
    pipe: Option<Pipe>,
    rings: Rings,
    memory: Option<NonZeroU16>,
    exclusive: bool,
    directions: Directions,
    monitor: Option<Monitor>,
}

impl PortName {
    /// The interface, or switch and port: `em0`, `vale0:vm1`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What the base names.
    pub fn kind(&self) -> PortKind {
        match self.base.contains(':') {
            true => PortKind::Vale,
            false => PortKind::Interface,
        }
    }

    /// The end of a pipe that hangs on the base (`{ID` and `}ID`), instead of the base itself.
    pub fn pipe(&self) -> Option<&Pipe> {
        self.pipe.as_ref()
    }

    /// Which rings of the port: `^`, `*`, `-N`, or nothing for all but the host's.
    pub fn rings(&self) -> Rings {
        self.rings
    }

    /// The memory region that the port should be in (`@ID`).
    pub fn memory(&self) -> Option<NonZeroU16> {
        self.memory
    }

    /// Whether nobody else may have these rings (`/x`).
    pub fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether only the receive or only the transmit rings are wanted (`/R`, `/T`).
    pub fn directions(&self) -> Directions {
        self.directions
    }

    /// What is watched of the port, if it is watched only (`/t`, `/r`, `/tr`, `/z`).
    pub fn monitor(&self) -> Option<Monitor> {
        self.monitor
    }

    /// The same as a monitor of the port, or why it cannot be one: a sentence that an option begins.
    pub(crate) fn with_monitor(self, monitor: Monitor) -> Result<Self, &'static str> {
        if self.monitor.is_some() {
            return Err("says again what the flags in the port's name say; give one of them");
        }
        if self.directions != Directions::Both {
            return Err("watches a port, but its name has R or T; leave R and T out");
        }
        Ok(Self {
            monitor: Some(monitor),
            ..self
        })
    }

    /// Base and pipe as the kernel takes them in `nr_name`, 64 bytes (`NETMAP_REQ_IFNAMSIZ`) with zeros behind.
    pub fn kernel_name(&self) -> [u8; NAME_BYTES] {
        abi::name(&self.base_and_pipe())
    }

    fn base_and_pipe(&self) -> String {
        let mut text = self.base.clone();
        if let Some(pipe) = &self.pipe {
            let (Pipe::Master(id) | Pipe::Slave(id)) = pipe;
            text.push(pipe.bracket());
            text.push_str(id);
        }
        text
    }

    fn flags(&self) -> impl Iterator<Item = char> + use<> {
        let exclusive = if self.exclusive { "x" } else { "" };
        let monitor = self.monitor.map_or("", Monitor::flags);
        let words = [exclusive, monitor, self.directions.flags()];
        words.into_iter().flat_map(str::chars)
    }
}

impl FromStr for PortName {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let name = text.strip_prefix("netmap:").unwrap_or(text);
        let start = text.len() - name.len();
        Self::read(name).map_err(|complaint| {
            let position = start + complaint.offset;
            ConfigError::new(ConfigProblem::BadTarget, text, position, complaint.text)
        })
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base_and_pipe(), self.rings)?;
        if let Some(memory) = self.memory {
            write!(f, "@{memory}")?;
        }
        let mut flags = self.flags().peekable();
        if flags.peek().is_some() {
            f.write_char('/')?;
        }
        flags.try_for_each(|flag| f.write_char(flag))
    }
}

/// What is wrong with a name, and where.
#[derive(Debug)]
pub(crate) struct Complaint {
    /// Bytes from the beginning of the name.
    pub(crate) offset: usize,
    /// A sentence.
    pub(crate) text: String,
}
