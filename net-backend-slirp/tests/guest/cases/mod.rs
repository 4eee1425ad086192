//! The cases, one file for each concern.

use crate::harness::Case;

mod dhcp;
mod dns;
mod neighbours;
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
    ]
    .into_iter()
    .flatten()
}
