//! Messages of nodes of type `socket`, which the sockets of a process are: ng_socket(4) and `netgraph/ng_socket.h`.

use super::Command;

/// The type's name.
pub const TYPE: &str = "socket";

/// Whose commands these are (`NGM_SOCKET_COOKIE`).
pub const COOKIE: u32 = 851_601_233;

/// The node goes away with its last hook.
pub const NOLINGER: Command = Command::new("NGM_SOCK_CMD_NOLINGER", COOKIE, 1);
/// The node stays without hooks, as it does if nothing is said.
pub const LINGER: Command = Command::new("NGM_SOCK_CMD_LINGER", COOKIE, 2);
