//! The halves of a tap ask for no memory, whatever becomes of a frame.
//!
//! On Linux the process makes a network namespace of its own. On FreeBSD it needs root, and deletes the interfaces that
//! it makes.

mod receiving;
mod sending;
mod support;
#[expect(
    unused_imports,
    reason = "what the allocator is tested with where there is a harness"
)]
mod sys;

use std::process::ExitCode;

use net_backend_core::testing::{Suite, Verdict, is_required};

use support::Outcome;

type Run = fn() -> Outcome;

/// What is shown, by name.
const CASES: &[(&str, Run)] = &[
    ("what-asks-is-counted", support::what_asks_is_counted),
    ("sending/plain", sending::plain),
    ("sending/behind-a-header", sending::behind_a_header),
    (
        "sending/behind-another-header",
        sending::behind_another_header,
    ),
    ("sending/super-frames", sending::super_frames),
    ("sending/what-is-refused", sending::what_is_refused),
    ("receiving/plain", receiving::plain),
    ("receiving/behind-a-header", receiving::behind_a_header),
    (
        "receiving/behind-another-header",
        receiving::behind_another_header,
    ),
    ("receiving/nothing", receiving::nothing),
];

fn main() -> ExitCode {
    let unavailable = support::unavailable();
    let mut suite = Suite::new();
    for (name, run) in CASES {
        let unavailable = unavailable.clone();
        suite.add("tap/allocations", name, move || match unavailable {
            Some(reason) if is_required("tap") => {
                Verdict::Failed(format!("required, and not available: {reason}"))
            }
            Some(reason) => Verdict::NotRun(format!("not available: {reason}")),
            None => match run() {
                Ok(()) => Verdict::Passed,
                Err(failed) => Verdict::Failed(failed.message().unwrap_or_default().to_owned()),
            },
        });
    }
    suite.run()
}
