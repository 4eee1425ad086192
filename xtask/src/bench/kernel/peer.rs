//! Other user-mode networks that a kernel can be behind.

use crate::needs::Need;

/// A program that makes a tap in a namespace, and is the network behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Peer {
    /// libslirp in a process of its own.
    Slirp4netns,
    /// passt on a tap; it does without a TCP of its own.
    Pasta,
}

/// The tap that peers make.
pub(super) const TAP: &str = "tap0";

impl Peer {
    /// All that there are.
    pub(in crate::bench) const ALL: [Self; 2] = [Self::Slirp4netns, Self::Pasta];

    /// Its name in the tables.
    pub(in crate::bench) fn name(self) -> &'static str {
        match self {
            Self::Slirp4netns => "slirp4netns",
            Self::Pasta => "pasta",
        }
    }

    /// What it is from.
    pub(in crate::bench) fn need(self) -> Need {
        let (package, program) = match self {
            Self::Slirp4netns => ("slirp4netns", "slirp4netns"),
            Self::Pasta => ("passt", "pasta"),
        };
        Need {
            package,
            program: Some(program),
        }
    }

    /// Bytes of the longest IP packet, of which both programs' manuals say that it is the fastest.
    pub(super) fn longest_mtu(self) -> u16 {
        65_520
    }

    /// How to start it for the guest in a namespace, with packets of so many bytes at most.
    pub(super) fn line(self, namespace: &str, mtu: u16) -> String {
        match self {
            Self::Slirp4netns => {
                format!("slirp4netns --configure --mtu={mtu} --netns-type=path {namespace} {TAP}")
            }
            // Everything that it would otherwise learn from an interface with a default route.
            Self::Pasta => format!(
                "pasta --foreground --stderr --config-net --runas 0 --ipv4-only --interface lo --mtu {mtu} \
                 --ns-ifname {TAP} --mac-addr 52:55:0a:00:02:02 --address 10.0.2.15 --netmask 24 --gateway 10.0.2.2 \
                 --tcp-ports none --udp-ports none --tcp-ns none --udp-ns none --no-netns-quit --netns {namespace}"
            ),
        }
    }
}
