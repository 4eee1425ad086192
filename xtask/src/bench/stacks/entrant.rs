//! Who takes part.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use net_backend::bench::{LeftOut, Role};
use net_backend::{Environment, Features, NetBackend, Uri};
use net_backend_slirp::SlirpConfig;
use net_backend_tap::testing::Interface;

use super::super::field::openable;
use super::backend::Backend;
use super::frame::Checksum;
use super::guest::Guest;
use super::host::Service;
use super::loopback::Loopback;
use super::peer::Peer;
use super::site::{Far, Running, Site};
use super::smoltcp::Smoltcp;
use super::work::Work;

/// What a guest with TSO negotiates.
const TSO: Features = Features::CSUM
    .union(Features::HOST_TSO4)
    .union(Features::GUEST_CSUM)
    .union(Features::GUEST_TSO4);
/// Frames that may wait in a tap: more than any window of TCP.
const TAP_QUEUE: u32 = 10_000;

/// A network stack to measure, or none.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::bench) enum Entrant {
    /// The library.
    Library(Library),
    /// Another program.
    Peer(Peer),
    /// The crate smoltcp, as the guest of a kernel.
    Smoltcp,
    /// The host's own, over the loopback interface.
    Loopback,
}

/// A backend, with a network stack behind it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::bench) struct Library {
    /// As it was named.
    name: String,
    uri: Uri,
    stack: Stack,
    /// Whether the guest sends and receives super-frames. Else it has an MTU of 1500 and makes its own checksums, and
    /// frames have no header.
    has_tso: bool,
}

/// Who terminates TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stack {
    /// libslirp, which has the host's loopback behind its gateway.
    Slirp { guest: Ipv4Addr, gateway: Ipv4Addr },
    /// The kernel, in a network of its own.
    Kernel,
}

impl Entrant {
    /// A backend without and, where it offers that, with TSO.
    ///
    /// # Errors
    ///
    /// If there is nobody to talk TCP to.
    pub(in crate::bench) fn of_uri(name: &str) -> Result<Vec<Self>, LeftOut> {
        let plain = Library::new(name).map_err(|error| LeftOut {
            what: format!("{name} in the rows of TCP and UDP"),
            why: format!("{error:#}"),
            is_failure: false,
        })?;
        let offered = net_backend::open(&openable(name)).map(|backend| backend.features());
        let tso = Library {
            has_tso: true,
            ..plain.clone()
        };
        let has_tso = offered.is_ok_and(|features| features.contains(TSO));
        let both = [Some(plain), has_tso.then_some(tso)];
        Ok(both.into_iter().flatten().map(Self::Library).collect())
    }

    /// Its name in the tables.
    pub(in crate::bench) fn name(&self, work: Work) -> String {
        match self {
            Self::Library(library) if library.has_tso => {
                format!("{}, guest with TSO", library.name)
            }
            Self::Library(library) => library.name.clone(),
            Self::Peer(peer) => peer.name().to_owned(),
            Self::Smoltcp => "smoltcp on tap".to_owned(),
            Self::Loopback if work.frame().is_some() => "loopback UDP".to_owned(),
            Self::Loopback => "loopback TCP".to_owned(),
        }
    }

    /// What it is to the library.
    pub(in crate::bench) fn role(&self) -> Role {
        match self {
            Self::Library(_) => Role::Library,
            Self::Peer(_) | Self::Smoltcp => Role::Peer,
            Self::Loopback => Role::Limit,
        }
    }

    /// Whether it takes part in this.
    pub(in crate::bench) fn does(&self, work: Work) -> bool {
        match self {
            Self::Library(library) => work.is_bulk() || !library.has_tso,
            Self::Peer(_) => true,
            Self::Smoltcp => work.is_bulk() || work == Work::RoundTrips,
            // Nothing there could mind idle connections.
            Self::Loopback => work != Work::Idle,
        }
    }

