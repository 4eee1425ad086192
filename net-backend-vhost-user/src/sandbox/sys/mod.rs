//! How a process is restricted: on Linux, where the daemon is.

mod linux;

pub(crate) use linux::{enter, restrict_thread};
