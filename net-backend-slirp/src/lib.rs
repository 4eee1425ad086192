//! User-mode networking with [libslirp](https://gitlab.freedesktop.org/slirp/libslirp) as a backend: a network for a
//! VM without root, tap or configuration.

mod backend;
mod config;
mod flow;
mod forward;
mod forwarding;
mod forwards;
mod hooks;
mod network;
mod output;
mod receive;
mod relay;
mod replies;
mod ring;
mod segment_size;
mod sockets;
mod stack;
mod sys;
mod thread;
mod transmit;

pub use backend::{DRIVER, Slirp};
pub use config::{Ipv4Config, Ipv6Config, SlirpConfig, Threading};
pub use forward::{
    GuestForward, GuestForwardTarget, HostForward, HostForwardKey, HostSide, Transport,
};
