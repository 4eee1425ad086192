//! What nodes tell their neighbours without being asked: `netgraph/ng_message.h`, "Flow control".

use super::{Command, Header, NodeId};

/// Whose commands these are (`NGM_FLOW_COOKIE`).
pub const COOKIE: u32 = 851_672_669;

/// The link is up: ng_ether(4) says so of its interface to whom its hooks `lower` and `orphans` are connected.
pub const LINK_IS_UP: Command = Command::new("NGM_LINK_IS_UP", COOKIE, 32);
/// The link is down.
pub const LINK_IS_DOWN: Command = Command::new("NGM_LINK_IS_DOWN", COOKIE, 33);

/// A link came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowEvent {
    /// The node that says so, if the kernel says which.
    pub sender: Option<NodeId>,
    /// What it says.
    pub signal: Signal,
}

/// What a node says of its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// It is up.
    LinkUp,
    /// It is down.
    LinkDown,
}

impl Signal {
    /// What a message says, if it says one of these.
    pub fn of(header: &Header) -> Option<Self> {
        match header {
            _ if header.is_response() => None,
            _ if LINK_IS_UP.is(header) => Some(Self::LinkUp),
            _ if LINK_IS_DOWN.is(header) => Some(Self::LinkDown),
            _ => None,
        }
    }
}
