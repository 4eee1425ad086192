//! What may be done with each descriptor once it is open (capsicum(4)). What comes later needs no more, and who takes
//! over the process gets no more.

// UNSAFETY: the calls about rights take descriptors by number, and addresses.
#![expect(unsafe_code, reason = "calls cap_rights_limit(2) and its like")]

use std::ffi::{c_int, c_ulong};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The data socket and the duplicates that the halves have: frames go to and come from the one hook.
pub(super) fn limit_data(socket: BorrowedFd<'_>) -> io::Result<()> {
    let rights = [libc::CAP_RECV, libc::CAP_SEND, libc::CAP_EVENT];
    limit(socket, &rights, &[])
}

/// The control socket, which is listened to.
pub(super) fn limit_control(socket: BorrowedFd<'_>) -> io::Result<()> {
    limit(socket, &[libc::CAP_RECV, libc::CAP_EVENT], &[])
}

/// The duplicate of a control socket that is used once, at the end: a message goes to an address.
pub(super) fn limit_farewell(socket: BorrowedFd<'_>) -> io::Result<()> {
    limit(socket, &[libc::CAP_SEND, libc::CAP_CONNECT], &[])
}

/// A device of ng_device(4) and the duplicates that the halves have.
pub(super) fn limit_device(device: BorrowedFd<'_>) -> io::Result<()> {
    let rights = [libc::CAP_READ, libc::CAP_WRITE, libc::CAP_EVENT];
    limit(device, &rights, &[])
}

/// Leaves of what may be done with the descriptor only what is `wanted` (`CAP_*`) and the ioctl `requests`. To close it and to
/// duplicate it is always allowed; duplicates have what it has now. One that somebody passed with less keeps less.
///
/// # Errors
///
/// What cap_rights_limit(2) and cap_ioctls_limit(2) say. Kernels without Capsicum leave everything allowed.
fn limit(descriptor: BorrowedFd<'_>, wanted: &[u64], requests: &[c_ulong]) -> io::Result<()> {
    let mut words = match rights(descriptor) {
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => return Ok(()),
        words => words?,
    };
    let ioctl = (!requests.is_empty()).then_some(&libc::CAP_IOCTL);
    for (word, mark) in words.iter_mut().zip(WORDS) {
        let wanted = wanted
            .iter()
            .chain(ioctl)
            .filter(|right| *right & mark != 0);
        *word &= wanted.fold(mark, |union, right| union | right);
    }
    let fd = descriptor.as_raw_fd();
    // SAFETY: the descriptor is open while borrowed; the kernel reads two words, one cap_rights_t (asserted below).
    done(unsafe { libc::cap_rights_limit(fd, words.as_ptr().cast()) })?;
    if requests.is_empty() {
        return Ok(());
    }
    // SAFETY: the descriptor is open while borrowed; the kernel reads as many numbers as there are.
    match done(unsafe { libc::cap_ioctls_limit(fd, requests.as_ptr(), requests.len()) }) {
        Err(error) if error.raw_os_error() == Some(libc::ENOTCAPABLE) => Ok(()),
        limited => limited,
    }
}

/// The rights that a descriptor has, as a `cap_rights_t`.
fn rights(of: BorrowedFd<'_>) -> io::Result<[u64; 2]> {
    let mut words = [0; 2];
    let address = words.as_mut_ptr().cast();
    // SAFETY: the descriptor is open while borrowed; the kernel writes two words, one cap_rights_t (asserted below).
    let status =
        unsafe { libc::__cap_rights_get(libc::CAP_RIGHTS_VERSION, of.as_raw_fd(), address) };
    done(status)?;
    Ok(words)
}

/// The bits by which each word of a `cap_rights_t`, and each right, says which word it is. The version, above, is 0.
const WORDS: [u64; 2] = [1 << 57, 1 << 58];

fn done(status: c_int) -> io::Result<()> {
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

const _: () = {
    assert!(size_of::<libc::cap_rights_t>() == size_of::<[u64; 2]>());
    assert!(align_of::<libc::cap_rights_t>() <= align_of::<[u64; 2]>());
    assert!(libc::CAP_RIGHTS_VERSION == 0);
    assert!(libc::CAP_READ == WORDS[0] | 1 && libc::CAP_EVENT == WORDS[1] | 0x20);
};
