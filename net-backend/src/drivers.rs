//! Which backends there are: a new one is one line in each list.

use net_backend_core::{AbsentDriver, Driver, Registry, memory};

/// The drivers of this build, in the order in which users see them.
const DRIVERS: &[&Driver] = &[
    #[cfg(feature = "tap")]
    &net_backend_tap::DRIVER,
    #[cfg(feature = "slirp")]
    &net_backend_slirp::DRIVER,
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
];

/// The drivers that are compiled in.
pub fn drivers() -> &'static [&'static Driver] {
    DRIVERS
}

/// A registry of the drivers that are compiled in, which knows the cargo features of the others. Add your own
/// with [`Registry::with`].
pub fn registry() -> Registry {
    Registry::new(DRIVERS.iter().copied()).with_absent(ABSENT.iter().copied())
}

/// The schemes of all drivers, compiled in or not.
pub(crate) fn schemes() -> impl Iterator<Item = &'static str> {
    let present = DRIVERS.iter().map(|driver| driver.scheme);
    present.chain(ABSENT.iter().map(|absent| absent.scheme))
}
