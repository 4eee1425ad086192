//! The far end of a tap, by operating system.
//!
//! Each of `linux`, `freebsd` and `unsupported` supplies:
//!
//! - `prepare_interfaces`: what has to be done before interfaces are made;
//! - `ensure_loopback`: 127.0.0.1 and ::1 where nobody has set them up;
//! - `set_up`, `set_mac`, `set_mtu`, `disable_ipv6`, `add_bridge`, `join_bridge`, `add_epair`, `exists`, `delete`,
//!   `delete_when_closed`: an interface by its name;
//! - `PacketSocket`: sends and receives beside the host's own network stack.
//!
//! Each of `linux` and `no_namespaces` supplies:
//!
//! - `enter_private_network`, `enter_new_network`: a namespace for the process, one for the calling thread;
//!   `allow_namespaces`: the right to make them; `network_path`: where others can enter that of the calling thread;
//! - `set_transmit_queue_length`, `add_veth`, `add_ipv4`, `set_default_route`, `enable_ipv6`, `ipv6_addresses`, `throttle`:
//!   what is set in one's own namespace only;
//! - `IcmpSocket`: a raw socket.

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod no_namespaces;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
mod unsupported;

#[cfg(target_os = "freebsd")]
pub(crate) use freebsd::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use no_namespaces::*;
#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
pub(crate) use unsupported::*;
