//! User-mode networks beside one another: the library, and other programs that do the same.
//!
//! A [`Guest`](guest::Guest) made of prebuilt frames talks TCP to servers on this machine's loopback interface, through
//! the library or through a peer. It needs neither a virtual machine nor a tap, and is the same for everybody.

mod arrived;
mod backend;
mod cases;
mod checksum;
mod entrant;
mod flow;
mod frame;
mod guest;
mod host;
mod link;
mod loopback;
mod packets;
mod peer;
mod stack;
mod stream;

pub(super) use cases::section;
