//! Linux: tap, macvtap and ipvtap.
//!
//! `open` finds and configures a device, `device` runs it; `request` holds its requests;
//! `link` listens to what happens to the interface, `offload` and `failure` are tables.

mod device;
mod failure;
mod interface;
mod interface_value;
mod link;
pub(in crate::sys) mod netlink;
mod offload;
mod open;
mod queue;
mod request;

use net_backend_core::Mtu;

pub(crate) use device::Device;
pub(crate) use open::open;

/// Bytes in an interface name: `IFNAMSIZ` without the terminating zero.
pub(crate) const NAME_LENGTH: usize = libc::IFNAMSIZ - 1;

/// Queues of one tap: `MAX_TAP_QUEUES` (include/linux/if_tap.h), as in drivers/net/tun.c.
pub(crate) const MAX_QUEUES: u16 = 256;

/// The largest MTU that a tap takes: `MAX_MTU - dev->hard_header_len` in drivers/net/tun.c.
pub(crate) const MAX_MTU: Mtu = match Mtu::new(65535 - 14) {
    Some(mtu) => mtu,
    None => Mtu::ETHERNET,
};

/// What `dev_valid_name` (net/core/dev.c) says; the kernel's pattern `%d` is good. A question mark would be good too,
/// but no URI can name such an interface.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name == "." || name == ".." {
        return Err("is not an interface name");
    }
    if name
        .bytes()
        .any(|byte| matches!(byte, b'/' | b':' | b'?' | 0) || byte.is_ascii_whitespace())
    {
        return Err(
            "has a character that cannot be in it: a slash, a colon, a question mark or white space",
        );
    }
    let pattern = name.matches('%').count();
    if pattern > 1 || (pattern == 1 && !name.contains("%d")) {
        return Err("has a percent sign that is not one %d, which stands for a free number");
    }
    Ok(())
}
