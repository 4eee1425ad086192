//! Ports of a real netmap kernel: what each name opens, what is refused and how, what neighbours see, what is left behind.
#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "what is not as it should be fails the test"
)]

mod boundaries;
#[path = "../common/mod.rs"]
mod common;
mod enduring;
mod headers;
mod leaving;
mod monitors;
mod moving;
mod names;
mod process;
mod refusals;
mod serving;
mod support;
mod switching;
mod sys;
mod taking;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use net_backend_core::testing::{Suite, Verdict, is_required};

use support::Case;

fn main() -> ExitCode {
    if process::is_second() {
        return process::second();
    }
    if enduring::is_to_be_killed() {
        return enduring::to_be_killed();
    }
    let unavailable = common::prepare().err();
    let cases = [
        names::CASES,
        refusals::CASES,
        headers::CASES,
        monitors::CASES,
        boundaries::CASES,
        moving::CASES,
        taking::CASES,
        serving::CASES,
        leaving::CASES,
        process::CASES,
        switching::CASES,
        enduring::CASES,
    ];
    let turn = Arc::new(Mutex::new(()));
    let mut suite = Suite::new();
    for case in cases.into_iter().flatten() {
        let (unavailable, turn) = (unavailable.clone(), Arc::clone(&turn));
        let (concern, what) = case.name.split_once('/').unwrap_or(("", case.name));
        suite.add(&format!("netmap/{concern}"), what, move || {
            // Ports, switches and memory are the whole kernel's. A case that fails leaves nothing behind this lock.
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            run(case, unavailable.as_deref())
        });
    }
    suite.run()
}

fn run(case: &Case, unavailable: Option<&str>) -> Verdict {
    match unavailable {
        Some(reason) if is_required("netmap") => {
            Verdict::Failed(format!("required, and not available: {reason}"))
        }
        Some(reason) => Verdict::NotRun(format!("not available: {reason}")),
        None => match (case.run)() {
            Ok(()) => Verdict::Passed,
            Err(failed) => Verdict::Failed(failed.message().unwrap_or_default().to_owned()),
        },
    }
}
