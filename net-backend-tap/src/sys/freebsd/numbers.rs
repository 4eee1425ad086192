//! Numbers of ioctl requests (sys/sys/ioccom.h) and of interface capabilities (sys/net/if.h).
//!
//! A number is made of a direction, the size of the argument, a letter and a counter.

use std::ffi::c_ulong;

/// `_IOC_OUT`, `_IOC_IN`, `_IOC_VOID`: the kernel copies the argument to the caller, from the caller, or not at all.
const OUT: u32 = 0x4000_0000;
const IN: u32 = 0x8000_0000;
const VOID: u32 = 0x2000_0000;

/// Bytes of `int`, `struct tuninfo` and `struct ifreq`.
const INT: u32 = 4;
const INFO: u32 = 8;
const IFREQ: u32 = 32;

const _: () = {
    assert!(size_of::<libc::c_int>() == INT as usize);
    assert!(size_of::<libc::ifreq>() == IFREQ as usize);
};

/// sys/net/if_tun.h; taps have the same.
pub(super) const TAPGIFINFO: c_ulong = number(OUT, b't', 92, INFO);
pub(super) const TAPGIFNAME: c_ulong = number(OUT, b't', 93, IFREQ);
/// Since FreeBSD 15.
pub(super) const TAPSTRANSIENT: c_ulong = number(IN, b't', 98, INT);

/// sys/net/if_tap.h.
pub(super) const TAPSVNETHDR: c_ulong = number(IN, b't', 91, INT);
pub(super) const TAPGVNETHDR: c_ulong = number(OUT, b't', 94, INT);
/// Takes the flags by value.
pub(super) const VMIO_SIOCSIFFLAGS: c_ulong = number(VOID, b'V', 0, INT);

/// sys/sys/sockio.h.
pub(super) const SIOCSIFFLAGS: c_ulong = number(IN, b'i', 16, IFREQ);
pub(super) const SIOCGIFFLAGS: c_ulong = number(IN | OUT, b'i', 17, IFREQ);
pub(super) const SIOCSIFCAP: c_ulong = number(IN, b'i', 30, IFREQ);
pub(super) const SIOCGIFCAP: c_ulong = number(IN | OUT, b'i', 31, IFREQ);
pub(super) const SIOCGIFINDEX: c_ulong = number(IN | OUT, b'i', 32, IFREQ);
pub(super) const SIOCGIFMTU: c_ulong = number(IN | OUT, b'i', 51, IFREQ);
pub(super) const SIOCSIFMTU: c_ulong = number(IN, b'i', 52, IFREQ);
pub(super) const SIOCIFDESTROY: c_ulong = number(IN, b'i', 121, IFREQ);
pub(super) const SIOCIFCREATE2: c_ulong = number(IN | OUT, b'i', 124, IFREQ);

const _: () = {
    assert!(TAPGIFINFO == 0x4008_745c);
    assert!(TAPGIFNAME == 0x4020_745d);
    assert!(TAPSTRANSIENT == 0x8004_7462);
    assert!(TAPSVNETHDR == 0x8004_745b);
    assert!(TAPGVNETHDR == 0x4004_745e);
    assert!(VMIO_SIOCSIFFLAGS == 0x2004_5600);
    assert!(SIOCSIFFLAGS == 0x8020_6910);
    assert!(SIOCGIFFLAGS == 0xc020_6911);
    assert!(SIOCIFDESTROY == 0x8020_6979);
    assert!(SIOCIFCREATE2 == 0xc020_697c);
    assert!(number(OUT, b'f', 127, INT) == libc::FIONREAD);
    assert!(number(IN | OUT, b'i', 33, IFREQ) == libc::SIOCGIFADDR);
};

/// `_IOC` of sys/sys/ioccom.h.
const fn number(direction: u32, group: u8, count: u8, size: u32) -> c_ulong {
    let number = direction | (size << 16) | ((group as u32) << 8) | count as u32;
    number as c_ulong
}
