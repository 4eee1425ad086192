// UNSAFETY: unshare(2) is unsafe in rustix, because one of its flags unshares descriptors.
#![expect(unsafe_code, reason = "rustix offers unshare only as unsafe function")]

use std::io;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Puts `file` over `place`, for this thread and those that it makes from now on.
///
/// # Errors
///
/// What unshare(2) and mount(2) say.
pub(crate) fn shadow(place: &Path, file: &Path) -> io::Result<()> {
    // SAFETY: the flag is that of mounts; FILES is not there, so descriptors stay shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    Ok(mount_bind(file, place)?)
}
