use std::fmt;

/// What stands in front of the suffixes of a port name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// An interface of the host, `em0`: a NIC, a veth or epair, or a persistent port of VALE.
    Interface,
    /// A port of a VALE switch, `vale0:vm1`. Both are made when they do not exist.
    Vale,
}

/// Which rings of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rings {
    /// All of the port itself.
    All,
    /// All that lead to the host's network stack (`^`). What is sent there reaches the host; what the host sends is received
    /// only while the NIC's own rings are open too, by this port (`*`) or another, and else goes to the NIC.
    Host,
    /// Both (`*`).
    AllAndHost,
    /// The pair with this number, from 0 on (`-N`).
    One(u16),
    /// The pair with this number of those that lead to the host's network stack (`^N`).
    OneHost(u16),
}

/// An end of a pipe. What goes in at one end comes out at the other end of the same identifier.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pipe {
    /// `{ID`.
    Master(String),
    /// `}ID`.
    Slave(String),
}

/// What a monitor watches of a port that somebody else has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Monitor {
    /// Copies of what the port transmits (`/t`).
    Transmit,
    /// Copies of what the port receives (`/r`).
    Receive,
    /// Copies of both (`/tr`).
    Both,
    /// The frames of both themselves, without a copy, as the port is done with them (`/z`). The kernel has that for both
    /// directions only.
    ZeroCopy,
}

/// Which directions of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Directions {
    /// Receive and transmit rings.
    Both,
    /// Receive rings only (`/R`).
    Receive,
    /// Transmit rings only (`/T`).
    Transmit,
}

impl Rings {
    /// Whether rings of the host's network stack are among them.
    pub fn include_host(self) -> bool {
        match self {
            Self::Host | Self::AllAndHost | Self::OneHost(_) => true,
            Self::All | Self::One(_) => false,
        }
    }
}

impl fmt::Display for Rings {
    /// The suffix of a port name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Host => write!(f, "^"),
            Self::AllAndHost => write!(f, "*"),
            Self::One(number) => write!(f, "-{number}"),
            Self::OneHost(number) => write!(f, "^{number}"),
        }
    }
}

impl Pipe {
    pub(super) fn bracket(&self) -> char {
        match self {
            Self::Master(_) => '{',
            Self::Slave(_) => '}',
        }
    }
}

impl Monitor {
    /// Whether frames that the port transmits are seen.
    pub fn sees_transmitted(self) -> bool {
        self != Self::Receive
    }

    /// Whether frames that the port receives are seen.
    pub fn sees_received(self) -> bool {
        self != Self::Transmit
    }

    pub(super) fn flags(self) -> &'static str {
        match self {
            Self::Transmit => "t",
            Self::Receive => "r",
            Self::Both => "tr",
            Self::ZeroCopy => "z",
        }
    }
}

impl Directions {
    pub(super) fn flags(self) -> &'static str {
        match self {
            Self::Both => "",
            Self::Receive => "R",
            Self::Transmit => "T",
        }
    }
}
