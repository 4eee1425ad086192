//! QEMU: what stands behind `-netdev` in qemu(1).

mod netmap;
mod tap;
mod user;

use net_backend_core::ConfigError;

use super::Backend;
use super::words::{Program, Word};

/// What QEMU calls a backend.
pub(super) const BACKENDS: &[Backend] = &[
    Backend {
        translate: Some(tap::translate),
        ..missing("tap")
    },
    Backend {
        translate: Some(user::translate),
        ..missing("user")
    },
    Backend {
        translate: Some(netmap::translate),
        ..missing("netmap")
    },
    missing("passt"),
    missing("bridge"),
    missing("stream"),
    missing("dgram"),
    missing("socket"),
    missing("af-xdp"),
    missing("vde"),
    missing("l2tpv3"),
    missing("hubport"),
    missing("vhost-user"),
    missing("vhost-vdpa"),
    missing("vmnet-host"),
    missing("vmnet-shared"),
    missing("vmnet-bridged"),
];

const fn missing(name: &'static str) -> Backend {
    Backend {
        program: Program::Qemu,
        name,
        is_prefix: false,
        translate: None,
    }
}

/// What QEMU takes for a switch that is off, and on.
const OFF: &[&str] = &["off", "no", "false", "n"];
const ON: &[&str] = &["on", "yes", "true", "y"];

fn switch(word: &Word<'_>) -> Result<bool, ConfigError> {
    match word.value() {
        value if ON.contains(&value) => Ok(true),
        value if OFF.contains(&value) => Ok(false),
        _ => Err(word.error("is neither on nor off")),
    }
}
