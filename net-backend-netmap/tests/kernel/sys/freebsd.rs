// UNSAFETY: settings of the kernel are read and written by sysctlbyname(3).
#![expect(unsafe_code, reason = "sysctlbyname takes addresses")]
//! FreeBSD: sysctl(3).

use std::ffi::c_void;
use std::io;

pub(crate) fn set_emulated_rings(rings: u32) -> io::Result<u32> {
    let name = c"dev.netmap.generic_rings";
    let mut before = 0_u32;
    let mut length = size_of::<u32>();
    let old = (&raw mut before).cast::<c_void>();
    let new = (&raw const rings).cast::<c_void>();
    // SAFETY: the name ends with a zero; both values are integers of the length that is given, and outlive the call.
    let outcome =
        unsafe { libc::sysctlbyname(name.as_ptr(), old, &raw mut length, new, size_of::<u32>()) };
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(before),
    }
}
