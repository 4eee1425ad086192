//! Which backends there are: a new one is one line in each list.

use net_backend_core::{AbsentDriver, Driver, Registry, memory};

/// The drivers of this build, in the order in which users see them.
const DRIVERS: &[&Driver] = &[
    #[cfg(feature = "tap")]
    &net_backend_tap::DRIVER,
    #[cfg(feature = "slirp")]
    &net_backend_slirp::DRIVER,
    #[cfg(feature = "netmap")]
    &net_backend_netmap::DRIVER,
    #[cfg(feature = "netgraph")]
    &net_backend_netgraph::DRIVER,
    #[cfg(feature = "netgraph")]
    &net_backend_netgraph::NGD_DRIVER,
    &memory::NULL,
    &memory::LOOPBACK,
];

/// Those whose cargo feature is off.
const ABSENT: &[AbsentDriver] = &[
    #[cfg(not(feature = "tap"))]
    AbsentDriver {
        scheme: "tap",
        feature: "tap",
    },
    #[cfg(not(feature = "slirp"))]
    AbsentDriver {
        scheme: "slirp",
        feature: "slirp",
    },
    #[cfg(not(feature = "netmap"))]
    AbsentDriver {
        scheme: "netmap",
        feature: "netmap",
    },
    #[cfg(not(feature = "netgraph"))]
    AbsentDriver {
        scheme: "netgraph",
        feature: "netgraph",
    },
    #[cfg(not(feature = "netgraph"))]
    AbsentDriver {
        scheme: "ngd",
        feature: "netgraph",
    },
];

/// The drivers that are compiled in.
pub fn drivers() -> &'static [&'static Driver] {
    DRIVERS
}

/// A registry of the drivers that are compiled in, which knows the cargo features of the others, and that
/// `vale0:vm1` is `netmap:vale0:vm1`. Add your own with [`Registry::with`].
pub fn registry() -> Registry {
    Registry::new(DRIVERS.iter().copied())
        .with_absent(ABSENT.iter().copied())
        .with_spelling(vale)
}

/// The schemes of all drivers, compiled in or not.
pub(crate) fn schemes() -> impl Iterator<Item = &'static str> {
    let present = DRIVERS.iter().map(|driver| driver.scheme);
    present.chain(ABSENT.iter().map(|absent| absent.scheme))
}

/// Ports of VALE switches as netmap(4) names them, with a URI's options.
fn vale(text: &str) -> Option<String> {
    let name = text.split('?').next()?;
    (is_vale(name) && !name.contains(',')).then(|| format!("netmap:{text}"))
}

/// Whether a name begins with a VALE switch, `vale0:`.
pub(crate) fn is_vale(name: &str) -> bool {
    let switch = name.split_once(':').map(|(switch, _)| switch);
    let number = switch.and_then(|switch| switch.strip_prefix("vale"));
    number.is_some_and(|number| {
        number
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}
