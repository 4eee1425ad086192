//! libslirp and the operating system: all `unsafe` code of this crate, and what differs by system.
//!
//! - [`Library`]: libslirp, opened at run time; [`Instance`]: a network of it; [`Host`]: what it calls;
//! - [`sockets`]: questions about its sockets, which are known by number only.
//!
//! Each system supplies:
//!
//! - [`Poller`]: a set of descriptors with a timer, whose own descriptor is readable while something is ready,
//! - [`EventBell`]: the cheapest [`Doorbell`](net_backend_core::wake::Doorbell) with a descriptor,
//! - `is_privileged()`: whether the program has rights that whoever started it has not,
//! - `is_sandboxed()`: whether nothing can be opened, bound or connected by name any more, and
//!   `is_refused_by_sandbox(error)`: whether that is why a call failed,
//! - `PACKAGED`: libslirp's file where packages put it and the loader may not look,
//! - `refuse_pipe_signals(socket)`: makes a write to a closed connection an error instead of a signal, where a socket
//!   can be told so; where not, `is_pipe_signal_deadly()` and `without_pipe_signal(call)`,
//! - `any_descriptor()`: a descriptor, to see its number.

use std::os::fd::RawFd;

#[cfg(target_os = "freebsd")]
#[path = "freebsd/mod.rs"]
mod imp;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod imp;

mod callbacks;
mod clock;
mod events;
mod forwards;
mod instance;
mod layout;
mod library;
mod loader;
#[cfg(test)]
mod poller_tests;
pub(crate) mod sockets;
mod timers;

pub(crate) use callbacks::Host;
pub(crate) use clock::timespec;
pub(crate) use events::Events;
pub(crate) use forwards::HostAddress;
pub(crate) use imp::{EventBell, Poller, is_refused_by_sandbox};
pub(crate) use instance::{Instance, Ipv4Settings, Ipv6Settings, Settings};
pub(crate) use library::Library;

/// A descriptor that something can be done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// Its number, as it was added.
    pub(crate) descriptor: RawFd,
    /// What can be done. Errors and hang-ups are told whether they were asked for or not.
    pub(crate) events: Events,
}

/// How many descriptors one wait tells at most.
const READY_AT_ONCE: usize = 256;
