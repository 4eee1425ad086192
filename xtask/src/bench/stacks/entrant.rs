//! Who takes part.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::Features;

use super::backend::Backend;
use super::frame::Checksum;
use super::guest::Guest;
use super::host::{Host, Service};
use super::loopback::Loopback;
use super::peer::Peer;
use crate::needs;

/// Offloads of what the guest sends.
const TRANSMIT: Features = Features::CSUM.union(Features::HOST_TSO4);
/// Offloads of what the guest receives.
const RECEIVE: Features = Features::GUEST_CSUM.union(Features::GUEST_TSO4);

/// A network stack to measure, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entrant {
    /// The library.
    Slirp {
        threading: Threading,
        offloads: Offloads,
    },
    /// Another program.
    Peer(Peer),
    /// TCP over the loopback interface.
    Loopback,
}

/// Who runs libslirp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threading {
    /// The guest's thread: `thread=none`.
    Inline,
    /// The backend's own.
    Own,
}

/// What was negotiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offloads {
    /// Nothing: frames of an MTU of 1500 with complete checksums, without header.
    None,
    /// The guest sends super-frames.
    Transmit,
    /// The guest receives super-frames.
    Receive,
}

impl Entrant {
    /// Its name in the tables.
    pub(super) fn name(self) -> String {
        let Self::Slirp {
            threading,
            offloads,
        } = self
        else {
            return match self {
                Self::Peer(peer) => peer.name().to_owned(),
                _ => "loopback".to_owned(),
            };
        };
        let threading = match threading {
            Threading::Inline => "thread=none",
            Threading::Own => "threaded",
        };
        match offloads {
            Offloads::None => threading.to_owned(),
            Offloads::Transmit | Offloads::Receive => format!("{threading}, guest with TSO"),
        }
    }

    /// Whether this machine has it.
    pub(super) fn is_installed(self) -> bool {
        match self {
            Self::Peer(peer) => needs::is_met(&peer.need()),
            Self::Slirp { .. } | Self::Loopback => true,
        }
    }

    /// Starts it, with a guest that has made sure that it works.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub(super) fn start(self, host: &Host) -> Result<Client> {
        let start = || -> Result<Client> {
            let mut guest = match self {
                Self::Loopback => return Ok(Client::Loopback(Loopback::new())),
                Self::Peer(peer) => peer_guest(peer)?,
                Self::Slirp {
                    threading,
                    offloads,
                } => slirp_guest(threading, offloads)?,
            };
            guest.verify(host.port(Service::Echo))?;
            Ok(Client::Guest(Box::new(guest)))
        };
        start().with_context(|| self.name())
    }
}

fn peer_guest(peer: Peer) -> Result<Guest> {
    let gateway = Ipv4Addr::new(10, 0, 2, 2);
    Guest::start(peer.start()?, peer.guest(), gateway, Checksum::Full)
}

fn slirp_guest(threading: Threading, offloads: Offloads) -> Result<Guest> {
    let uri = match threading {
        Threading::Inline => "slirp:?thread=none",
        Threading::Own => "slirp:",
    };
    let (features, checksum) = match offloads {
        Offloads::None => (Features::empty(), Checksum::Full),
        Offloads::Transmit => (TRANSMIT | RECEIVE, Checksum::Offloaded),
        Offloads::Receive => (RECEIVE, Checksum::Full),
    };
    let link = Box::new(Backend::open(uri, features)?);
    let [guest, gateway] = [15, 2].map(|last| Ipv4Addr::new(10, 0, 2, last));
    Guest::start(link, guest, gateway, checksum)
}

/// Who does the work for an entrant.
pub(super) enum Client {
    Guest(Box<Guest>),
    Loopback(Loopback),
}

impl Client {
    /// How often something had to be sent again so far, as far as one can see.
    pub(super) fn retransmissions(&self) -> u64 {
        match self {
            Self::Guest(guest) => guest.retransmissions(),
            Self::Loopback(_) => 0,
        }
    }

    /// Sends to the sink for `duration`: bytes that it has read.
    ///
    /// # Errors
    ///
    /// If it does not work; so all of these.
    pub(super) fn upload(&mut self, port: u16, duration: Duration) -> Result<u64> {
        match self {
            Self::Guest(guest) => guest.upload(port, duration),
            Self::Loopback(loopback) => loopback.upload(port, duration),
        }
    }

    /// Receives from the source until it ends: bytes that came.
    pub(super) fn download(&mut self, port: u16, duration: Duration) -> Result<u64> {
        match self {
            Self::Guest(guest) => guest.download(port, duration),
            Self::Loopback(loopback) => loopback.download(port),
        }
    }

    /// Opens a connection for [`round_trips`](Self::round_trips).
    pub(super) fn open_echo(&mut self, port: u16) -> Result<()> {
        match self {
            Self::Guest(guest) => guest.open_echo(port),
            Self::Loopback(loopback) => loopback.open_echo(port),
        }
    }

    /// Sends a byte and waits for the answer, for `duration`, and closes the connection: how many came.
    pub(super) fn round_trips(&mut self, duration: Duration) -> Result<u64> {
        match self {
            Self::Guest(guest) => guest.round_trips(duration),
            Self::Loopback(loopback) => loopback.round_trips(duration),
        }
    }

    /// Makes connections with one round trip each for `duration`: how many there were.
    pub(super) fn connections(&mut self, port: u16, duration: Duration) -> Result<u64> {
        match self {
            Self::Guest(guest) => guest.connections(port, duration),
            Self::Loopback(loopback) => loopback.connections(port, duration),
        }
    }

    /// Opens connections that stay as they are.
    pub(super) fn hold(&mut self, port: u16, count: usize) -> Result<()> {
        match self {
            Self::Guest(guest) => guest.hold(port, count),
            Self::Loopback(_) => Ok(()),
        }
    }
}
