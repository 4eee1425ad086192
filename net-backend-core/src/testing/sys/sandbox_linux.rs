//! What a sandboxed VMM does: no capabilities(7), and a filter of system calls (seccomp(2)).

// UNSAFETY: capabilities and filters are set by system calls that take addresses.
#![expect(unsafe_code, reason = "calls prctl(2), capset(2) and seccomp(2)")]

use std::ffi::c_long;
use std::io;

/// Gives up, for this process and for ever, privileges and all that goes by name: files, interfaces, addresses of
/// sockets. Who tries gets `EPERM`.
///
/// # Errors
///
/// What prctl(2), capset(2) and seccomp(2) say; [`io::ErrorKind::Unsupported`] when the kernel filters no calls.
pub(in crate::testing) fn enter_sandbox() -> io::Result<()> {
    // SAFETY: with these arguments, numbers all of them, the call touches no memory.
    let promised = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    done(c_long::from(promised))?;
    drop_capabilities()?;
    match filter_calls() {
        // A kernel without filters; with only the older prctl(2) there is no filter for all threads.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        filtered => filtered,
    }
}

/// System calls that find something by its name, or get at something new.
const REFUSED: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_execve,
    libc::SYS_unshare,
    libc::SYS_setns,
];

/// `_LINUX_CAPABILITY_VERSION_3` (linux/capability.h).
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// Opcodes (linux/bpf_common.h): `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | BPF_JEQ | BPF_K` and `BPF_RET | BPF_K`.
const LOAD: u16 = 0x20;
const SKIP_UNLESS: u16 = 0x15;
const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` (linux/seccomp.h) has the number of the call, and the low half of its second argument.
const NUMBER: u32 = 0;
const SECOND_ARGUMENT: u32 = if cfg!(target_endian = "little") {
    24
} else {
    28
};

/// Of the calling thread; others that there are keep theirs.
fn drop_capabilities() -> io::Result<()> {
    let header = [CAPABILITY_VERSION, 0];
    // Effective, permitted and inheritable ones, of two words each.
    let none = [0_u32; 6];
    // SAFETY: the kernel reads a header of two words, and six words of data as its version says.
    done(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) })
}

fn filter_calls() -> io::Result<()> {
    let mut filter = filter();
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).unwrap_or(0),
        filter: filter.as_mut_ptr(),
    };
    let (mode, flags) = (
        libc::SECCOMP_SET_MODE_FILTER,
        libc::SECCOMP_FILTER_FLAG_TSYNC,
    );
    // SAFETY: the kernel reads the program, as many instructions as it says.
    match unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) } {
        thread if thread > 0 => Err(io::Error::other("a thread has another filter")),
        status => done(status),
    }
}

/// The calls of [`REFUSED`], and making or taking a tap, are refused; all others allowed.
fn filter() -> Vec<libc::sock_filter> {
    let instruction = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let refuse = instruction(
        RETURN,
        libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs(),
        0,
    );
    let number = |call: c_long| u32::try_from(call).unwrap_or(u32::MAX);
    let mut filter = vec![instruction(LOAD, NUMBER, 0)];
    for call in REFUSED {
        filter.extend([instruction(SKIP_UNLESS, number(*call), 1), refuse]);
    }
    filter.extend([
        instruction(SKIP_UNLESS, number(libc::SYS_ioctl), 3),
        instruction(LOAD, SECOND_ARGUMENT, 0),
        instruction(SKIP_UNLESS, TUNSETIFF, 1),
        refuse,
        instruction(RETURN, libc::SECCOMP_RET_ALLOW, 0),
    ]);
    filter
}

/// linux/if_tun.h, for machines whose requests have the direction in the usual bits.
const TUNSETIFF: u32 = 0x4004_54ca;

fn done(status: c_long) -> io::Result<()> {
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
