//! The poll thread of a network: sleeps on libslirp's sockets and timers, and runs libslirp when one is ready.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::Instant;

use net_backend_core::Result;
use rustix::event::{PollFd, PollFlags, poll};

use crate::network::Network;
use crate::sys::timespec;

/// Sockets that become ready at the same time without more memory.
const USUAL: usize = 64;

/// Runs until the network is gone; a failure makes it gone.
pub(crate) fn run(network: &Network) {
    let ended = catch_unwind(AssertUnwindSafe(|| turns(network)));
    network.set_gone();
    drop(ended);
}

/// Returns when the network is gone.
fn turns(network: &Network) -> Result<()> {
    let mut ready = Vec::with_capacity(USUAL);
    let (mut asked, mut is_due) = (0, false);
    loop {
        let deadline = network.lock()?.with(|stack| {
            if is_due || !ready.is_empty() {
                stack.turn(&ready, asked, is_due);
            }
            stack.settle();
            // From here on others tell the poller what they change.
            network.thread_is_awake.store(false, Ordering::Relaxed);
            stack.deadline()
        })?;
        wait_for_room(network, deadline)?;
        asked = network.epoch.current();
        is_due = network
            .poller
            .wait(&mut ready, None)
            .map_err(|_| network.gone())?;
        network.thread_is_awake.store(true, Ordering::Relaxed);
    }
}

/// While the guest receives nothing, sockets are not looked at, so that what they have waits in the host. Timers run.
fn wait_for_room(network: &Network, mut deadline: Option<Instant>) -> Result<()> {
    let room = network.ring.writable();
    while network.ring.is_full() {
        room.arm();
        if !network.ring.is_full() {
            room.disarm();
            break;
        }
        let mut bells = [room.bell(), &network.alarm]
            .map(|bell| PollFd::from_borrowed_fd(bell.descriptor(), PollFlags::IN));
        let remaining =
            deadline.map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
        // An interruption counts as a look too many.
        let _heard = poll(&mut bells, remaining.as_ref());
        deadline = network.lock()?.with(|stack| {
            if stack.deadline().is_some_and(|due| due <= Instant::now()) {
                stack.turn_timers();
            }
            stack.settle();
            stack.deadline()
        })?;
    }
    Ok(())
}
