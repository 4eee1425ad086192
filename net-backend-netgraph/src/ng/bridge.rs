//! Messages of nodes of type `bridge`: ng_bridge(4) and `netgraph/ng_bridge.h`.

use std::fmt;

use super::fields::{Reader, Writer};
use super::names::{HookName, NAME_BYTES};
use super::{Command, MalformedMessage, NameError};

/// The type's name.
pub const TYPE: &str = "bridge";

/// Whose commands these are (`NGM_BRIDGE_COOKIE`).
pub const COOKIE: u32 = 1_569_321_993;

/// Sets a [`Config`].
pub const SET_CONFIG: Command = Command::new("NGM_BRIDGE_SET_CONFIG", COOKIE, 1);
/// Asks for the [`Config`].
pub const GET_CONFIG: Command = Command::new("NGM_BRIDGE_GET_CONFIG", COOKIE, 2);
/// Forgets all hosts and counters.
pub const RESET: Command = Command::new("NGM_BRIDGE_RESET", COOKIE, 3);
/// Asks for the [`LinkStats`] of a [`Link`].
pub const GET_STATS: Command = Command::new("NGM_BRIDGE_GET_STATS", COOKIE, 4);
/// Sets the counters of a [`Link`] to 0.
pub const CLR_STATS: Command = Command::new("NGM_BRIDGE_CLR_STATS", COOKIE, 5);
/// Both at once: no frame is missed in between.
pub const GETCLR_STATS: Command = Command::new("NGM_BRIDGE_GETCLR_STATS", COOKIE, 6);
/// Asks for the [`Host`]s that the bridge knows: [`decode_table`].
pub const GET_TABLE: Command = Command::new("NGM_BRIDGE_GET_TABLE", COOKIE, 7);
/// Has the node stay when it loses its last hook, until it is shut down.
pub const SET_PERSISTENT: Command = Command::new("NGM_BRIDGE_SET_PERSISTENT", COOKIE, 8);
/// Says behind which link a host is: [`move_host`].
pub const MOVE_HOST: Command = Command::new("NGM_BRIDGE_MOVE_HOST", COOKIE, 9);

/// A link of a bridge, by the number in its hook's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// `link3`.
    Link(u32),
    /// `uplink3`: the bridge learns no addresses there. Numbers begin with 1. FreeBSD 13.1 and later.
    Uplink(u32),
}

impl Link {
    /// The hook's name.
    pub fn hook(self) -> HookName {
        HookName::of_number(&self)
    }

    /// The link that a hook is, if it is one of a bridge's.
    pub fn of_hook(hook: &HookName) -> Option<Self> {
        let hook = hook.as_str();
        let link = match hook.strip_prefix("uplink") {
            Some(number) => Self::Uplink(number.parse().ok()?),
            None => Self::Link(hook.strip_prefix("link")?.parse().ok()?),
        };
        // The kernel takes numbers only as it would print them.
        (link != Self::Uplink(0) && link.to_string() == hook).then_some(link)
    }

    /// Arguments of [`GET_STATS`], [`CLR_STATS`] and [`GETCLR_STATS`], 4 bytes: the number, of an uplink a negative one.
    ///
    /// # Errors
    ///
    /// [`NameError`] for a number of 2³¹ or more, and for uplink 0: the messages have no place for these.
    pub fn encode(self) -> Result<Vec<u8>, NameError> {
        let number = match self {
            Self::Link(number) => i32::try_from(number).ok(),
            Self::Uplink(0) => None,
            Self::Uplink(number) => i32::try_from(number).ok().map(i32::wrapping_neg),
        };
        match number {
            Some(number) => Ok(Writer::default().i32(number).done()),
            None => Err(NameError::no_link(&self.to_string())),
        }
    }

    /// The same, read.
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when there are not 4 bytes.
    pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(arguments);
        let number = reader.i32()?;
        Ok(match number {
            0.. => Self::Link(number.unsigned_abs()),
            _ => Self::Uplink(number.unsigned_abs()),
        })
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(number) => write!(f, "link{number}"),
            Self::Uplink(number) => write!(f, "uplink{number}"),
        }
    }
}

/// How a bridge behaves (`struct ng_bridge_config`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How much it writes to the system's log: 0 nothing, 1 errors, 2 loops, 3 everything.
    pub debug_level: u8,
    /// For how many seconds a link is silent behind which there is a loop.
    pub loop_timeout: u32,
    /// After how many seconds without a frame a host is forgotten.
    pub max_staleness: u32,
    /// How many seconds a host has to stay behind its link, or its moving to another is a loop.
    pub min_stable_age: u32,
}

impl Config {
    /// Bytes of it.
    pub const BYTES: usize = 16;

