//! FreeBSD: tap and vmnet.
//!
//! `open` finds and configures a device, `device` runs it; `request` holds its requests and
//! `numbers` their numbers; `rights` is what may be done with descriptors afterwards; `link` listens to what happens to the interface, `capability` and `failure` are
//! tables. `name` and `route` are free of the system, so that other systems test them.

mod capability;
mod device;
mod failure;
mod interface;
mod interface_value;
mod link;
mod name;
mod numbers;
mod open;
mod queue;
mod request;
mod rights;
mod route;

use net_backend_core::Mtu;

pub(crate) use device::Device;
pub(crate) use name::check_name;
pub(crate) use open::open;

/// Bytes in an interface name: `IFNAMSIZ` without the terminating zero.
pub(crate) const NAME_LENGTH: usize = libc::IFNAMSIZ - 1;

/// A tap has one queue and one user.
pub(crate) const MAX_QUEUES: u16 = 1;

/// The largest MTU whose frames a tap takes: `TAPMRU` (sys/net/if_tap.h) without the Ethernet header.
pub(crate) const MAX_MTU: Mtu = match Mtu::new(65535 - 14) {
    Some(mtu) => mtu,
    None => Mtu::ETHERNET,
};
