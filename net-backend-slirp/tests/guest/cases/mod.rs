//! The cases, one file for each concern.

use crate::harness::Case;

mod dhcp;
mod dns;
mod guestfwd;
mod hostfwd;
mod ipv6;
mod mtu;
mod neighbours;
mod offload;
mod policy;
mod run_time;
mod tcp;
mod tftp;
mod udp;

pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    [
        neighbours::CASES,
        dhcp::CASES,
        dns::CASES,
        tftp::CASES,
        tcp::CASES,
        udp::CASES,
        hostfwd::CASES,
        guestfwd::CASES,
        run_time::CASES,
        policy::CASES,
        ipv6::CASES,
        mtu::CASES,
        offload::CASES,
    ]
    .into_iter()
    .flatten()
}
