//! Answers to forwarded UDP ports of restricted networks.
//!
//! libslirp drops every datagram of a restricted guest, answers to its own port forwardings among them. Those are sent
//! from here, from libslirp's own socket, to whoever asked before.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

use net_backend_core::offload::Headers;

use crate::sys::sockets;

/// How long after its last question a peer may be answered: as long as libslirp keeps its own UDP sockets.
const LIFETIME: Duration = Duration::from_secs(240);
/// Peers that are remembered; the oldest makes room.
const REMEMBERED: usize = 4096;
/// Length of a UDP header in bytes (RFC 768).
const UDP_HEADER: usize = 8;

/// Who may be answered.
pub(crate) struct Replies {
    /// What libslirp shows the guest instead of the host's loopback address.
    host: Option<Ipv4Addr>,
    host6: Option<Ipv6Addr>,
    forwarded: Vec<Forwarded>,
    /// When a peer, as the guest sees it, last sent to a port of the guest.
    peers: HashMap<(SocketAddr, SocketAddr), Instant>,
}

struct Forwarded {
    socket: RawFd,
    guest: Option<IpAddr>,
    port: u16,
}

impl Replies {
    pub(crate) fn new(host: Option<Ipv4Addr>, host6: Option<Ipv6Addr>) -> Self {
        Self {
            host,
            host6,
            forwarded: Vec::new(),
            peers: HashMap::new(),
        }
    }

    /// A UDP port is forwarded by `socket` to a port of the guest, whose address may be left to libslirp.
    pub(crate) fn add(&mut self, socket: RawFd, guest: Option<IpAddr>, port: u16) {
        self.forwarded.push(Forwarded {
            socket,
            guest,
            port,
        });
    }

    /// It is forwarded no more.
    pub(crate) fn remove(&mut self, socket: RawFd) {
        self.forwarded.retain(|one| one.socket != socket);
    }

    /// A datagram for the guest passed.
    pub(crate) fn note(&mut self, headers: &Headers) {
        let guest = SocketAddr::new(headers.destination, headers.destination_port);
        if !headers.is_fragment && self.socket(guest).is_some() {
            let peer = SocketAddr::new(headers.source, headers.source_port);
            self.make_room();
            self.peers.insert((peer, guest), Instant::now());
        }
    }

    /// Sends a datagram of the guest to the peer that asked for it; `false` when nobody did.
    pub(crate) fn send(&self, frame: &[u8], headers: &Headers) -> bool {
        let guest = SocketAddr::new(headers.source, headers.source_port);
        let peer = SocketAddr::new(headers.destination, headers.destination_port);
        let asked = self.peers.get(&(peer, guest));
        if headers.is_fragment || asked.is_none_or(|asked| asked.elapsed() > LIFETIME) {
            return false;
        }
        let payload = headers.transport + UDP_HEADER..headers.end;
        let (Some(socket), Some(payload)) = (self.socket(guest), frame.get(payload)) else {
            return false;
        };
        // Lost datagrams are what UDP is about.
        let _sent = sockets::send_to(socket, payload, self.outside(peer));
        true
    }

    fn socket(&self, guest: SocketAddr) -> Option<RawFd> {
        let matches = |one: &&Forwarded| {
            one.port == guest.port() && one.guest.is_none_or(|address| address == guest.ip())
        };
        self.forwarded.iter().find(matches).map(|one| one.socket)
    }

    /// The peer's real address.
    fn outside(&self, peer: SocketAddr) -> SocketAddr {
        let address = match peer.ip() {
            IpAddr::V4(address) if Some(address) == self.host => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(address) if Some(address) == self.host6 => Ipv6Addr::LOCALHOST.into(),
            address => address,
        };
        SocketAddr::new(address, peer.port())
    }

    fn make_room(&mut self) {
        if self.peers.len() < REMEMBERED {
            return;
        }
        self.peers.retain(|_, asked| asked.elapsed() <= LIFETIME);
        let oldest = self.peers.iter().min_by_key(|(_, asked)| **asked);
        if let Some(oldest) = oldest.map(|(key, _)| *key) {
            if self.peers.len() >= REMEMBERED {
                self.peers.remove(&oldest);
            }
        }
    }
}
