//! Answers to forwarded UDP ports of restricted networks.
//!
//! libslirp drops every datagram of a restricted guest, answers to its own port forwardings among them. Those are sent
//! from here, from libslirp's own socket, to whoever asked before.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::RawFd;
use std::time::Duration;

use net_backend_core::offload::Headers;

use crate::recent::Recent;
use crate::sys::sockets;

/// How long after its last question a peer may be answered: as long as libslirp keeps its own UDP sockets.
const LIFETIME: Duration = Duration::from_secs(240);
/// Peers that are remembered.
const REMEMBERED: usize = 4096;
/// Length of a UDP header in bytes (RFC 768).
const UDP_HEADER: usize = 8;

/// Who may be answered.
pub(crate) struct Replies {
    /// What libslirp shows the guest instead of the host's loopback address.
    host: Option<Ipv4Addr>,
    host6: Option<Ipv6Addr>,
    forwarded: Vec<Forwarded>,
    /// The socket that libslirp reads from.
    pub(crate) reading: Option<RawFd>,
    /// What a peer, as the guest sees it, last sent to a port of the guest.
    /// The value is the socket where it came in, and the answer goes out.
    peers: Recent<(SocketAddr, SocketAddr), RawFd>,
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
            reading: None,
            peers: Recent::new(REMEMBERED),
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
        self.peers.retain(|one| *one != socket);
    }

    /// A datagram for the guest passed.
    pub(crate) fn note(&mut self, headers: &Headers) {
        let guest = SocketAddr::new(headers.destination, headers.destination_port);
        let Some(socket) = self.socket(guest).filter(|_| !headers.is_fragment) else {
            return;
        };
        let peer = SocketAddr::new(headers.source, headers.source_port);
        self.peers.insert((peer, guest), socket);
    }

    /// Sends a datagram of the guest to the peer that asked for it; `false` when nobody did.
    pub(crate) fn send(&self, frame: &[u8], headers: &Headers) -> bool {
        let guest = SocketAddr::new(headers.source, headers.source_port);
        let peer = SocketAddr::new(headers.destination, headers.destination_port);
        let question = self.peers.get(&(peer, guest));
        let recent = question.filter(|(at, _)| at.elapsed() <= LIFETIME);
        let payload = frame.get(headers.transport + UDP_HEADER..headers.end);
        let (Some((_, socket)), Some(payload), false) = (recent, payload, headers.is_fragment)
        else {
            return false;
        };
        // Lost datagrams are what UDP is about.
        let _sent = sockets::send_to(*socket, payload, self.outside(peer));
        true
    }

    /// The socket by which a datagram came in: the one that libslirp reads from, if that is possible. Datagrams that
    /// waited for the guest's address come later.
    fn socket(&self, guest: SocketAddr) -> Option<RawFd> {
        let matches = |one: &&Forwarded| {
            one.port == guest.port() && one.guest.is_none_or(|address| address == guest.ip())
        };
        let mut sockets = self.forwarded.iter().filter(matches).map(|one| one.socket);
        let first = sockets.next()?;
        let is_read = |socket: &RawFd| Some(*socket) == self.reading;
        Some(
            std::iter::once(first)
                .chain(sockets)
                .find(is_read)
                .unwrap_or(first),
        )
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
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    use super::*;
    use crate::surroundings::{loopback, or_skip};

    /// A UDP frame with a payload of "answer".
    fn frame(source: [u8; 4], source_port: u16, destination: [u8; 4], port: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45, 0, 0, 34, 0, 0, 0x40, 0, 64, 17, 0, 0]);
        frame.extend(source);
        frame.extend(destination);
        frame.extend(source_port.to_be_bytes());
        frame.extend(port.to_be_bytes());
        frame.extend([0, 14, 0, 0]);
        frame.extend(b"answer");
        frame
    }

    const GUEST: [u8; 4] = [10, 0, 2, 15];
    const HOST: [u8; 4] = [10, 0, 2, 2];

    #[test]
    fn who_asked_is_answered_and_nobody_else() {
        if or_skip(loopback()).is_none() {
            return;
        }
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let port = peer.local_addr().unwrap().port();
        let mut replies = Replies::new(Some(HOST.into()), None);
        replies.add(listener.as_raw_fd(), None, 53);
        // Another forward to the same port, which is not the one that was asked.
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        replies.forwarded.insert(
            0,
            Forwarded {
                socket: other.as_raw_fd(),
                guest: None,
                port: 53,
            },
        );
        replies.reading = Some(listener.as_raw_fd());
        let answer = frame(GUEST, 53, HOST, port);
        let headers = Headers::parse(&answer).unwrap();
        assert!(!replies.send(&answer, &headers), "nobody asked");

        let question = frame(HOST, port, GUEST, 53);
        replies.note(&Headers::parse(&question).unwrap());
        assert!(replies.send(&answer, &headers));
        let mut payload = [0; 16];
        let (length, from) = peer.recv_from(&mut payload).unwrap();
        assert_eq!(&payload[..length], b"answer");
        assert_eq!(from, listener.local_addr().unwrap());

        for (source_port, to, port) in [
            (54, HOST, port),
            (53, HOST, port ^ 1),
            (53, [10, 0, 2, 3], port),
        ] {
            let other = frame(GUEST, source_port, to, port);
            let headers = Headers::parse(&other).unwrap();
            assert!(
                !replies.send(&other, &headers),
                "{source_port} {to:?} {port}"
            );
        }
        replies.remove(listener.as_raw_fd());
        assert!(!replies.send(&answer, &headers), "forwarded no more");
    }

    #[test]
    fn ports_that_are_not_forwarded_make_nobody_a_peer() {
        let mut replies = Replies::new(Some(HOST.into()), None);
        replies.add(0, Some(GUEST.into()), 53);
        for (to, port) in [(GUEST, 54), ([10, 0, 2, 16], 53)] {
            let question = frame(HOST, 1000, to, port);
            replies.note(&Headers::parse(&question).unwrap());
        }
        assert!(replies.peers.is_empty());
    }
}
