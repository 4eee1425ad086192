//! Linux: namespaces, rtnetlink, packet sockets.

mod icmp;
mod interface;
mod namespace;
mod packet;

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(crate) use icmp::IcmpSocket;
pub(crate) use interface::{
    add_bridge, add_epair, add_ipv4, add_veth, delete, delete_when_closed, disable_ipv6,
    enable_ipv6, exists, ipv6_addresses, join_bridge, set_default_route, set_mac, set_mtu,
    set_transmit_queue_length, set_up, throttle,
};
pub(crate) use namespace::{
    allow_namespaces, enter_new_network, enter_private_network, network_path, prepare_interfaces,
};
pub(crate) use packet::PacketSocket;

/// Whoever has set the system up has done it.
pub(crate) fn ensure_loopback() -> io::Result<()> {
    Ok(())
}

/// The error with what was done in front.
fn failed(what: impl AsRef<str>) -> impl FnOnce(rustix::io::Errno) -> io::Error {
    move |errno| {
        let error = io::Error::from(errno);
        io::Error::new(error.kind(), format!("{}: {error}", what.as_ref()))
    }
}

/// Waits until `descriptor` is readable; whether it is.
fn wait(descriptor: impl AsFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(
            &mut [PollFd::new(&descriptor, PollFlags::IN)],
            Some(&timeout),
        ) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

/// A deadline; far away when `timeout` is too long for one.
fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout)
        .unwrap_or(now + Duration::from_secs(1 << 30))
}
