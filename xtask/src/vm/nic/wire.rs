//! What is behind the NIC of a guest.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::ValueEnum;

/// The host's end of the tap.
pub(super) const TAP: &str = "vm0";

/// The host's port that leads to the guest's page.
pub(super) const FORWARDED: u16 = 8080;

/// Who moves the guest's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::vm) enum Wire {
    /// The daemon, with `slirp:`.
    Slirp,
    /// The daemon, with `tap:` and two queue pairs.
    Tap,
    /// QEMU by itself, with its `-netdev user`, for comparison.
    User,
}

impl Wire {
    /// All of them, in the order in which they are tried.
    pub(super) const ALL: &[Self] = &[Self::Slirp, Self::Tap, Self::User];

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Slirp => "slirp",
            Self::Tap => "tap",
            Self::User => "user",
        }
    }

    /// What the daemon opens; `None` where there is no daemon.
    pub(super) fn uri(self) -> Option<String> {
        let queues = self.queues();
        match self {
            Self::Slirp => Some(format!("slirp:?hostfwd={}", self.forward())),
            Self::Tap => Some(format!("tap:{TAP}?queues={queues}")),
            Self::User => None,
        }
    }

    /// The rule that leads into the guest; QEMU and the daemon spell it alike.
    pub(super) fn forward(self) -> String {
        let port = super::agent::PORT;
        format!("tcp:127.0.0.1:{FORWARDED}-:{port}")
    }

    /// Queue pairs of the NIC.
    pub(super) fn queues(self) -> u32 {
        if self == Self::Tap { 2 } else { 1 }
    }

    /// The host, as the guest knows it by IPv4.
    pub(super) fn host(self) -> Ipv4Addr {
        match self {
            Self::Slirp | Self::User => Ipv4Addr::new(10, 0, 2, 2),
            Self::Tap => Ipv4Addr::new(192, 0, 2, 1),
        }
    }

    /// The host, as the guest knows it by IPv6; `None` where the host's interface knows.
    pub(super) fn host6(self) -> Option<Ipv6Addr> {
        match self {
            Self::Slirp => Some(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)),
            Self::User => Some(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 2)),
            Self::Tap => None,
        }
    }

    /// Where servers for the guest listen on the host.
    pub(super) fn listen(self, ipv6: bool) -> IpAddr {
        match (self, ipv6) {
            (Self::Slirp | Self::User, true) => Ipv6Addr::LOCALHOST.into(),
            (Self::Slirp | Self::User, false) => Ipv4Addr::LOCALHOST.into(),
            // Addresses of a link cannot be bound without its number.
            (Self::Tap, true) => Ipv6Addr::UNSPECIFIED.into(),
            (Self::Tap, false) => self.host().into(),
        }
    }
}
