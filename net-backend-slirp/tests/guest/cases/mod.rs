//! The cases, one file for each concern.

use crate::harness::Case;
use crate::machine;

mod descriptors;
mod dhcp;
mod dns;
mod flows;
mod guestfwd;
mod hostfwd;
mod hostile;
mod ipv6;
mod lifecycle;
mod mtu;
mod neighbours;
mod offload;
mod policy;
mod pressure;
mod restrict;
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
        restrict::CASES,
        policy::CASES,
        ipv6::CASES,
        mtu::CASES,
        offload::CASES,
        flows::CASES,
        descriptors::CASES,
        lifecycle::CASES,
        pressure::CASES,
        hostile::CASES,
    ]
    .into_iter()
    .flatten()
    .filter(|_| !machine::has_few_descriptors())
    .chain(
        flows::IN_FEW
            .iter()
            .chain(descriptors::IN_FEW)
            .filter(|_| machine::has_few_descriptors()),
    )
}
