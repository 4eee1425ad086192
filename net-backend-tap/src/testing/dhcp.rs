//! The least that a DHCP client has to be (RFC 2131), for networks with one interface and one server.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use net_backend_core::MacAddr;

use super::Interface;

/// Ports of server and client.
const SERVER: u16 = 67;
const CLIENT: u16 = 68;
/// How long to wait for an answer before asking again.
const RETRY: Duration = Duration::from_millis(300);
/// The fields before the options, in bytes, and what the options begin with.
const FIXED: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Options (RFC 2132).
const MASK: u8 = 1;
const ROUTER: u8 = 3;
const NAME_SERVERS: u8 = 6;
const REQUESTED_ADDRESS: u8 = 50;
const MESSAGE_TYPE: u8 = 53;
const SERVER_IDENTIFIER: u8 = 54;
const PARAMETERS: u8 = 55;
const END: u8 = 255;
/// Message types.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACKNOWLEDGEMENT: u8 = 5;

/// What a DHCP server gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address of the interface.
    pub address: Ipv4Addr,
    /// Bits of the network's prefix.
    pub prefix: u8,
    /// The gateway.
    pub router: Option<Ipv4Addr>,
    /// Where to look names up.
    pub name_servers: Vec<Ipv4Addr>,
    /// The server itself.
    server: Ipv4Addr,
}

impl Interface {
    /// Asks for an address by DHCP, for an interface with this Ethernet address. It has to be the only one with a
    /// default route, and gets one to its neighbours; nothing else about it changes.
    ///
    /// # Errors
    ///
    /// What the system says; `TimedOut` when nobody answers.
    pub fn request_lease(&self, address: MacAddr, timeout: Duration) -> io::Result<Lease> {
        // Without a route the kernel does not know where to broadcast.
        self.set_default_route(None)?;
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, CLIENT))?;
        socket.set_broadcast(true)?;
        socket.set_read_timeout(Some(RETRY))?;
        let client = Client {
            socket,
            address,
            deadline: Instant::now() + timeout,
        };
        let offer = client.exchange(&[(MESSAGE_TYPE, &[DISCOVER])], OFFER)?;
        let chosen = [
            (MESSAGE_TYPE, &[REQUEST][..]),
            (REQUESTED_ADDRESS, &offer.address.octets()),
            (SERVER_IDENTIFIER, &offer.server.octets()),
        ];
        client.exchange(&chosen, ACKNOWLEDGEMENT)
    }

    /// Sets address and default route to what the server gave.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn apply_lease(&self, lease: &Lease) -> io::Result<()> {
        self.set_ipv4(lease.address, lease.prefix)?;
        self.set_default_route(lease.router)
    }
}

struct Client {
    socket: UdpSocket,
    address: MacAddr,
    deadline: Instant,
}

impl Client {
    /// Asks until there is an answer of that type.
    fn exchange(&self, options: &[(u8, &[u8])], answer: u8) -> io::Result<Lease> {
        let message = self.message(options);
        let mut buffer = [0; 1500];
        while Instant::now() < self.deadline {
            self.socket
                .send_to(&message, (Ipv4Addr::BROADCAST, SERVER))?;
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let received = buffer.get(..length).unwrap_or_default();
                    if let Some(lease) = self.read(received, answer) {
                        return Ok(lease);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            ErrorKind::TimedOut,
            "no answer of a DHCP server",
        ))
    }

    /// Identifies this exchange among others.
    fn transaction(&self) -> [u8; 4] {
        let [_, _, transaction @ ..] = self.address.bytes();
        transaction
    }

    fn message(&self, options: &[(u8, &[u8])]) -> Vec<u8> {
        const BOOT_REQUEST: u8 = 1;
        const ETHERNET: [u8; 2] = [1, 6];
        const WANTED: [u8; 3] = [MASK, ROUTER, NAME_SERVERS];
        let mut message = vec![BOOT_REQUEST];
        message.extend(ETHERNET);
        message.push(0);
        message.extend(self.transaction());
        // Seconds, flags, four addresses.
        message.extend([0; 20]);
        message.extend(self.address.bytes());
        message.resize(FIXED, 0);
        message.extend(COOKIE);
        for (code, value) in options.iter().copied().chain([(PARAMETERS, &WANTED[..])]) {
            message.push(code);
            message.extend(u8::try_from(value.len()));
            message.extend(value);
        }
        message.push(END);
        message
    }

    /// What a message says, if it is an answer of that type to this client.
    fn read(&self, message: &[u8], answer: u8) -> Option<Lease> {
        const BOOT_REPLY: u8 = 2;
        let is_mine = message.first() == Some(&BOOT_REPLY)
            && message.get(4..8)? == self.transaction()
            && message.get(FIXED..FIXED + 4)? == COOKIE
            && option(message, MESSAGE_TYPE)? == [answer];
        let mask = address(option(message, MASK)?)?;
        let name_servers = option(message, NAME_SERVERS).unwrap_or_default();
        is_mine.then_some(Lease {
            address: address(message.get(16..)?)?,
            prefix: u8::try_from(mask.to_bits().count_ones()).ok()?,
            router: option(message, ROUTER).and_then(address),
            name_servers: name_servers.chunks_exact(4).filter_map(address).collect(),
            server: address(option(message, SERVER_IDENTIFIER)?)?,
        })
    }
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    bytes.first_chunk::<4>().copied().map(Ipv4Addr::from)
}

/// The value of an option.
fn option(message: &[u8], wanted: u8) -> Option<&[u8]> {
    const PAD: u8 = 0;
    let mut rest = message.get(FIXED + COOKIE.len()..)?;
    loop {
        match *rest {
            [PAD, ref others @ ..] => rest = others,
            [] | [_] | [END, ..] => return None,
            [code, length, ref others @ ..] => {
                let (value, others) = others.split_at_checked(length.into())?;
                if code == wanted {
                    return Some(value);
                }
                rest = others;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: MacAddr = MacAddr::new([2, 0, 0, 0x12, 0x34, 0x56]);

    fn client() -> Client {
        Client {
            socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
            address: MAC,
            deadline: Instant::now(),
        }
    }

    #[test]
    fn an_answer_is_read_and_anything_cut_off_is_not() {
        let client = client();
        let mut answer = client.message(&[
            (MESSAGE_TYPE, &[OFFER]),
            (MASK, &[255, 255, 255, 0]),
            (ROUTER, &[10, 0, 2, 2]),
            (NAME_SERVERS, &[10, 0, 2, 3, 10, 0, 2, 4]),
            (SERVER_IDENTIFIER, &[10, 0, 2, 2]),
        ]);
        assert_eq!(client.read(&answer, OFFER), None, "a request is no answer");
        answer[0] = 2;
        answer[16..20].copy_from_slice(&[10, 0, 2, 15]);
        let lease = client.read(&answer, OFFER).unwrap();
        assert_eq!(lease.address, Ipv4Addr::new(10, 0, 2, 15));
        assert_eq!((lease.prefix, lease.name_servers.len()), (24, 2));
        assert_eq!(lease.router, Some(lease.server));
        assert_eq!(client.read(&answer, ACKNOWLEDGEMENT), None);
        for length in 0..FIXED + 10 {
            assert_eq!(client.read(&answer[..length], OFFER), None, "{length}");
        }
        answer[7] ^= 1;
        assert_eq!(client.read(&answer, OFFER), None, "for somebody else");
    }
}
