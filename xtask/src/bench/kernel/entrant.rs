//! Who takes part.

use anyhow::Result;
use net_backend::Features;
use net_backend::bench::{Contestant, LeftOut, Role};

use super::super::field::{Field, openable};
use super::guest::Guest;
use super::peer::Peer;

/// What is between a guest and the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Entrant {
    /// The library.
    Library { uri: String, offloads: Features },
    /// Another program.
    Peer(Peer),
    /// A cable in the kernel.
    Veth,
    /// Nothing: it is the host.
    Loopback,
}

impl Entrant {
    /// The library, by one URI, with all offloads that there are.
    pub(in crate::bench) fn library(uri: String) -> Self {
        let offloads = Features::OFFLOADS;
        Self::Library { uri, offloads }
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
                Ok(true) => present.push(Self::Peer(peer)),
                Ok(false) => {}
                Err(missing) => left_out.push(missing),
            }
        }
        (present, left_out)
    }

    /// The same without offloads, where there are any.
    pub(super) fn without_offloads(&self) -> Option<Self> {
        let Self::Library { uri, .. } = self else {
            return None;
        };
        Some(Self::Library {
            uri: uri.clone(),
            offloads: Features::empty(),
        })
    }

    /// As what it takes part.
    pub(in crate::bench) fn contestant(&self) -> Contestant {
        let (name, role) = match self {
            Self::Library { uri, offloads } if offloads.is_empty() => {
                return Contestant::new(format!("{uri}, no offloads"), Role::Library);
            }
            Self::Library { uri, .. } => (uri.as_str(), Role::Library),
            Self::Peer(peer) => (peer.name(), Role::Peer),
            Self::Veth => ("veth", Role::Limit),
            Self::Loopback => ("loopback TCP", Role::Limit),
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
            Self::Library { uri, offloads } => Guest::behind(uri, *offloads),
            Self::Peer(peer) => Guest::of(*peer),
            Self::Veth => Guest::at_veth(),
            Self::Loopback => Ok(Guest::host()),
        }
    }
}
