// UNSAFETY: a shared library is code that is found at run time; that its functions have the types of libslirp's
// header is known from its name and version only.
#![expect(unsafe_code, reason = "functions of a library opened at run time")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libloading::os::unix::Library as Handle;
use net_backend_core::{Error, Result};

use super::callbacks::{AddPoll, GetEvents, SlirpCb};
use super::layout::{Slirp, SlirpConfig};
use super::loader;

const OTHER: &str = "name libslirp's file with library= or NET_BACKEND_LIBSLIRP";
const UPGRADE: &str = "upgrade libslirp0 (Debian, Ubuntu) or libslirp (Fedora, Arch, FreeBSD), \
     or name a later file with library= or NET_BACKEND_LIBSLIRP";

/// The oldest version with all that is needed: timers by number, forwards of unix sockets.
const OLDEST: Version = Version {
    major: 4,
    minor: 7,
    patch: 0,
};
/// Where echo requests over IPv6 are passed on.
const PINGS_OVER_IPV6: Version = Version {
    major: 4,
    minor: 8,
    patch: 0,
};
/// Where the files of open TFTP transfers are closed with the network.
const TRANSFERS_CLOSED: Version = PINGS_OVER_IPV6;
/// Where CVE-2026-9539 was mended. Distributions mend earlier versions too, but do not tell.
const URGENT_DATA_BOUNDED: Version = Version {
    major: 4,
    minor: 9,
    patch: 2,
};

/// libslirp, opened, and never closed: its code may be on the stack of any thread.
#[derive(Debug)]
pub(crate) struct Library {
    functions: Functions,
    version: String,
    configuration: u32,
    bounds_urgent_data: bool,
    passes_pings_over_ipv6: bool,
    closes_transfers: bool,
}

impl Library {
    /// Opens the library at `path`, or else the one that the environment variable `NET_BACKEND_LIBSLIRP` names, or
    /// else `libslirp.so.0` where the loader finds it or FreeBSD's package has it; with the feature `link`, the one that
    /// is linked. May read files.
    ///
    /// # Errors
    ///
    /// If there is no such library, or it is not libslirp, or older than 4.7.
    pub(crate) fn open(path: Option<&Path>) -> Result<Arc<Self>> {
        let path = path.map(|path| path.as_os_str().to_owned());
        let (handle, object) = match path.or_else(loader::from_environment) {
            Some(path) => (
                loader::open_file(&path)?,
                path.to_string_lossy().into_owned(),
            ),
            None => loader::open_default()?,
        };
        Self::new(handle, &object).map(Arc::new)
    }

    /// What libslirp calls itself, `4.7.0`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// Whether a guest's urgent pointer cannot make it send memory that is not the guest's (CVE-2026-9539).
    pub(crate) fn bounds_urgent_data(&self) -> bool {
        self.bounds_urgent_data
    }

    /// Whether it passes on the echo requests of a guest over IPv6.
    pub(crate) fn passes_pings_over_ipv6(&self) -> bool {
        self.passes_pings_over_ipv6
    }

    /// Whether it closes the files of open TFTP transfers in the end.
    pub(crate) fn closes_transfers(&self) -> bool {
        self.closes_transfers
    }

    pub(super) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// The latest version of its configuration that the library takes.
    pub(super) fn configuration(&self) -> u32 {
        self.configuration
    }

