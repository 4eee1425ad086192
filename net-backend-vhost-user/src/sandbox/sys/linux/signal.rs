// UNSAFETY: a handler for SIGSYS is installed, and what the kernel tells it is not in the C library's bindings.
#![expect(unsafe_code, reason = "calls sigaction, and reads siginfo_t")]

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_int, c_void, siginfo_t};
use rustix::process::{Signal, getpid, kill_process};

/// The beginning of `siginfo_t` for `SIGSYS`, on systems of 64 bits (asm-generic/siginfo.h).
#[repr(C)]
#[derive(Clone, Copy)]
struct Refused {
    signal: c_int,
    errno: c_int,
    code: c_int,
    _padding: c_int,
    address: *mut c_void,
    call: c_int,
    architecture: u32,
}

const _: () = assert!(size_of::<Refused>() <= size_of::<siginfo_t>());

/// Has a forbidden system call told before it ends the process.
///
/// # Errors
///
/// What sigaction(2) says, which is nothing for a signal that exists.
pub(super) fn explain() -> io::Result<()> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = tell;
    // SAFETY: for this structure, zeros are no flags, an empty mask and the default action.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = handler as libc::sighandler_t;
    // The second time it ends the process.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESETHAND | libc::SA_NODEFER;
    // SAFETY: a valid action, whose handler calls only what signal-safety(7) allows; the old one is not wanted.
    match unsafe { libc::sigaction(libc::SIGSYS, action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Writes the number, and ends the process by the same signal. No memory is asked for and no lock taken.
extern "C" fn tell(_: c_int, information: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo_t, which is longer (asserted above); any bytes are valid in Refused.
    let refused = unsafe { information.cast::<Refused>().read() };
    let mut digits = [0; 10];
    let number = decimal(refused.call.unsigned_abs(), &mut digits);
    let parts: [&[u8]; 3] = [
        b"net-backend-vhost-user: the sandbox ends this process for system call ",
        number,
        b"; --sandbox log lets it be made\n",
    ];
    for part in parts {
        // Nobody is left to be told.
        let _lost = rustix::io::write(rustix::stdio::stderr(), part);
    }
    let _dead = kill_process(getpid(), Signal::SYS);
}

fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        // A digit fits.
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    digits.get(digits.len() - used..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        for number in [0, 7, 59, 435, u32::MAX] {
            assert_eq!(decimal(number, &mut [0; 10]), number.to_string().as_bytes());
        }
    }
}
