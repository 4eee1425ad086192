//! Errors about forwarding rules, and what to do about them.

use std::io;

use net_backend_core::Error;

use crate::forward::{HostForward, HostSide};
use crate::sys::is_refused_by_sandbox;

const SANDBOXED: &str =
    "open the network with the rule before the process enters capability mode (cap_enter(2))";

/// What to do, by what a rule needs.
#[derive(Clone, Copy)]
pub(crate) struct Remedies {
    in_use: &'static str,
    forbidden: &'static str,
}

impl Remedies {
    pub(crate) const PORT: Self = Self {
        in_use: "choose another port, or 0 for any that is free",
        forbidden: "choose a port from 1024 on, or run with the right to use lower ones",
    };
    pub(crate) const PATH: Self = Self {
        in_use: "choose another path, or end who listens there",
        forbidden: "choose a path in a directory that is writable for this process",
    };
    pub(crate) const GUEST: Self = Self {
        in_use: "choose another address or port for one of the rules",
        forbidden: "let TMPDIR name a directory that is writable for this process",
    };

    /// For a rule of the host side.
    pub(crate) fn of(rule: &HostForward) -> Self {
        match rule.host {
            HostSide::Ip { .. } => Self::PORT,
            HostSide::Unix(_) => Self::PATH,
        }
    }
}

/// An error of the system about a rule.
pub(crate) fn failed(
    operation: &'static str,
    object: String,
    cause: io::Error,
    remedies: Remedies,
) -> Error {
    let remedy = match cause.kind() {
        _ if is_refused_by_sandbox(&cause) => Some(SANDBOXED),
        io::ErrorKind::AddrInUse => Some(remedies.in_use),
        io::ErrorKind::PermissionDenied => Some(remedies.forbidden),
        io::ErrorKind::AddrNotAvailable => {
            Some("give an address of this host, or none for all of them")
        }
        io::ErrorKind::AlreadyExists => Some("remove it, or choose another path"),
        _ => None,
    };
    Error::system(operation, object, cause, remedy)
}
