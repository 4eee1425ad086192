//! Messages of nodes of type `eiface`, which are Ethernet interfaces: ng_eiface(4) and `netgraph/ng_eiface.h`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::fields::Reader;
use super::{Command, MalformedMessage, generic};

/// The type's name.
pub const TYPE: &str = "eiface";

/// Its only hook.
pub const ETHER: &str = "ether";

/// Whose commands these are (`NGM_EIFACE_COOKIE`).
pub const COOKIE: u32 = 948_105_892;

/// Asks for the interface's name, `ngeth0`: [`decode_name`].
pub const GET_IFNAME: Command = Command::new("NGM_EIFACE_GET_IFNAME", COOKIE, 1);
/// Asks for the interface's addresses: [`decode_addresses`].
pub const GET_IFADDRS: Command = Command::new("NGM_EIFACE_GET_IFADDRS", COOKIE, 2);
/// Sets the interface's Ethernet address: its 6 bytes.
pub const SET: Command = Command::new("NGM_EIFACE_SET", COOKIE, 3);

/// Families of addresses, of `sys/socket.h`.
const AF_INET: u8 = 2;
const AF_LINK: u8 = 18;
const AF_INET6: u8 = 28;

/// The answer to [`GET_IFNAME`].
///
/// # Errors
///
/// [`MalformedMessage::Unterminated`] without NUL.
pub fn decode_name(arguments: &[u8]) -> Result<String, MalformedMessage> {
    generic::decode_text(arguments)
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InterfaceAddress {
    /// The Ethernet address, once one is set.
    Ethernet([u8; 6]),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// Anything else: the family of `sys/socket.h`, and the bytes behind length and family.
    Other {
        /// `AF_…`.
        family: u8,
        /// As `struct sockaddr` has it.
        data: Vec<u8>,
    },
}

impl InterfaceAddress {
    /// A `struct sockaddr` without the padding behind it.
    fn decode(bytes: &[u8]) -> Result<Self, MalformedMessage> {
        let mut reader = Reader::new(bytes);
        let _length = reader.u8()?;
        let family = reader.u8()?;
        let data = reader.rest();
        match family {
            AF_INET => {
                let _port = reader.u16()?;
                Ok(Self::V4(Ipv4Addr::from(reader.array::<4>()?)))
            }
            AF_INET6 => {
                let _port_and_flow: [u8; 6] = reader.array()?;
                Ok(Self::V6(Ipv6Addr::from(reader.array::<16>()?)))
            }
            AF_LINK => match ethernet(reader)? {
                Some(address) => Ok(Self::Ethernet(address)),
                None => Ok(Self::other(family, data)),
            },
            _ => Ok(Self::other(family, data)),
        }
    }

    fn other(family: u8, data: &[u8]) -> Self {
        let data = data.to_vec();
        Self::Other { family, data }
    }
}

/// The answer to [`GET_IFADDRS`]: a `struct sockaddr` for each address, padded to whole `long`s (`SA_SIZE` in
/// `net/route.h`).
///
/// # Errors
///
/// [`MalformedMessage`] when one is longer than what there is, or too short for its family.
pub fn decode_addresses(arguments: &[u8]) -> Result<Vec<InterfaceAddress>, MalformedMessage> {
    let mut reader = Reader::new(arguments);
    let mut addresses = Vec::new();
    while let Some(length) = reader.rest().first() {
        let length = usize::from(*length);
        let padded = length.max(1).next_multiple_of(size_of::<usize>());
        let padded = reader.bytes(padded)?;
        if let Some(address) = padded.get(..length).filter(|address| !address.is_empty()) {
            addresses.push(InterfaceAddress::decode(address)?);
        }
    }
    Ok(addresses)
}

/// The address in a `struct sockaddr_dl` (`net/if_dl.h`), behind length and family, if it is of 6 bytes.
fn ethernet(mut reader: Reader<'_>) -> Result<Option<[u8; 6]>, MalformedMessage> {
    let _index = reader.u16()?;
    let _type = reader.u8()?;
    let name_length = reader.u8()?;
    let address_length = reader.u8()?;
    let _selector_length = reader.u8()?;
    let _name = reader.bytes(usize::from(name_length))?;
    match address_length {
        6 => reader.array().map(Some),
        _ => Ok(None),
    }
}
