//! Messages of nodes of type `hub`: ng_hub(4) and `netgraph/ng_hub.h`.

use super::Command;

/// The type's name.
pub const TYPE: &str = "hub";

/// Whose commands these are (`NGM_HUB_COOKIE`).
pub const COOKIE: u32 = 1_082_189_597;

/// Has the node stay when it loses its last hook, until it is shut down. FreeBSD 12 and later.
pub const SET_PERSISTENT: Command = Command::new("NGM_HUB_SET_PERSISTENT", COOKIE, 1);
