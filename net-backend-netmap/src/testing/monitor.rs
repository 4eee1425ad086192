//! Monitors (`netmap_monitor.c`).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::io::Errno;

use super::port::Port;
use super::register::Bound;

/// What is particular to a monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    /// The port that is monitored.
    pub(super) parent: Arc<Port>,
    pub(super) sees_transmitted: bool,
    pub(super) sees_received: bool,
    /// Buffers are exchanged with the monitored port and not copied.
    pub(super) is_swapping: bool,
    /// The monitored port left netmap mode.
    pub(super) is_orphan: AtomicBool,
}

/// Begins to monitor.
pub(super) fn start(_bound: &Bound, _of: &Monitor) -> Result<(), Errno> {
    Ok(())
}

/// Ends it.
pub(super) fn stop(_bound: &Bound, _of: &Monitor) {}

/// Tells all monitors of a port that it left netmap mode (`netmap_monitor_stop`).
pub(super) fn orphan(_port: &Port) {}