    /// The answer to [`GET_CONFIG`], and the arguments of [`SET_CONFIG`].
    ///
    /// # Errors
    ///
    /// [`MalformedMessage`] when it is too short.
    pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(arguments);
        let debug_level = reader.u8()?;
        let _padding: [u8; 3] = reader.array()?;
        Ok(Self {
            debug_level,
            loop_timeout: reader.u32()?,
            max_staleness: reader.u32()?,
            min_stable_age: reader.u32()?,
        })
    }

    /// The same, written.
    pub fn encode(&self) -> Vec<u8> {
        Writer::default()
            .u8(self.debug_level)
            .bytes(&[0; 3])
            .u32(self.loop_timeout)
            .u32(self.max_staleness)
            .u32(self.min_stable_age)
            .done()
    }
}

macro_rules! counters {
    ($($(#[$about:meta])* $counter:ident,)*) => {
        /// What passed through a link since it was made or its counters were cleared (`struct ng_bridge_link_stats`).
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct LinkStats {
            $($(#[$about])* pub $counter: u64,)*
        }

        impl LinkStats {
            /// Bytes of it.
            pub const BYTES: usize = 112;

            /// The answer to [`GET_STATS`] and [`GETCLR_STATS`].
            ///
            /// # Errors
            ///
            /// [`MalformedMessage`] when it is too short.
            pub fn decode(arguments: &[u8]) -> Result<Self, MalformedMessage> {
                let mut reader = Reader::new(arguments);
                Ok(Self { $($counter: reader.u64()?,)* })
            }

            /// As the kernel answers.
            pub fn encode(&self) -> Vec<u8> {
                Writer::default()$(.u64(self.$counter))*.done()
            }
        }
    };
}

counters! {
    /// Bytes that the bridge received through the link.
    received_bytes,
    /// Frames received.
    received_frames,
    /// Of these, frames to groups.
    received_multicasts,
    /// Of these, frames to all.
    received_broadcasts,
    /// Of these, frames to hosts that the bridge does not know.
    received_unknown,
    /// Frames of fewer than 14 bytes, which are dropped.
    received_runts,
    /// Frames from the address of a group, which are dropped.
    received_invalid,
    /// Bytes that the bridge sent through the link.
    sent_bytes,
    /// Frames sent.
    sent_frames,
    /// Of these, frames to groups.
    sent_multicasts,
    /// Of these, frames to all.
    sent_broadcasts,
    /// Frames dropped while the link was silent because of a loop.
    loop_drops,
    /// How often there was a loop.
    loop_detects,
    /// Frames dropped because there was no memory.
    memory_failures,
}

/// A host that a bridge knows (`struct ng_bridge_hostent`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// Its address.
    pub address: [u8; 6],
    /// The link behind which it is.
    pub hook: HookName,
    /// For how many seconds it has been there.
    pub age: u16,
    /// For how many seconds it has not been heard.
    pub staleness: u16,
}

impl Host {
    /// Bytes of it.
    pub const BYTES: usize = 42;

    fn read(from: &mut Reader<'_>) -> Result<Self, MalformedMessage> {
        Ok(Self {
            address: from.array()?,
            hook: HookName::of_kernel(from.string(NAME_BYTES)?)?,
            age: from.u16()?,
            staleness: from.u16()?,
        })
    }

    fn write(&self, to: Writer) -> Writer {
        to.bytes(&self.address)
            .string(self.hook.as_str(), NAME_BYTES)
            .u16(self.age)
            .u16(self.staleness)
    }
}

/// The answer to [`GET_TABLE`] (`struct ng_bridge_host_ary`): hosts in no order.
///
/// # Errors
///
/// [`MalformedMessage`] when there are fewer hosts than it says, a string has no end, or a hook has no name.
pub fn decode_table(arguments: &[u8]) -> Result<Vec<Host>, MalformedMessage> {
    let mut reader = Reader::new(arguments);
    let count = reader.u32()?;
    reader
        .records(count, Host::BYTES)?
        .map(|mut record| Host::read(&mut record))
        .collect()
}

/// Hosts as the kernel lists them.
pub fn encode_table(hosts: &[Host]) -> Vec<u8> {
    let count = Writer::default().count(hosts.len());
    hosts.iter().fold(count, |to, host| host.write(to)).done()
}

/// Arguments of [`MOVE_HOST`], 38 bytes (`struct ng_bridge_move_host`). FreeBSD 13.1 and later.
pub fn move_host(address: [u8; 6], hook: &HookName) -> Vec<u8> {
    Writer::default()
        .bytes(&address)
        .string(hook.as_str(), NAME_BYTES)
        .done()
}