    fn new(handle: Handle, object: &str) -> Result<Self> {
        let symbols = Symbols { handle, object };
        let version_string: VersionString = symbols.required(c"slirp_version_string")?;
        // SAFETY: the function takes nothing.
        let text = unsafe { version_string() };
        let text = match text.is_null() {
            true => String::new(),
            // SAFETY: a string constant of the library, which is never unloaded.
            false => unsafe { CStr::from_ptr(text) }
                .to_string_lossy()
                .into_owned(),
        };
        let version = Version::parse(&text).ok_or_else(|| {
            let why = format!("its version is {text:?}, which is no version of libslirp");
            Error::system("slirp_version_string", object, invalid(why), Some(OTHER))
        })?;
        if version < OLDEST {
            let why = format!("this is libslirp {text}, and {OLDEST} or later is needed");
            let cause = io::Error::new(io::ErrorKind::Unsupported, why);
            let operation = "slirp_version_string";
            return Err(Error::system(operation, object, cause, Some(UPGRADE)));
        }
        let functions = Functions::find(&symbols)?;
        mem::forget(symbols.handle);
        Ok(Self {
            functions,
            version: text,
            configuration: version.configuration(),
            bounds_urgent_data: version >= URGENT_DATA_BOUNDED,
            passes_pings_over_ipv6: version >= PINGS_OVER_IPV6,
            closes_transfers: version >= TRANSFERS_CLOSED,
        })
    }
}

/// One call into libslirp at a time in the whole process: its instances share variables (the time, the name
/// server).
pub(super) fn exclusive() -> MutexGuard<'static, ()> {
    static LIBSLIRP: Mutex<()> = Mutex::new(());
    LIBSLIRP.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) type VersionString = unsafe extern "C" fn() -> *const c_char;
type Address = *const libc::sockaddr;

/// libslirp's functions, each `slirp_` and the field's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Functions {
    pub(super) new:
        unsafe extern "C" fn(*const SlirpConfig, *const SlirpCb, *mut c_void) -> *mut Slirp,
    pub(super) cleanup: unsafe extern "C" fn(*mut Slirp),
    pub(super) input: unsafe extern "C" fn(*mut Slirp, *const u8, c_int),
    /// `slirp_pollfds_fill_socket` (4.9), or `slirp_pollfds_fill`: the same on Unix, but deprecated.
    pub(super) fill: unsafe extern "C" fn(*mut Slirp, *mut u32, AddPoll, *mut c_void),
    pub(super) poll: unsafe extern "C" fn(*mut Slirp, c_int, GetEvents, *mut c_void),
    pub(super) handle_timer: unsafe extern "C" fn(*mut Slirp, c_int, *mut c_void),
    pub(super) add_hostxfwd: Option<
        unsafe extern "C" fn(
            *mut Slirp,
            Address,
            libc::socklen_t,
            Address,
            libc::socklen_t,
            c_int,
        ) -> c_int,
    >,
    pub(super) remove_hostxfwd:
        Option<unsafe extern "C" fn(*mut Slirp, Address, libc::socklen_t, c_int) -> c_int>,
    pub(super) add_exec: Option<AddGuestForward>,
    pub(super) add_unix: Option<AddGuestForward>,
    pub(super) connection_info: Option<Report>,
    pub(super) neighbor_info: Option<Report>,
    /// What frees a text that libslirp returns: GLib's, if it comes with the library.
    pub(super) free: unsafe extern "C" fn(*mut c_void),
}

/// `slirp_connection_info` and `slirp_neighbor_info`.
pub(super) type Report = unsafe extern "C" fn(*mut Slirp) -> *mut c_char;

/// `slirp_add_exec` and `slirp_add_unix`.
pub(super) type AddGuestForward =
    unsafe extern "C" fn(*mut Slirp, *const c_char, *mut libc::in_addr, c_int) -> c_int;

impl Functions {
    fn find(symbols: &Symbols<'_>) -> Result<Self> {
        let fill = match symbols.optional(c"slirp_pollfds_fill_socket") {
            Some(fill) => fill,
            None => symbols.required(c"slirp_pollfds_fill")?,
        };
        Ok(Self {
            new: symbols.required(c"slirp_new")?,
            cleanup: symbols.required(c"slirp_cleanup")?,
            input: symbols.required(c"slirp_input")?,
            fill,
            poll: symbols.required(c"slirp_pollfds_poll")?,
            handle_timer: symbols.required(c"slirp_handle_timer")?,
            add_hostxfwd: symbols.optional(c"slirp_add_hostxfwd"),
            remove_hostxfwd: symbols.optional(c"slirp_remove_hostxfwd"),
            add_exec: symbols.optional(c"slirp_add_exec"),
            add_unix: symbols.optional(c"slirp_add_unix"),
            connection_info: symbols.optional(c"slirp_connection_info"),
            neighbor_info: symbols.optional(c"slirp_neighbor_info"),
            free: symbols.optional(c"g_free").unwrap_or(libc::free),
        })
    }
}

