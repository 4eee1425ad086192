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

use libtest_mimic::{Arguments, Completion, Trial};

use support::Case;

fn main() -> ExitCode {
    if process::is_second() {
        return process::second();
    }
    if enduring::is_to_be_killed() {
        return enduring::to_be_killed();
    }
    let arguments = Arguments::from_args();
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
    let trials = cases.into_iter().flatten().map(|case| {
        let (unavailable, turn) = (unavailable.clone(), Arc::clone(&turn));
        Trial::ignorable_test(format!("netmap/{}", case.name), move || {
            // Ports, switches and memory are the whole kernel's. A case that fails leaves nothing behind this lock.
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            run(case, unavailable)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(case: &Case, unavailable: Option<String>) -> support::Outcome<Completion> {
    match unavailable {
        Some(reason) if is_required() => {
            Err(format!("required, and not available: {reason}").into())
        }
        Some(reason) => Ok(Completion::ignored_with(format!("not available: {reason}"))),
        None => (case.run)().map(|()| Completion::Completed),
    }
}

/// Whether `NET_BACKEND_REQUIRE` wants netmap to be here.
fn is_required() -> bool {
    std::env::var("NET_BACKEND_REQUIRE").is_ok_and(|groups| {
        let mut groups = groups.split(',').map(str::trim);
        groups.any(|group| group == "netmap" || group == "all")
    })
}
