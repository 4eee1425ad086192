//! Numbers of the ioctl requests of netmap(4): a direction, the size of the argument, a letter and a counter
//! (linux/ioctl.h, sys/sys/ioccom.h).

use crate::abi::HEADER_BYTES;

const LETTER: u32 = b'i' as u32;
const INOUT: u32 = 0xc000_0000;
const HEADER: u32 = 88;

const _: () = assert!(HEADER as usize == HEADER_BYTES);

/// `NIOCCTRL`, whose argument is a header. The same everywhere.
pub(super) const CONTROL: u32 = INOUT | (HEADER << 16) | (LETTER << 8) | 151;

/// `NIOCTXSYNC` and `NIOCRXSYNC`, which have no argument.
#[cfg(any(test, target_os = "linux"))]
pub(super) mod linux {
    pub(in crate::sys) const TRANSMIT_SYNC: u32 = (super::LETTER << 8) | 148;
    pub(in crate::sys) const RECEIVE_SYNC: u32 = (super::LETTER << 8) | 149;
}

/// `NIOCTXSYNC` and `NIOCRXSYNC`, which have no argument, and say so.
#[cfg(any(test, target_os = "freebsd"))]
pub(super) mod freebsd {
    const VOID: u32 = 0x2000_0000;

    pub(in crate::sys) const TRANSMIT_SYNC: u32 = VOID | (super::LETTER << 8) | 148;
    pub(in crate::sys) const RECEIVE_SYNC: u32 = VOID | (super::LETTER << 8) | 149;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(CONTROL, 0xc058_6997);
        assert_eq!(linux::TRANSMIT_SYNC, 0x6994);
        assert_eq!(linux::RECEIVE_SYNC, 0x6995);
        assert_eq!(freebsd::TRANSMIT_SYNC, 0x2000_6994);
        assert_eq!(freebsd::RECEIVE_SYNC, 0x2000_6995);
    }
}
