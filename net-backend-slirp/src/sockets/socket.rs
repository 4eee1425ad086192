use std::time::Instant;

use crate::flow::Flow;
use crate::sys::Events;

/// What libslirp wants to know of a socket, what the poller was told, and what is ready.
#[derive(Clone, Copy, Default)]
pub(super) struct Socket {
    pub(super) round: u32,
    pub(super) wanted: Events,
    /// What the poller was told: at least what is wanted, until it reports something else.
    pub(super) armed: Events,
    pub(super) ready: Events,
    pub(super) is_open: bool,
    pub(super) is_listener: bool,
    pub(super) is_forward: bool,
    /// It may not be shown to libslirp before that knows an IPv6 address of the guest.
    pub(super) waits_for_neighbour: bool,
    pub(super) born: u64,
    /// The turn in which it was ready and there was no room.
    pub(super) deferred: u64,
}

/// Where a socket comes from: what is seldom looked at.
#[derive(Clone, Copy, Default)]
pub(super) struct Origin {
    pub(super) flow: Option<Flow>,
    pub(super) opened: Option<Instant>,
}

/// What libslirp is shown of `events`. An error makes it read, for which it may have no room if it does not want to
/// (it ends the process then); as something to write it meets the error just as well.
pub(super) fn presented(events: Events, wanted: Events) -> Events {
    let faults = Events::ERROR | Events::HANG_UP;
    if wanted.contains(Events::OUT) && !wanted.contains(Events::IN) && events.intersects(faults) {
        return Events::OUT;
    }
    events & wanted
}
