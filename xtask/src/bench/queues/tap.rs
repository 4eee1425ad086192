//! Taps with several queues, and what is at their far end.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};

use anyhow::{Context, Result};
use net_backend::Uri;
use net_backend_tap::testing::Interface;

use super::LENGTH;

/// Frames for each run of receiving.
const FRAMES: u16 = 4096;
/// Frames that may wait in a queue.
const ROOM: u16 = 2 * FRAMES;
/// Frames of one socket: what its frames take until they are received is limited.
const FRAMES_OF_A_SOCKET: u16 = 64;
/// Bytes of the headers of Ethernet, IPv4 and UDP.
const HEADERS: usize = 14 + 20 + 8;
/// The option that says how many queues there are.
const QUEUES: &str = "queues";

/// Whether it is a tap.
pub(super) fn is_tap(uri: &Uri) -> bool {
    uri.scheme() == "tap"
}

/// How many queues a tap may have: what it says itself, or any number.
pub(super) fn most_queues(uri: &Uri) -> u16 {
    let mut queues = uri.pairs().filter(|(key, _)| *key == QUEUES);
    let said = queues.next().map(|(_, value)| value.parse().unwrap_or(1));
    said.unwrap_or(u16::MAX)
}

/// The same tap with so many queues, and room in them. It gets a name of its own: others of its name would be the same
/// one.
pub(super) fn with_queues(uri: &Uri, count: u16) -> Uri {
    let others = uri.pairs().filter(|(key, _)| *key != QUEUES);
    let tap = Uri::new(uri.scheme()).with_target("bench%d");
    let tap = others.fold(tap, |tap, (key, value)| tap.with_option(key, value));
    let has_room = uri.pairs().any(|(key, _)| key == "txqueuelen");
    let tap = match has_room {
        true => tap,
        false => tap.with_option("txqueuelen", ROOM),
    };
    tap.with_option(QUEUES, count)
}

/// The host's side of a tap.
pub(super) struct FarEnd {
    name: String,
    /// Enough of them for [`FRAMES`]; none if nothing is to be sent.
    sockets: Vec<UdpSocket>,
    broadcast: Ipv4Addr,
}

impl FarEnd {
    /// That of the interface with this name, in the network of this thread; `number` is nobody else's, and makes its
    /// addresses. What arrives can be counted.
    ///
    /// # Errors
    ///
    /// What the system says; so below.
    pub(super) fn open(name: String, number: u8) -> Result<Self> {
        let interface = Interface::named(name.as_str());
        // Its own packets would be counted.
        interface.disable_ipv6()?;
        // For measurements (RFC 2544, C.2.2).
        let [host, broadcast] = [1, 255].map(|last| Ipv4Addr::new(198, 18, number, last));
        interface.set_ipv4(host, 24)?;
        Ok(Self {
            name,
            sockets: Vec::new(),
            broadcast,
        })
    }

    /// Sends datagrams of as many flows, which the kernel spreads over the queues: how many.
    pub(super) fn fill(&mut self) -> Result<u64> {
        while self.sockets.len() < usize::from(FRAMES / FRAMES_OF_A_SOCKET) {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.set_broadcast(true)?;
            socket.set_nonblocking(true)?;
            self.sockets.push(socket);
        }
        let payload = [0x5a; LENGTH - HEADERS];
        for socket in &self.sockets {
            for port in 1..=FRAMES_OF_A_SOCKET {
                let sent = socket.send_to(&payload, (self.broadcast, port));
                sent.context("filling the queues")?;
            }
        }
        Ok(u64::from(FRAMES))
    }

    /// How many frames have come out of the tap so far.
    pub(super) fn arrived(&self) -> Result<u64> {
        let text = fs::read_to_string("/proc/thread-self/net/dev")?;
        let packets = received_packets(&text, &self.name);
        packets.with_context(|| format!("/proc/thread-self/net/dev does not know {}", self.name))
    }
}

/// The second number behind the name (proc_net_dev(5)).
fn received_packets(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let numbers = lines.find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'))?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

/// A broadcast of a protocol that no host knows (IEEE Std 802: 0x88b5 is for experiments).
pub(super) fn to_nobody(length: usize) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.resize(length, 0x5a);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tap_gets_queues_and_a_name_of_its_own() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        let tap = with_queues(&uri("tap:x?mtu=9000&queues=2"), 4);
        assert_eq!(tap, uri("tap:bench%d?mtu=9000&txqueuelen=8192&queues=4"));
        assert_eq!(most_queues(&uri("tap:x?queues=2")), 2);
        assert_eq!(most_queues(&uri("tap:x")), u16::MAX);
    }

    #[test]
    fn arrivals_are_those_of_the_interface() {
        let text = "Inter-|   Receive\n face |bytes    packets errs\n  tap1: 3000 2 0 0\n tap10: 70 1 0 0\n";
        assert_eq!(received_packets(text, "tap1"), Some(2));
        assert_eq!(received_packets(text, "tap10"), Some(1));
        assert_eq!(received_packets(text, "tap"), None);
    }
}
