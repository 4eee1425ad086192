//! Where libslirp is looked for.

// UNSAFETY: opening a shared library runs code that is found at run time.
#![expect(unsafe_code, reason = "opens a library at run time")]

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use net_backend_core::{Error, Result};

use super::imp;
#[cfg(feature = "link")]
use super::library::VersionString;

/// The name that the loader looks for: the ABI number has been 0 since libslirp 4.0.
const DEFAULT: &str = "libslirp.so.0";
const VARIABLE: &str = "NET_BACKEND_LIBSLIRP";

const MISSING: &str = "install libslirp0 (Debian, Ubuntu), libslirp (Fedora, Arch; FreeBSD: `pkg install libslirp`), \
     or name the file with library= or NET_BACKEND_LIBSLIRP";
/// The file is there, and the loader does not find what it needs: on FreeBSD GLib, beside it.
const INCOMPLETE: &str = "install what it needs, and let the loader know where that is: ldconfig (Linux), \
     `service ldconfig start` (FreeBSD)";
const SANDBOXED: &str = "open the network before the process enters capability mode (cap_enter(2))";

/// The file that the environment names. A program that runs with more rights than its caller does not let the caller
/// choose its code.
pub(super) fn from_environment() -> Option<OsString> {
    let path = env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
    (!imp::is_privileged()).then_some(path)
}

/// The library where the system has it, and what to call it. Reads files.
///
/// # Errors
///
/// What dlopen(3) says.
#[cfg(not(feature = "link"))]
pub(super) fn open_default() -> Result<(Handle, String)> {
    let missing = match open_file(DEFAULT.as_ref()) {
        Ok(handle) => return Ok((handle, DEFAULT.to_owned())),
        Err(error) => error,
    };
    // The loader looks where packages are only once ldconfig(8) has run, which nobody does in some jails.
    match imp::PACKAGED.filter(|path| Path::new(path).exists()) {
        Some(path) => Ok((open_file(path.as_ref())?, path.to_owned())),
        None => Err(missing),
    }
}

/// The library that is linked. It is in the process already, and there it is looked up, so that functions of later
/// versions stay optional.
#[cfg(feature = "link")]
pub(super) fn open_default() -> Result<(Handle, String)> {
    #[link(name = "libslirp.so.0", kind = "dylib", modifiers = "+verbatim")]
    unsafe extern "C" {
        fn slirp_version_string() -> *const std::ffi::c_char;
    }
    // The linker leaves a library out that nothing refers to.
    let linked: VersionString = slirp_version_string;
    std::hint::black_box(linked);
    Ok((Handle::this(), format!("{DEFAULT} (linked)")))
}

/// Opens a file, or what the loader finds under a name without slash. Reads files.
///
/// # Errors
///
/// What dlopen(3) says.
pub(super) fn open_file(path: &OsStr) -> Result<Handle> {
    // SAFETY: runs the library's initialisation, as the person who named the file wants it.
    unsafe { Handle::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| {
        let message = error.to_string();
        let file = Path::new(path);
        let is_there = is_path(file) && file.exists();
        let is_missing = !is_there && is_path(file) || says_missing(&message);
        let kind = match is_missing {
            true => io::ErrorKind::NotFound,
            false => io::ErrorKind::Other,
        };
        let remedy = match is_there && is_missing {
            _ if imp::is_sandboxed() => SANDBOXED,
            true => INCOMPLETE,
            false => MISSING,
        };
        let cause = io::Error::new(kind, message);
        Error::system("dlopen", path.to_string_lossy(), cause, Some(remedy))
    })
}

/// Whether the loader looks at this very file.
fn is_path(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().contains(&b'/')
}

/// Whether a library is not there, or one that it needs. The loader only says so in words.
fn says_missing(message: &str) -> bool {
    message.contains("No such file") || message.contains("not found")
}