/// The symbols of an open library.
struct Symbols<'a> {
    handle: Handle,
    object: &'a str,
}

impl Symbols<'_> {
    /// A function, whose type is that of the field that it is stored in.
    fn optional<T: Copy>(&self, name: &CStr) -> Option<T> {
        // SAFETY: the types of the fields of `Functions` are those of libslirp's header and of GLib's, which have
        // not changed since the oldest version that is taken; the library is never closed.
        let symbol = unsafe { self.handle.get::<T>(name.to_bytes_with_nul()) };
        symbol.ok().map(|symbol| *symbol)
    }

    fn required<T: Copy>(&self, name: &'static CStr) -> Result<T> {
        self.optional(name).ok_or_else(|| {
            let name = name.to_str().unwrap_or_default();
            let cause = invalid(format!("it has no function {name}, so it is no libslirp"));
            Error::system("dlsym", self.object, cause, Some(OTHER))
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Reads `4.7.0`, `4.8.0-git-3fd4a6`: the third number may be missing, and what follows it does not matter.
    fn parse(text: &str) -> Option<Self> {
        let (major, rest) = text.split_once('.')?;
        let (minor, rest) = leading_digits(rest);
        let (patch, _) = leading_digits(rest.strip_prefix('.').unwrap_or_default());
        if !major.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            patch: patch.parse().unwrap_or(0),
        })
    }

    /// The latest version of `SlirpConfig` that a libslirp of this version takes; it refuses later ones.
    fn configuration(self) -> u32 {
        match (self.major, self.minor) {
            (4, ..=7) => 4,
            (4, 8) => 5,
            _ => 6,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.find(|it: char| !it.is_ascii_digit());
    text.split_at(end.unwrap_or(text.len()))
}

fn invalid(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let version = |text| Version::parse(text).map(|it| (it.major, it.minor));
        assert_eq!(version("4.7.0"), Some((4, 7)));
        assert_eq!(version("4.8.0-git-3fd4a6"), Some((4, 8)));
        assert_eq!(version("4.10"), Some((4, 10)));
        for text in [
            "",
            "4",
            "4.",
            ".7",
            "four.7",
            "+4.7",
            "-4.7",
            "4.x",
            "99999999999.1",
        ] {
            assert_eq!(version(text), None, "{text}");
        }
    }

    #[test]
    fn versions_that_bound_urgent_data_are_told_apart() {
        let bounds = |text| Version::parse(text).unwrap() >= URGENT_DATA_BOUNDED;
        for (text, expected) in [
            ("4.7.0", false),
            ("4.8.0", false),
            ("4.9.1", false),
            ("4.9", false),
            ("4.9.2", true),
            ("4.9.10", true),
            ("4.10.0", true),
            ("5.0", true),
        ] {
            assert_eq!(bounds(text), expected, "{text}");
        }
    }

    #[test]
    fn each_version_gets_the_configuration_that_it_takes() {
        let configuration =
            |text| Version::parse(text).map(|version| (version >= OLDEST, version.configuration()));
        assert_eq!(configuration("4.6.1").map(|it| it.0), Some(false));
        assert_eq!(configuration("3.99.9").map(|it| it.0), Some(false));
        assert_eq!(configuration("4.7.0"), Some((true, 4)));
        assert_eq!(configuration("4.8.0"), Some((true, 5)));
        assert_eq!(configuration("4.9.0"), Some((true, 6)));
        assert_eq!(configuration("4.10.1"), Some((true, 6)));
        assert_eq!(configuration("9.9.0"), Some((true, 6)));
    }
}
