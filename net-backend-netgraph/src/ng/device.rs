//! Messages of nodes of type `device`, which have a device `/dev/ngdN`: ng_device(4) and `netgraph/ng_device.h`.

use super::{Command, MalformedMessage, generic};

/// The type's name.
pub const TYPE: &str = "device";

/// Whose commands these are (`NGM_DEVICE_COOKIE`).
pub const COOKIE: u32 = 1_091_129_178;

/// Asks for the device's name, `ngd0`: [`decode_name`].
pub const GET_DEVNAME: Command = Command::new("NGM_DEVICE_GET_DEVNAME", COOKIE, 0);
/// Has frames that are written begin where an Ethernet header should, on machines that need that. FreeBSD 14 and later.
pub const ETHERALIGN: Command = Command::new("NGM_DEVICE_ETHERALIGN", COOKIE, 1);

/// The answer to [`GET_DEVNAME`], without `/dev/`.
///
/// # Errors
///
/// [`MalformedMessage::Unterminated`] without NUL.
pub fn decode_name(arguments: &[u8]) -> Result<String, MalformedMessage> {
    generic::decode_text(arguments)
}