    /// Whether it makes sense to compare the library with it: other programs have no kernel behind them; the crate smoltcp
    /// has, but no super-frames.
    pub(in crate::bench) fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Library(library), Self::Peer(_)) => library.stack != Stack::Kernel,
            (Self::Library(library), Self::Smoltcp) => {
                library.stack == Stack::Kernel && !library.has_tso
            }
            _ => true,
        }
    }

    /// How many of this process's files an idle connection takes.
    pub(in crate::bench) fn files(&self) -> u64 {
        match self {
            // libslirp's socket, beside the server's.
            Self::Library(library) if library.stack != Stack::Kernel => 2,
            Self::Library(_) | Self::Peer(_) | Self::Smoltcp | Self::Loopback => 1,
        }
    }

    /// Starts it in the network of this thread, with a client that has made sure that it works.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub(in crate::bench) fn start(&self, site: &mut Site) -> Result<Running> {
        let (mut guest, far) = match self {
            Self::Loopback => {
                return Ok(Running {
                    client: Box::new(Loopback::new()),
                    far: site.here()?,
                });
            }
            Self::Smoltcp => {
                let (guest, far) = Smoltcp::start(site)?;
                return Ok(Running {
                    client: Box::new(guest),
                    far,
                });
            }
            Self::Library(library) => library.start(site)?,
            Self::Peer(peer) => {
                let link = peer.start()?;
                let guest = Guest::start(link, peer.guest(), Site::GATEWAY, Checksum::Full)?;
                (guest, site.here()?)
            }
        };
        guest.verify(far.host.port(Service::Echo))?;
        Ok(Running {
            client: Box::new(guest),
            far,
        })
    }
}

impl Library {
    fn new(name: &str) -> Result<Self> {
        let uri: Uri = openable(name).parse()?;
        let (uri, stack) = match uri.scheme() {
            "slirp" => {
                let stack = Stack::of_slirp(&SlirpConfig::from_uri(&uri)?)?;
                (uri, stack)
            }
            "tap" => (with_queue(uri), Stack::Kernel),
            _ => anyhow::bail!("nobody answers at its far end"),
        };
        Ok(Self {
            name: name.to_owned(),
            uri,
            stack,
            has_tso: false,
        })
    }

    fn start(&self, site: &mut Site) -> Result<(Guest, Far)> {
        let uri = self.uri.clone();
        let (backend, far) = match self.stack {
            Stack::Slirp { .. } => (open(&uri)?, site.here()?),
            Stack::Kernel => site.behind(move || {
                let backend = open(&uri)?;
                let interface = Interface::named(backend.describe().target());
                Ok((backend, interface))
            })?,
        };
        let (features, checksum) = match self.has_tso {
            true => (TSO, Checksum::Offloaded),
            false => (Features::empty(), Checksum::Full),
        };
        let link = Box::new(Backend::activate(backend, features)?);
        let (guest, gateway) = match self.stack {
            Stack::Slirp { guest, gateway } => (guest, gateway),
            Stack::Kernel => (Site::GUEST, Site::GATEWAY),
        };
        Ok((Guest::start(link, guest, gateway, checksum)?, far))
    }
}

impl Stack {
    fn of_slirp(config: &SlirpConfig) -> Result<Self> {
        let ipv4 = config.ipv4.context("it has no IPv4")?;
        ensure!(!config.restrict, "nothing leaves its network");
        ensure!(config.host_loopback, "it does not lead to this host");
        Ok(Self::Slirp {
            guest: ipv4.dhcp_start,
            gateway: ipv4.host,
        })
    }
}

fn open(uri: &Uri) -> Result<Box<dyn NetBackend>> {
    let backend = net_backend::open_uri(uri, &Environment::default());
    backend.with_context(|| format!("cannot open {uri}"))
}

fn with_queue(uri: Uri) -> Uri {
    let is_given = uri.pairs().any(|(key, _)| key == "txqueuelen");
    match is_given {
        true => uri,
        false => uri.with_option("txqueuelen", TAP_QUEUE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_talks_tcp_to_nobody_is_left_out_with_the_reason() {
        for (uri, why) in [
            ("loopback:", "nobody answers"),
            ("slirp:?restrict=on", "nothing leaves"),
            ("slirp:?host-loopback=off", "does not lead to this host"),
        ] {
            let left_out = Entrant::of_uri(uri).unwrap_err();
            assert!(left_out.why.contains(why), "{left_out:?}");
        }
    }

    #[test]
    fn addresses_and_queue_are_those_of_the_uri() {
        let slirp = Library::new("slirp:192.168.5.0/24").unwrap();
        let [guest, gateway] = [15, 2].map(|last| Ipv4Addr::new(192, 168, 5, last));
        assert_eq!(slirp.stack, Stack::Slirp { guest, gateway });
        let tap = |name| Library::new(name).unwrap().uri.to_string();
        assert_eq!(tap("tap:"), "tap:bench%d?txqueuelen=10000");
        assert_eq!(tap("tap:x?txqueuelen=9"), "tap:x?txqueuelen=9");
    }
}
