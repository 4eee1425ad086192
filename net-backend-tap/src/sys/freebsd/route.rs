//! Messages of the routing socket (route(4)) about interfaces, read by byte offsets.
//!
//! The offsets are those of FreeBSD 12 to 15, on machines of every word size: the statistics begin with single
//! bytes at an offset that is a multiple of 8. Nothing here calls the system.

/// `RTM_VERSION` (sys/net/route.h): other versions have other layouts.
const VERSION: u8 = 5;
/// Message types (sys/net/route.h).
const INTERFACE_INFORMATION: u8 = 0xe;
const INTERFACE_ANNOUNCEMENT: u8 = 0x11;
/// `IFAN_DEPARTURE` (sys/net/if.h).
const DEPARTURE: u16 = 1;
/// `IFF_UP` (sys/net/if.h).
const UP: u32 = 1;
/// `LINK_STATE_DOWN` (sys/net/if.h); unknown counts as up.
const LINK_DOWN: u8 = 1;

/// What a message says about an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Frames can pass, or not.
    Running(bool),
    /// It left: destroyed, moved to another jail, or only renamed.
    Departed,
}

/// What `message` says about interface `index`; `None` when it says nothing, or is cut.
pub(super) fn notice(message: &[u8], index: u16) -> Option<Notice> {
    // Every message: msglen u16 at 0, version u8 at 2, type u8 at 3.
    let length = usize::from(u16_at(message, 0)?);
    let message = message.get(..length)?;
    if byte_at(message, 2)? != VERSION {
        return None;
    }
    match byte_at(message, 3)? {
        INTERFACE_INFORMATION => information(message, index),
        INTERFACE_ANNOUNCEMENT => announcement(message, index),
        _ => None,
    }
}

/// `struct if_msghdr`: addrs int at 4, flags int at 8, index u16 at 12, `struct if_data` at 16, in which the link
/// state is the byte at 4.
fn information(message: &[u8], index: u16) -> Option<Notice> {
    let flags = u32::from_ne_bytes(*message.get(8..)?.first_chunk()?);
    let link = byte_at(message, 20)?;
    let about_us = u16_at(message, 12)? == index;
    about_us.then_some(Notice::Running(flags & UP != 0 && link != LINK_DOWN))
}

/// `struct if_announcemsghdr`: index u16 at 4, name of 16 bytes at 6, what u16 at 22.
fn announcement(message: &[u8], index: u16) -> Option<Notice> {
    let departed = u16_at(message, 22)? == DEPARTURE && u16_at(message, 4)? == index;
    departed.then_some(Notice::Departed)
}

fn byte_at(message: &[u8], offset: usize) -> Option<u8> {
    message.get(offset).copied()
}

fn u16_at(message: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*message.get(offset..)?.first_chunk()?))
}

#[cfg(target_os = "freebsd")]
const _: () = {
    use std::mem::offset_of;
    assert!(VERSION as libc::c_int == libc::RTM_VERSION);
    assert!(INTERFACE_INFORMATION as libc::c_int == libc::RTM_IFINFO);
    assert!(INTERFACE_ANNOUNCEMENT as libc::c_int == libc::RTM_IFANNOUNCE);
    assert!(DEPARTURE as libc::c_int == libc::IFAN_DEPARTURE);
    assert!(UP as libc::c_int == libc::IFF_UP);
    assert!(LINK_DOWN as libc::c_int == libc::LINK_STATE_DOWN);
    assert!(offset_of!(libc::if_msghdr, ifm_type) == 3);
    assert!(offset_of!(libc::if_msghdr, ifm_flags) == 8);
    assert!(offset_of!(libc::if_msghdr, ifm_index) == 12);
    assert!(offset_of!(libc::if_msghdr, ifm_data) == 16);
    assert!(offset_of!(libc::if_data, ifi_link_state) == 4);
    assert!(offset_of!(libc::if_announcemsghdr, ifan_index) == 4);
    assert!(offset_of!(libc::if_announcemsghdr, ifan_what) == 22);
    assert!(size_of::<libc::if_announcemsghdr>() == 24);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn information(index: u16, flags: u32, link: u8) -> Vec<u8> {
        let mut message = vec![0; 168];
        message[0..2].copy_from_slice(&168_u16.to_ne_bytes());
        message[2] = 5;
        message[3] = 0xe;
        message[8..12].copy_from_slice(&flags.to_ne_bytes());
        message[12..14].copy_from_slice(&index.to_ne_bytes());
        message[20] = link;
        message
    }

    fn announcement(index: u16, what: u16) -> Vec<u8> {
        let mut message = vec![0; 24];
        message[0..2].copy_from_slice(&24_u16.to_ne_bytes());
        message[2] = 5;
        message[3] = 0x11;
        message[4..6].copy_from_slice(&index.to_ne_bytes());
        message[6..10].copy_from_slice(b"tap0");
        message[22..24].copy_from_slice(&what.to_ne_bytes());
        message
    }

    #[test]
    fn reads_what_concerns_the_interface() {
        let running = |up| Some(Notice::Running(up));
        assert_eq!(notice(&information(7, 0x8843, 2), 7), running(true));
        assert_eq!(notice(&information(7, 0x8843, 0), 7), running(true));
        assert_eq!(notice(&information(7, 0x8843, 1), 7), running(false));
        assert_eq!(notice(&information(7, 0x8842, 2), 7), running(false));
        assert_eq!(notice(&information(8, 0x8843, 2), 7), None);
        assert_eq!(notice(&announcement(7, 1), 7), Some(Notice::Departed));
        assert_eq!(notice(&announcement(7, 0), 7), None);
        assert_eq!(notice(&announcement(8, 1), 7), None);
    }

    #[test]
    fn no_cut_or_foreign_message_is_believed() {
        for whole in [information(7, 1, 2), announcement(7, 1)] {
            for length in 0..whole.len() {
                assert_eq!(notice(&whole[..length], 7), None, "{length} bytes");
            }
            let mut short = whole.clone();
            short[0..2].copy_from_slice(&3_u16.to_ne_bytes());
            assert_eq!(notice(&short, 7), None);
            let mut other = whole;
            other[2] = 4;
            assert_eq!(notice(&other, 7), None);
        }
    }
}
