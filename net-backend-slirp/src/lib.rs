//! User-mode networking with [libslirp](https://gitlab.freedesktop.org/slirp/libslirp) as a backend: a network for a
//! VM without root, tap or configuration.
//!
//! The guest is alone in a network of its own, with a host (10.0.2.2, fd00::2), a name server (10.0.2.3, fd00::3) and
//! DHCP (the guest is 10.0.2.15). What it sends to the outside leaves this process through ordinary sockets; what comes
//! back in are the answers, and connections to the ports that are [forwarded](HostForward). Everything works for an
//! ordinary user.
//!
//! ```no_run
//! use net_backend_core::{Activation, Environment, NetBackend, Nic};
//! use net_backend_slirp::{Slirp, SlirpConfig};
//!
//! # fn main() -> net_backend_core::Result<()> {
//! let mut config = SlirpConfig::default();
//! config.host_forwards.push("tcp:127.0.0.1:0-:22".parse()?);
//! let backend = Slirp::open(&config, &Environment::default())?;
//! if let Some(forwards) = backend.port_forwarding() {
//!     for forward in forwards.list() {
//!         println!("ssh to {:?}", forward.bound);
//!     }
//! }
//! let mut nic = Nic::activate(Box::new(backend), &Activation::plain())?;
//! let _ = nic.send(&[0xff; 60])?;
//! # Ok(())
//! # }
//! ```
//!
//! By URI it is `slirp:?hostfwd=tcp:127.0.0.1:0-:22`; each option is a field of [`SlirpConfig`].
//!
//! libslirp 4.7 or newer is opened when the first network is, so that building needs none: Debian's package is
//! libslirp0, FreeBSD's libslirp. The environment variable `NET_BACKEND_LIBSLIRP` names another file. The feature `link` links it when
//! building instead.
//!
//! A network has a thread, which is made by the [`Environment`](net_backend_core::Environment) and sleeps on the
//! sockets; with [`Threading::None`] whoever waits for frames does its work. Any number of networks may be open in one
//! process; libslirp runs for one of them at a time. The guest may have 4096 connections, and so many
//! that 64 descriptors are left to the process (`RLIMIT_NOFILE`); more are refused and counted. Unless a program ignores
//! `SIGPIPE`, as those in Rust do, each call into libslirp holds it back; on FreeBSD its sockets do not raise it.
//!
//! # FreeBSD's capability mode
//!
//! A network that was opened before cap_enter(2) goes on: DHCP, and connections to TCP ports and unix sockets that are
//! forwarded into the guest, whose listeners `open` makes. Whatever gives the kernel an address or a path is refused: new
//! connections and datagrams to the outside, the guest's answers to forwarded UDP ports, DNS, TFTP, `guestfwd`, and
//! ports that are added later. The guest is told that the network is unreachable, or its connection is reset. The files of unix
//! sockets stay behind in the end. So a VMM that sandboxes itself uses `restrict=on` with `hostfwd=tcp:…`, or gives the
//! network a process of its own that is not in capability mode.
//!
//! Frames may be super-frames with partial checksums in both directions, as virtio-net has them (CSUM, TSO4, TSO6).
//! Segments of guests that do not send super-frames are coalesced.

mod admission;
mod backend;
mod config;
mod flow;
mod forward;
mod forwarding;
mod forwards;
mod guest_servers;
mod hooks;
mod neighbours;
mod network;
mod output;
mod receive;
mod recent;
mod relay;
mod remedies;
mod replies;
mod ring;
mod segment_size;
mod sockets;
mod stack;
#[cfg(test)]
mod surroundings;
mod sys;
mod thread;
mod transfers;
mod transmit;

pub use backend::{DRIVER, Slirp};
pub use config::{Ipv4Config, Ipv6Config, SlirpConfig, Threading};
pub use forward::{
    GuestForward, GuestForwardTarget, HostForward, HostForwardKey, HostSide, Transport,
};
