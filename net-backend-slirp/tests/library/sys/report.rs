// UNSAFETY: a structure of C is read by the offsets of its fields, as a C compiler would.
#![expect(unsafe_code, reason = "reads through raw pointers")]

use std::ffi::{CStr, c_char};
use std::fmt::Write;
use std::net::Ipv4Addr;

/// How a field is read.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Byte,
    Integer,
    Size,
    Address,
    /// A pointer to a string.
    Text,
    /// A pointer to a `sockaddr_in`.
    Socket,
}

/// The fields of `SlirpConfig` where an LP64 compiler has them.
const FIELDS: [(&str, usize, Kind); 26] = [
    ("version", 0, Kind::Integer),
    ("restricted", 4, Kind::Integer),
    ("in_enabled", 8, Kind::Byte),
    ("vnetwork", 12, Kind::Address),
    ("vnetmask", 16, Kind::Address),
    ("vhost", 20, Kind::Address),
    ("in6_enabled", 24, Kind::Byte),
    ("vprefix_addr6", 28, Kind::Address),
    ("vprefix_len", 44, Kind::Byte),
    ("vhost6", 60, Kind::Address),
    ("vhostname", 64, Kind::Text),
    ("tftp_server_name", 72, Kind::Text),
    ("tftp_path", 80, Kind::Text),
    ("bootfile", 88, Kind::Text),
    ("vdhcp_start", 96, Kind::Address),
    ("vnameserver", 100, Kind::Address),
    ("vnameserver6", 116, Kind::Address),
    ("vdomainname", 128, Kind::Text),
    ("if_mtu", 136, Kind::Size),
    ("if_mru", 144, Kind::Size),
    ("disable_host_loopback", 152, Kind::Byte),
    ("enable_emu", 153, Kind::Byte),
    ("outbound_addr", 160, Kind::Socket),
    ("disable_dns", 176, Kind::Byte),
    ("disable_dhcp", 177, Kind::Byte),
    ("mfr_id", 180, Kind::Integer),
];

/// What stands in the structures.
///
/// # Safety
///
/// They are of the largest version.
pub(crate) unsafe fn report(configuration: *const u8, callbacks: *const usize) -> String {
    let filled = (0..13).filter(|slot| {
        // SAFETY: there are 13 slots.
        let slot = unsafe { callbacks.add(*slot) };
        // SAFETY: as above.
        unsafe { *slot != 0 }
    });
    let mut report = format!("callbacks {}\n", filled.count());
    for (name, offset, kind) in FIELDS {
        // SAFETY: a field of that kind.
        let value = unsafe { value(configuration, offset, kind) };
        let _never = writeln!(report, "{name} {value}");
    }
    report
}

/// # Safety
///
/// There is a field of that kind at that offset.
unsafe fn value(configuration: *const u8, at: usize, kind: Kind) -> String {
    match kind {
        // SAFETY: the caller says so.
        Kind::Byte => unsafe { read::<u8>(configuration, at) }.to_string(),
        // SAFETY: the caller says so.
        Kind::Integer => unsafe { read::<u32>(configuration, at) }.to_string(),
        // SAFETY: the caller says so.
        Kind::Size => unsafe { read::<usize>(configuration, at) }.to_string(),
        // SAFETY: the caller says so.
        Kind::Address => Ipv4Addr::from(unsafe { read::<[u8; 4]>(configuration, at) }).to_string(),
        Kind::Text => {
            // SAFETY: the caller says so.
            let text: *const c_char = unsafe { read(configuration, at) };
            if text.is_null() {
                return "-".to_owned();
            }
            // SAFETY: a string of the caller.
            let text = unsafe { CStr::from_ptr(text) };
            text.to_string_lossy().into_owned()
        }
        Kind::Socket => {
            // SAFETY: the caller says so.
            let socket: *const u8 = unsafe { read(configuration, at) };
            if socket.is_null() {
                return "-".to_owned();
            }
            // SAFETY: the address is behind family and port.
            unsafe { value(socket, 4, Kind::Address) }
        }
    }
}

/// # Safety
///
/// `T` is the type of the field at that offset.
pub(crate) unsafe fn read<T: Copy>(structure: *const u8, offset: usize) -> T {
    // SAFETY: within the structure.
    let field = unsafe { structure.add(offset) };
    // SAFETY: a field of this type.
    unsafe { field.cast::<T>().read() }
}
