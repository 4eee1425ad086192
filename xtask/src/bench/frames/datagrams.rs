//! A network in user mode, with a socket of the host at its far end: frames are datagrams of UDP.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result};
use net_backend::Uri;
use net_backend::bench::frames::{FarEnd, Opened, Shape};
use net_backend::bench::{Outcome, Unavailable};
use net_backend::offload::checksum::{Sum, pseudo_header};

use super::counted::{is_full, kept_by_socket};
use super::subjects;

/// Bytes of the headers of Ethernet, IPv4 (RFC 791) and UDP (RFC 768).
const HEADERS: usize = 14 + 20 + 8;
/// The protocol number of UDP (IANA).
const UDP: u8 = 17;
/// The port of the guest.
const PORT: u16 = 4000;
/// How long the first datagram may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// The guest's address, and that of whoever is the gateway.
const GUEST: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const EVERYBODY: [u8; 6] = [0xff; 6];

/// Opens a network whose guest sends to a socket of the host's loopback interface.
///
/// # Errors
///
/// What the backend says; that super-frames are no datagrams.
pub(super) fn open(uri: &str, shape: Shape) -> Result<Opened> {
    if shape == Shape::Super {
        let reason = "a super-frame belongs to a connection: the rows of TCP show what they bring";
        return Err(Unavailable::new(reason).into());
    }
    let flow = Flow::new(&uri.parse()?)?;
    let backend = subjects::open(uri, shape)?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = socket.local_addr()?.port();
    let first = flow.datagram(port, HEADERS + 1);
    let opened = Opened::new(backend, Socket::new(socket, shape))
        .with_frame(flow.datagram(port, shape.length()))
        .with_greetings(vec![flow.announcement(), first])
        .with_burst(kept_by_socket(shape));
    match uri.contains("thread=none") {
        true => Ok(opened),
        false => Ok(opened.with_threads()),
    }
}

/// Who sends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flow {
    guest: Ipv4Addr,
    host: Ipv4Addr,
}

impl Flow {
    /// In the network that the URI names, as `slirp:10.0.2.0/24`, where the guest takes the 15th address.
    fn new(uri: &Uri) -> Result<Self> {
        let network = match uri.target().split('/').next() {
            None | Some("") => Ipv4Addr::new(10, 0, 2, 0),
            Some(network) => network.parse()?,
        };
        let address = |last| Ipv4Addr::from_bits(network.to_bits() | last);
        let host = uri.pairs().find(|(key, _)| *key == "host");
        Ok(Self {
            guest: address(15),
            host: match host {
                Some((_, host)) => host.parse()?,
                None => address(2),
            },
        })
    }

    /// An ARP request (RFC 826) that tells where the guest is (RFC 5227, 3).
    fn announcement(&self) -> Vec<u8> {
        let guest = self.guest.octets();
        let request = [0, 1, 8, 0, 6, 4, 0, 1];
        let kind = [0x08, 0x06];
        let parts: [&[u8]; 7] = [&EVERYBODY, &GUEST, &kind, &request, &GUEST, &guest, &[0; 6]];
        [&parts.concat()[..], &guest].concat()
    }

    /// A datagram to a port of the host, in a frame of `length` bytes.
    fn datagram(&self, port: u16, length: usize) -> Vec<u8> {
        let payload = vec![0x5a; length.saturating_sub(HEADERS)];
        let ethernet = [&EVERYBODY[..], &GUEST, &[0x08, 0x00]].concat();
        let udp = self.udp(port, &payload);
        let ip = self.ipv4(udp.len() + payload.len());
        [ethernet, ip, udp, payload].concat()
    }

    fn ipv4(&self, length: usize) -> Vec<u8> {
        let [l0, l1] = u16::try_from(length + 20).unwrap_or(u16::MAX).to_be_bytes();
        let head = |[c0, c1]: [u8; 2]| {
            let head = [0x45, 0, l0, l1, 0, 0, 0, 0, 64, UDP, c0, c1];
            [&head[..], &self.guest.octets(), &self.host.octets()].concat()
        };
        head(Sum::of(&head([0, 0])).checksum().to_be_bytes())
    }

