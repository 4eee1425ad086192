//! Messages of nodes of type `ether`, which Ethernet interfaces have: ng_ether(4) and `netgraph/ng_ether.h`.

use super::fields::{Reader, Writer};
use super::{Command, MalformedMessage, generic};

/// The type's name.
pub const TYPE: &str = "ether";

/// The hook to the wire.
pub const LOWER: &str = "lower";
/// The hook to the host's network stack.
pub const UPPER: &str = "upper";
/// The hook that gets frames of protocols that the host does not know.
pub const ORPHANS: &str = "orphans";

/// Whose commands these are (`NGM_ETHER_COOKIE`).
pub const COOKIE: u32 = 917_786_906;

/// Asks for the interface's name: [`decode_name`].
pub const GET_IFNAME: Command = Command::new("NGM_ETHER_GET_IFNAME", COOKIE, 1);
/// Asks for the interface's number: [`decode_number`].
pub const GET_IFINDEX: Command = Command::new("NGM_ETHER_GET_IFINDEX", COOKIE, 2);
/// Asks for the interface's address: [`decode_mac`].
pub const GET_ENADDR: Command = Command::new("NGM_ETHER_GET_ENADDR", COOKIE, 3);
/// Sets the interface's address: its 6 bytes.
pub const SET_ENADDR: Command = Command::new("NGM_ETHER_SET_ENADDR", COOKIE, 4);
/// Asks whether the interface takes frames to everybody: [`decode_number`].
pub const GET_PROMISC: Command = Command::new("NGM_ETHER_GET_PROMISC", COOKIE, 5);
/// Has the interface take frames to everybody, or not: [`number`].
pub const SET_PROMISC: Command = Command::new("NGM_ETHER_SET_PROMISC", COOKIE, 6);
/// Asks whether frames to the wire get the interface's source address: [`decode_number`].
pub const GET_AUTOSRC: Command = Command::new("NGM_ETHER_GET_AUTOSRC", COOKIE, 7);
/// Has frames to the wire get the interface's source address, as they do if nothing is said, or not: [`number`].
pub const SET_AUTOSRC: Command = Command::new("NGM_ETHER_SET_AUTOSRC", COOKIE, 8);
/// Has the interface take frames to a group: the address's 6 bytes.
pub const ADD_MULTI: Command = Command::new("NGM_ETHER_ADD_MULTI", COOKIE, 9);
/// Ends that.
pub const DEL_MULTI: Command = Command::new("NGM_ETHER_DEL_MULTI", COOKIE, 10);
/// Takes the node from its interface, for good.
pub const DETACH: Command = Command::new("NGM_ETHER_DETACH", COOKIE, 11);

/// An answer that is the name of an interface.
///
/// # Errors
///
/// [`MalformedMessage::Unterminated`] without NUL.
pub fn decode_name(arguments: &[u8]) -> Result<String, MalformedMessage> {
    generic::decode_text(arguments)
}

/// An answer that is a number of 4 bytes.
///
/// # Errors
///
/// [`MalformedMessage::Short`] for fewer bytes.
pub fn decode_number(arguments: &[u8]) -> Result<u32, MalformedMessage> {
    Reader::new(arguments).u32()
}

/// An answer that is an Ethernet address.
///
/// # Errors
///
/// [`MalformedMessage::Short`] for fewer than 6 bytes.
pub fn decode_mac(arguments: &[u8]) -> Result<[u8; 6], MalformedMessage> {
    Reader::new(arguments).array()
}

/// Arguments of [`SET_PROMISC`] and [`SET_AUTOSRC`], 4 bytes.
pub fn number(number: u32) -> Vec<u8> {
    Writer::default().u32(number).done()
}
