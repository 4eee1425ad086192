//! FreeBSD: interfaces by ioctl(2), packets by bpf(4).
//!
//! A network of one's own takes a jail, so interfaces are made in the network of the system. `request` holds what
//! the kernel is asked for.

mod bpf;
mod interface;
mod loopback;
mod modules;
mod request;

use std::io;

pub(crate) use bpf::PacketSocket;
pub(crate) use interface::{
    add_bridge, add_epair, delete, delete_when_closed, disable_ipv6, exists, join_bridge, set_mac,
    set_mtu, set_up,
};
pub(crate) use loopback::ensure_loopback;
pub(crate) use modules::prepare_interfaces;

/// The error with what was done in front, and its kind.
fn failed(what: impl AsRef<str>) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", what.as_ref()))
}
