//! FreeBSD: tap and vmnet.
//!
//! `open` finds and configures a device, `device` runs it; `request`, `queue` and `inherited` hold the system calls
//! and `numbers` their numbers; `link` listens to what happens to the interface, `capability` and `failure` are
//! tables.

mod capability;
mod device;
mod failure;
mod inherited;
mod interface;
mod interface_request;
mod link;
mod numbers;
mod open;
mod queue;
mod request;
mod route;

use net_backend_core::Mtu;

pub(crate) use device::Device;
pub(crate) use failure::{receive_failure, send_failure};
pub(crate) use open::open;
pub(crate) use queue::Queue;

/// Bytes in an interface name: `IFNAMSIZ` without the terminating zero.
pub(crate) const NAME_LENGTH: usize = libc::IFNAMSIZ - 1;

/// A tap has one queue and one user.
pub(crate) const MAX_QUEUES: u16 = 1;

/// The largest MTU whose frames a tap takes: `TAPMRU` (sys/net/if_tap.h) without the Ethernet header.
pub(crate) const MAX_MTU: Mtu = match Mtu::new(65535 - 14) {
    Some(mtu) => mtu,
    None => Mtu::ETHERNET,
};

/// The drivers whose interfaces the kernel makes when their device is opened.
const DRIVERS: [&str; 2] = ["tap", "vmnet"];

/// Names become paths below /dev, so that they cannot have everything that an interface name could have.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name == "." || name == ".." {
        return Err("is not an interface name");
    }
    let graphic = name.bytes().all(|byte| byte.is_ascii_graphic());
    if name.contains('/') || !graphic {
        return Err(
            "has a character that a device name cannot have: a slash, white space or the like",
        );
    }
    if DRIVERS.contains(&name) {
        return Err("has no number; write tap%d or vmnet%d for a free one");
    }
    if name.contains('%') && driver_of_pattern(name).is_none() {
        return Err("has a percent sign; only tap%d and vmnet%d stand for a free number");
    }
    Ok(())
}

/// The driver in `tap%d`, which stands for a free number.
fn driver_of_pattern(name: &str) -> Option<&str> {
    name.strip_suffix("%d")
        .filter(|driver| DRIVERS.contains(driver))
}

/// Whether the kernel would make this interface if it does not exist: `tap0`, `vmnet12`.
fn can_be_made(name: &str) -> bool {
    let mut numbers = DRIVERS
        .into_iter()
        .filter_map(|driver| name.strip_prefix(driver));
    numbers.any(|number| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        // IF_MAXUNIT (sys/net/if.h); dev_stdclone takes no leading zeros.
        let canonical = number == "0" || !number.starts_with('0');
        digits && canonical && number.parse().is_ok_and(|number: u16| number <= 0x7fff)
    })
}