    fn udp(&self, port: u16, payload: &[u8]) -> Vec<u8> {
        let length = payload.len() + 8;
        let head = |checksum: u16| {
            let length = u16::try_from(length).unwrap_or(u16::MAX);
            [PORT, port, length, checksum]
                .map(u16::to_be_bytes)
                .concat()
        };
        let [guest, host] = [self.guest, self.host].map(IpAddr::V4);
        let sum = pseudo_header(guest, host, UDP, length) + Sum::of(&head(0)) + Sum::of(payload);
        head(sum.nonzero_checksum())
    }
}

/// A socket of the host.
struct Socket {
    socket: UdpSocket,
    /// Where the network sends from, once it has sent.
    network: Option<SocketAddr>,
    payload: Vec<u8>,
    buffer: Vec<u8>,
}

impl Socket {
    fn new(socket: UdpSocket, shape: Shape) -> Self {
        let payload = shape.length().saturating_sub(HEADERS);
        Self {
            socket,
            network: None,
            payload: vec![0x5a; payload],
            // A longer one would show.
            buffer: vec![0; payload + 1],
        }
    }

    /// Waits for the first datagram, which tells where to answer.
    fn meet(&mut self) -> Result<()> {
        if self.network.is_none() {
            self.socket.set_read_timeout(Some(PATIENCE))?;
            let first = self.socket.recv_from(&mut self.buffer);
            let (_, network) = first.context("no datagram came from the guest")?;
            self.socket.connect(network)?;
            self.socket.set_nonblocking(true)?;
            self.network = Some(network);
        }
        Ok(())
    }
}

impl FarEnd for Socket {
    fn send(&mut self, count: usize) -> Outcome<usize> {
        self.meet()?;
        for sent in 0..count {
            match self.socket.send(&self.payload) {
                Ok(_) => {}
                Err(error) if is_full(&error) => return Ok(sent),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        self.meet()?;
        let mut arrived = 0;
        loop {
            match self.socket.recv(&mut self.buffer) {
                Ok(length) => arrived += usize::from(length == self.payload.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(arrived),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use net_backend::offload::checksum::is_valid;
    use net_backend::offload::{Headers, Protocol};

    use super::*;

    #[test]
    fn datagrams_are_whole() {
        let flow = Flow::new(&"slirp:".parse().unwrap()).unwrap();
        for length in [43, 64, 1514, 9014] {
            let frame = flow.datagram(7, length);
            assert_eq!(frame.len(), length);
            assert_eq!(Sum::of(&frame[14..34]), Sum::ZERO);
            let headers = Headers::parse(&frame).unwrap();
            assert_eq!(headers.protocol, Protocol::Udp);
            assert_eq!(headers.payload_length(), length - 42);
            assert!(is_valid(&frame, &headers));
        }
    }

    #[test]
    fn the_network_is_that_of_the_uri() {
        let flow = |uri: &str| Flow::new(&uri.parse().unwrap()).unwrap();
        let of = |guest: [u8; 4], host: [u8; 4]| Flow {
            guest: guest.into(),
            host: host.into(),
        };
        assert_eq!(flow("slirp:"), of([10, 0, 2, 15], [10, 0, 2, 2]));
        let other = flow("slirp:192.168.7.0/24?host=192.168.7.1");
        assert_eq!(other, of([192, 168, 7, 15], [192, 168, 7, 1]));
    }

    #[test]
    fn an_announcement_is_a_question_about_oneself() {
        let frame = Flow::new(&"slirp:".parse().unwrap())
            .unwrap()
            .announcement();
        assert_eq!(frame.len(), 42);
        assert_eq!(frame[28..32], frame[38..42]);
    }
}
