//! What a guest does first: looks up a name, fetches a page.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use net_backend_tap::testing::NetworkNamespace;

use super::traffic::{PATIENCE, connect};
use crate::vm::page;

/// How long a resolver may take.
const RESOLVER: Duration = Duration::from_secs(2);
/// Bytes of a DNS header (RFC 1035, 4.1.1).
const HEADER: usize = 12;

/// Serves one page to one client, in the network of the calling thread.
pub(super) struct Server {
    pub(super) port: u16,
    thread: JoinHandle<Result<()>>,
}

impl Server {
    /// Listens on an address; port 0 is any.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn new(address: impl Into<IpAddr>, port: u16, text: &'static str) -> Result<Self> {
        let listener = TcpListener::bind((address.into(), port))?;
        let port = listener.local_addr()?.port();
        let thread = thread::spawn(move || page::serve(&listener.accept()?.0, PATIENCE, text));
        Ok(Self { port, thread })
    }

    /// Waits until the client has it.
    ///
    /// # Errors
    ///
    /// If it was not served.
    pub(super) fn finish(self) -> Result<()> {
        match self.thread.join() {
            Ok(outcome) => outcome.context("serving a page"),
            Err(_) => bail!("the server panicked"),
        }
    }
}

/// Fetches the page of a server from a network.
///
/// # Errors
///
/// As [`page::fetch`].
pub(super) fn fetch_from(network: &NetworkNamespace, address: SocketAddr) -> Result<String> {
    page::fetch(&connect(network, address)?, PATIENCE)
}

/// Asks a name server from a network for an address of IPv4; `None` if it has none.
///
/// # Errors
///
/// If there is no answer.
pub(super) fn look_up(
    network: &NetworkNamespace,
    server: Ipv4Addr,
    name: &'static str,
) -> Result<Option<Ipv4Addr>> {
    let mut answer = [0; 1500];
    let (answer, length) = network.run(move || -> Result<_> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((server, 53))?;
        socket.set_read_timeout(Some(RESOLVER))?;
        socket.send(&question(name))?;
        let length = socket.recv(&mut answer)?;
        Ok((answer, length))
    })?;
    Ok(address_in(answer.get(..length).unwrap_or_default()))
}

/// A query for an address, with recursion.
fn question(name: &str) -> Vec<u8> {
    const ADDRESS: [u8; 4] = [0, 1, 0, 1];
    let mut query = vec![0x5e, 0xed, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.extend(u8::try_from(label.len()));
        query.extend(label.as_bytes());
    }
    query.push(0);
    query.extend(ADDRESS);
    query
}

/// The first address of IPv4 among the answers (RFC 1035, 4.1.3).
fn address_in(message: &[u8]) -> Option<Ipv4Addr> {
    /// Type, class, time to live and length of an address of IPv4; the time is not looked at.
    const TYPE_AND_CLASS: [u8; 4] = [0, 1, 0, 1];
    const FIXED: usize = 10;
    let mut rest = after_name(message.get(HEADER..)?)?.get(4..)?;
    loop {
        rest = after_name(rest)?;
        let (fixed, others) = rest.split_at_checked(FIXED)?;
        let length = u16::from_be_bytes(*fixed.last_chunk()?);
        let (data, others) = others.split_at_checked(length.into())?;
        if fixed.starts_with(&TYPE_AND_CLASS) {
            return data.first_chunk::<4>().copied().map(Ipv4Addr::from);
        }
        rest = others;
    }
}

/// What follows a name: labels up to an empty one, or up to a pointer.
fn after_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            0xc0.. => return rest.get(1..),
            _ => bytes = rest.get(length.into()..)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_behind_an_alias() {
        let mut message = question("a.example");
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 4, 1, b'b', 0xc0, 14]);
        assert_eq!(address_in(&message), None);
        message.extend([
            1, b'b', 0xc0, 14, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7,
        ]);
        assert_eq!(address_in(&message), Some(Ipv4Addr::new(192, 0, 2, 7)));
    }

    #[test]
    fn the_first_address_counts() {
        let mut message = question("a.example");
        for last in [7, 8] {
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, last]);
        }
        assert_eq!(address_in(&message), Some(Ipv4Addr::new(192, 0, 2, 7)));
        for length in 0..question("a.example").len() + 15 {
            assert_eq!(address_in(&message[..length]), None, "{length}");
        }
    }
}
