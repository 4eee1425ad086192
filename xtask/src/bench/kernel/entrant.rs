//! Who takes part.

use anyhow::Result;
use net_backend::Features;
use net_backend::bench::{Contestant, LeftOut, Role};

use super::super::field::{Field, openable};
use super::guest::Guest;
use super::peer::Peer;

/// Bytes of the longest IP packet on an Ethernet, which is what everybody begins with.
pub(in crate::bench) const MTU: u16 = 1500;
/// Bytes of the longest that libslirp takes for certain.
const LIBSLIRP_MTU: u16 = 32_000;

/// What is between a guest and the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Entrant {
    /// The library, and the IP MTU of guest and network.
    Library {
        uri: String,
        offloads: Features,
        mtu: u16,
    },
    /// Another program, and the same.
    Peer { peer: Peer, mtu: u16 },
    /// A cable in the kernel.
    Veth,
    /// Nothing: it is the host.
    Loopback,
}

impl Entrant {
    /// The library, by one URI, with all offloads that there are.
    pub(in crate::bench) fn library(uri: String) -> Self {
        Self::Library {
            uri,
            offloads: Features::OFFLOADS,
            mtu: MTU,
        }
    }

    /// The library, by the URIs of the field that lead to a network with a host in it. None where a kernel cannot be a
    /// guest, and why.
    pub(in crate::bench) fn networks(field: &Field) -> (Vec<Self>, Vec<LeftOut>) {
        let uris = field.uris.iter().filter(|uri| uri.starts_with("slirp:"));
        let entrants: Vec<Self> = uris.cloned().map(Self::library).collect();
        match net_backend::open(&openable("tap:")) {
            Err(error) if !entrants.is_empty() => {
                let left_out = LeftOut {
                    what: "TCP of a kernel behind slirp:".to_owned(),
                    why: format!("it needs a tap: {error}"),
                    is_failure: false,
                };
                (Vec::new(), vec![left_out])
            }
            _ => (entrants, Vec::new()),
        }
    }

    /// Other programs that take part, and those that cannot.
    pub(in crate::bench) fn peers(field: &Field) -> (Vec<Self>, Vec<LeftOut>) {
        let (mut present, mut left_out) = (Vec::new(), Vec::new());
        for peer in Peer::ALL {
            match field.admits(peer.name(), &peer.need()) {
                Ok(true) => present.push(Self::Peer { peer, mtu: MTU }),
                Ok(false) => {}
                Err(missing) => left_out.push(missing),
            }
        }
        (present, left_out)
    }

    /// The same without offloads, where there are any.
    pub(super) fn without_offloads(&self) -> Option<Self> {
        let mut bare = self.clone();
        match &mut bare {
            Self::Library { offloads, .. } => *offloads = Features::empty(),
            _ => return None,
        }
        Some(bare)
    }

    /// The same with the longest packets that it takes, where it has a say in that. Other programs have no other way to long
    /// segments.
    pub(super) fn with_long_packets(&self) -> Option<Self> {
        let mut long = self.clone();
        match &mut long {
            Self::Library { mtu, .. } => *mtu = LIBSLIRP_MTU,
            Self::Peer { peer, mtu } => *mtu = peer.longest_mtu(),
            Self::Veth | Self::Loopback => return None,
        }
        Some(long)
    }

    /// As what it takes part.
    pub(in crate::bench) fn contestant(&self) -> Contestant {
        let of_mtu = |name: &str, mtu: u16| match mtu {
            MTU => name.to_owned(),
            mtu => format!("{name}, MTU {mtu}"),
        };
        let (name, role) = match self {
            Self::Library { uri, offloads, mtu } => {
                let bare = if offloads.is_empty() {
                    ", no offloads"
                } else {
                    ""
                };
                (of_mtu(uri, *mtu) + bare, Role::Library)
            }
            Self::Peer { peer, mtu } => (of_mtu(peer.name(), *mtu), Role::Peer),
            Self::Veth => ("veth".to_owned(), Role::Limit),
            Self::Loopback => ("loopback TCP".to_owned(), Role::Limit),
        };
        Contestant::new(name, role)
    }

    /// Makes a guest behind it.
    ///
    /// # Errors
    ///
    /// If it does not work.
    pub(in crate::bench) fn start(&self) -> Result<Guest> {
        match self {
            Self::Library { uri, offloads, mtu } => Guest::behind(uri, *offloads, *mtu),
            Self::Peer { peer, mtu } => Guest::of(*peer, *mtu),
            Self::Veth => Guest::at_veth(),
            Self::Loopback => Ok(Guest::host()),
        }
    }
}
