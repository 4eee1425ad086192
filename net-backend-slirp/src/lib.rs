//! User-mode networking with [libslirp](https://gitlab.freedesktop.org/slirp/libslirp) as a backend: a network for a
//! VM without root, tap or configuration.

mod config;
mod forward;
mod sys;

pub use config::{Ipv4Config, Ipv6Config, SlirpConfig, Threading};
pub use forward::{
    GuestForward, GuestForwardTarget, HostForward, HostForwardKey, HostSide, Transport,
};
