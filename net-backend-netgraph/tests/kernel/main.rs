//! What each URI wires in a kernel, what is refused and how, what happens when nodes go away, and what is left behind: on
//! the model, and on the system's kernel where it has netgraph.
#![expect(
    clippy::indexing_slicing,
    reason = "what is not as it should be fails the test"
)]

mod activation;
mod bridges;
mod buffers;
#[path = "../common/mod.rs"]
mod common;
mod crowding;
mod leaving;
mod modules;
mod passed;
mod peers;
mod refusals;
mod support;
mod uplinks;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use net_backend_core::testing::{Suite, Verdict, is_required};

use common::world::World;
use support::Case;

fn main() -> ExitCode {
    let cases = [
        bridges::CASES,
        uplinks::CASES,
        peers::CASES,
        refusals::CASES,
        leaving::CASES,
        passed::CASES,
        buffers::CASES,
        crowding::CASES,
        activation::CASES,
    ];
    let turn = Arc::new(Mutex::new(()));
    let mut suite = Suite::new();
    let system = World::system().map_err(|failure| failure.message().to_owned());
    for case in cases.into_iter().flatten().chain(passed::SYSTEM_CASES) {
        let (system, turn) = (system.clone(), Arc::clone(&turn));
        suite.add("netgraph", case.name, move || {
            // The graph is the whole kernel's. A case that fails leaves nothing behind this lock.
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            match system {
                Ok(world) => run(case, &world),
                Err(reason) if is_required("netgraph") => {
                    Verdict::Failed(format!("required, and not available: {reason}"))
                }
                Err(reason) => Verdict::NotRun(format!("not available: {reason}")),
            }
        });
    }
    for case in cases.into_iter().flatten().chain(modules::CASES) {
        suite.add("netgraph-model", case.name, || on_model(case));
    }
    suite.run()
}

fn on_model(case: &Case) -> Verdict {
    match World::model() {
        Ok(world) => run(case, &world),
        Err(failure) => Verdict::Failed(failure.message().to_owned()),
    }
}

/// Runs a case, and looks whether it left nodes behind.
fn run(case: &Case, world: &World) -> Verdict {
    let result = world.nodes().and_then(|before| {
        (case.run)(world)?;
        world.expect_nodes(&before)
    });
    match result {
        Ok(()) => Verdict::Passed,
        Err(failure) => Verdict::Failed(failure.message().to_owned()),
    }
}
