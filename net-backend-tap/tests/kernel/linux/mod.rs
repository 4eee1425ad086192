//! The harness: a network namespace of its own before there is a thread.

mod bad_input;
mod cable;
mod opening;

use std::fs::File;
use std::process::ExitCode;

use net_backend_tap::testing::{Interface, prepare_interfaces};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::support::{Outcome, run};

pub(super) fn main() -> ExitCode {
    let unavailable = prepare_interfaces()
        .and_then(|()| File::options().read(true).write(true).open("/dev/net/tun"))
        .err()
        .map(|error| error.to_string());
    let cases = bad_input::cases()
        .into_iter()
        .chain(opening::cases())
        .chain(cable::cases());
    run(cases, unavailable)
}

/// Whether there are bridges and token bucket filters.
fn slow_bridges() -> std::io::Result<()> {
    let probe = Interface::named("probe");
    probe.add_bridge()?;
    probe.throttle(1000)?;
    probe.delete()
}

/// Runs `work` in a thread that may do nothing special: capabilities belong to threads.
fn without_capabilities(work: impl FnOnce() -> Outcome + Send) -> Outcome {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let none = CapabilitySets {
                effective: CapabilitySet::empty(),
                permitted: CapabilitySet::empty(),
                inheritable: CapabilitySet::empty(),
            };
            set_capabilities(None, none)?;
            work()
        });
        thread
            .join()
            .unwrap_or_else(|_| Err("the thread panicked".into()))
    })
}
