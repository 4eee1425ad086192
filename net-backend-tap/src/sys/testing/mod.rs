//! The far end of a tap, by operating system. Each of `linux` and `unsupported` supplies:
//!
//! - `enter_private_network`, `enter_new_network`: a namespace for the process, one for the calling thread;
//!   `allow_namespaces`: the right to make them,
//! - `set_up`, `set_mac`, `set_mtu`, `add_ipv4`, `set_default_route`, `enable_ipv6`, `disable_ipv6`,
//!   `ipv6_addresses`, `delete` and others: settings of an interface by name,
//! - `PacketSocket`, `IcmpSocket`: raw sockets.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod unsupported;

#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::*;
