//! Backends as bhyve and QEMU write them, translated to a [`Uri`].
//!
//! For VMMs and tools whose users have such texts at hand: what follows `-netdev` for QEMU, and what follows
//! `virtio-net,` for bhyve. Nothing is guessed: an option that net-backend cannot honour is an error that says
//! what to do instead, unless its value asks for what happens anyway.
//!
//! ```
//! # fn main() -> net_backend::Result<()> {
//! use net_backend::compat;
//!
//! let qemu = compat::parse("tap,id=n0,ifname=tap0,script=no,downscript=no,queues=2")?;
//! assert_eq!(qemu.to_string(), "tap:tap0?queues=2");
//! let bhyve = compat::parse("tap0,mac=00:a0:98:12:34:56")?;
//! assert_eq!(bhyve.to_string(), "tap:tap0?mac=00:a0:98:12:34:56");
//!
//! let qemu = compat::parse("user,id=n0,ipv6=off,hostfwd=tcp::2222-:22,hostfwd=udp::53-:53")?;
//! assert_eq!(qemu.to_string(), "slirp:?ipv6=off&hostfwd=tcp::2222-:22&hostfwd=udp::53-:53");
//! let bhyve = compat::parse("slirp,open,hostfwd=tcp::2222-:22;udp::53-:53")?;
//! assert_eq!(bhyve.to_string(), "slirp:?ipv6=off&hostfwd=tcp::2222-:22&hostfwd=udp::53-:53");
//!
//! let qemu = compat::parse("netmap,id=n0,ifname=vale0:vm1")?;
//! assert_eq!(qemu.to_string(), "netmap:vale0:vm1");
//! let bhyve = compat::parse("vale0:vm1,mac=00:a0:98:12:34:56")?;
//! assert_eq!(bhyve.to_string(), "netmap:vale0:vm1?mac=00:a0:98:12:34:56");
//!
//! let bhyve = compat::parse("netgraph,path=vmbr0:,peerhook=link1")?;
//! assert_eq!(bhyve.to_string(), "netgraph:vmbr0:?peerhook=link1");
//! let bhyve = compat::parse("ngd0,mac=00:a0:98:12:34:56")?;
//! assert_eq!(bhyve.to_string(), "ngd:ngd0?mac=00:a0:98:12:34:56");
//! # Ok(())
//! # }
//! ```
//!
//! What a program does when it is told nothing is translated too, where `slirp:` does something else: QEMU's IPv6 network
//! is fec0::/64, and bhyve's guests have IPv4 only and reach nothing but what is forwarded, unless they are `open`.
//!
//! Positions in errors are positions in the text as it was given. A translation is about the spelling only: whether
//! there is such a device is found out when the URI is opened.

mod bhyve;
mod qemu;
mod words;

use net_backend_core::{ConfigError, ConfigProblem, Result, Uri};

use self::words::{Program, Word, Words, is_device_name};
use crate::drivers::{is_vale, schemes};

/// Translates what bhyve or QEMU calls a backend.
///
/// # Errors
///
/// [`Error::Config`](crate::Error::Config): the text is of neither program, net-backend has no such backend, or it
/// cannot do what an option asks for.
pub fn parse(text: &str) -> Result<Uri> {
    let found = find(text).ok_or_else(|| unknown(text))?;
    match found.backend.translate {
        Some(translate) => Ok(translate(&found.words)?),
        None => Err(found.missing().into()),
    }
}

/// Whether the text begins as one for bhyve or QEMU does, so that what [`parse`] says about it is of use.
pub fn recognizes(text: &str) -> bool {
    find(text).is_some()
}

/// A backend of another program.
struct Backend {
    /// Whose it is.
    program: Program,
    /// What it is called there.
    name: &'static str,
    /// Whether names of devices begin with it, as `tap0` does.
    is_prefix: bool,
    /// Makes a URI of it; `None` as long as no driver does the same.
    translate: Option<Translate>,
}

type Translate = fn(&Words<'_>) -> Result<Uri, ConfigError>;

impl Backend {
    fn is_called(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.name);
        rest.is_some_and(|rest| rest.is_empty() || self.is_prefix)
    }
}

/// The backend that a text selects.
struct Found<'t> {
    backend: &'static Backend,
    words: Words<'t>,
    /// Where the backend is named.
    position: usize,
}

fn find(text: &str) -> Option<Found<'_>> {
    if is_uri(text) {
        return None;
    }
    let words = Words::new(text, Program::Qemu);
    let kind = words.name().or_else(|| words.option("type"));
    if let Some((backend, position)) = called(qemu::BACKENDS, kind) {
        return Some(Found {
            backend,
            words,
            position,
        });
    }
    let words = Words::new(text, Program::Bhyve);
    let name = words.name()?;
    let kind = words.option("type").unwrap_or(name);
    let (backend, position) = called(bhyve::BACKENDS, Some(kind))?;
    Some(Found {
        backend,
        words,
        position,
    })
}

fn called(
    backends: &'static [Backend],
    kind: Option<&Word<'_>>,
) -> Option<(&'static Backend, usize)> {
    let kind = kind?;
    let mut backends = backends.iter();
    let backend = backends.find(|backend| backend.is_called(kind.value()))?;
    Some((backend, kind.position()))
}

/// Whether the text begins with a scheme of ours: `tap:`. Names of netmap begin with one too; what makes a text
/// bhyve's is then a comma, and what makes it a URI are options in its way.
fn is_uri(text: &str) -> bool {
    let (name, has_options) = match text.split_once('?') {
        Some((name, _)) => (name, true),
        None => (text, false),
    };
    let scheme = name.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some("netmap") => !name.contains(','),
        _ if is_vale(name) => has_options && !name.contains(','),
        _ => schemes().any(|known| scheme == Some(known)),
    }
}

impl Found<'_> {
    fn missing(&self) -> ConfigError {
        let Backend { program, name, .. } = self.backend;
        let mut known: Vec<_> = schemes().collect();
        known.sort_unstable();
        let known = known.join(", ");
        let message = format!("net-backend has no backend for {program}'s {name}; it has {known}");
        self.words
            .error(ConfigProblem::UnknownScheme, self.position, message)
    }
}

fn unknown(text: &str) -> ConfigError {
    let words = Words::new(text, Program::Bhyve);
    let message = match words.name().map(Word::value) {
        _ if is_uri(text) => "this is a URI already; open it as it is".to_owned(),
        None | Some("") => "no backend; begin with one, as in tap,ifname=tap0 or tap0".to_owned(),
        Some(name) if is_device_name(name) => format!(
            "neither bhyve nor QEMU has a backend {name}; write {name},type=tap for a tap of this name"
        ),
        Some(name) => format!("neither bhyve nor QEMU has a backend {name}"),
    };
    words.error(ConfigProblem::UnknownScheme, 0, message)
}
