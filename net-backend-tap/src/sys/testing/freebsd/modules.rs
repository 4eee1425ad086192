// UNSAFETY: drivers are loaded by kldload(2), which takes an address and which the libc crate does not have.
#![expect(unsafe_code, reason = "kldload takes an address")]

use std::ffi::{CStr, c_char, c_int};
use std::io;

use rustix::process::geteuid;

/// Drivers of the interfaces that are made here. ifconfig(8) loads them when it makes one; the kernel itself does not.
const DRIVERS: [&CStr; 3] = [c"if_tuntap", c"if_epair", c"if_bridge"];

// SAFETY: as kldload(2) has it (sys/sys/linker.h).
unsafe extern "C" {
    fn kldload(file: *const c_char) -> c_int;
}

/// Loads what can be loaded. A driver may be there already, or built in, or nowhere: whoever needs it learns that.
pub(crate) fn prepare_interfaces() -> io::Result<()> {
    if !geteuid().is_root() {
        let message = "needs root, to make interfaces and to read from them with bpf(4)";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    for driver in DRIVERS {
        // SAFETY: the name ends with a zero, and is only read during the call.
        let _loaded = unsafe { kldload(driver.as_ptr()) };
    }
    Ok(())
}
