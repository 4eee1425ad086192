//! What tests need of the machine they run on. It may lack it: FreeBSD's kernel alone has a read-only root, and no
//! address to talk to itself.

use std::env;
use std::path::PathBuf;

use net_backend_tap::testing::ensure_loopback;
use tempfile::TempDir;

/// Lets the test talk to itself by 127.0.0.1.
///
/// # Errors
///
/// Why it cannot.
pub(crate) fn loopback() -> Result<(), String> {
    ensure_loopback().map_err(|error| format!("there is no loopback address: {error}"))
}

/// A directory for files and sockets, which goes when it is dropped: among the temporary files, or else wherever there
/// can be one.
///
/// # Errors
///
/// Why there can be none.
pub(crate) fn directory() -> Result<TempDir, String> {
    let mut places = vec![env::temp_dir()];
    places.extend(["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from));
    places.extend(env::current_dir());
    places.dedup();
    let made = places.iter().find_map(|it| tempfile::tempdir_in(it).ok());
    made.ok_or_else(|| format!("no directory can be made in any of {places:?}"))
}

/// What a test needs, or else why it ends here.
pub(crate) fn or_skip<T>(needed: Result<T, String>) -> Option<T> {
    if let Err(reason) = &needed {
        eprintln!("skipped: {reason}");
    }
    needed.ok()
}
