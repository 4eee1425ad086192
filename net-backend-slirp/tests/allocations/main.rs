//! The halves ask for no memory once a flow is under way, nor does what runs libslirp, unless it is a thread of its own:
//! such a thread is not counted. What libslirp asks the C library for is not counted either.
//!
//! The process makes a network of its own where it may; elsewhere it talks to itself on the loopback of the machine.

mod datagrams;
mod guest;
#[path = "../guest/packets.rs"]
#[expect(dead_code, reason = "this guest says less than the scripted one")]
mod packets;
mod stream;
#[path = "../../src/surroundings.rs"]
#[expect(
    dead_code,
    reason = "only the unit tests have no other way to be skipped"
)]
mod surroundings;
#[expect(
    unused_imports,
    reason = "what the allocator is tested with where there is a harness"
)]
mod sys;

use std::process::ExitCode;

use net_backend_core::testing::{Suite, Verdict, is_required};
use net_backend_core::{Environment, ErrorKind, Registry};
use net_backend_slirp::DRIVER;
use net_backend_tap::testing::enter_private_network;

use guest::Outcome;

/// Shows something of the backend that this URI opens.
type Run = fn(&str) -> Outcome;

/// What is shown, by name.
const CASES: &[(&str, Run)] = &[
    ("what-asks-is-counted", guest::what_asks_is_counted),
    ("udp/both-ways", datagrams::both_ways),
    ("udp/behind-a-header", datagrams::behind_a_header),
    ("udp/in-fragments", datagrams::in_fragments),
    ("tcp/upload", stream::upload),
    ("tcp/upload-of-super-frames", stream::upload_of_super_frames),
    ("tcp/download", stream::download),
    (
        "tcp/download-of-super-frames",
        stream::download_of_super_frames,
    ),
    ("nothing/is-received-and-refused", guest::nothing),
];

fn main() -> ExitCode {
    // Before there is a second thread.
    let _or_shared = enter_private_network();
    let missing = missing();
    let mut suite = Suite::new();
    for (mode, uri) in [("own", "slirp:"), ("threadless", "slirp:?thread=none")] {
        for (name, run) in CASES {
            let missing = missing.clone();
            let group = format!("slirp/allocations/{mode}");
            suite.add(&group, name, move || match missing {
                Some(reason) if is_required("slirp") => {
                    Verdict::Failed(format!("required, and not available: {reason}"))
                }
                Some(reason) => Verdict::NotRun(format!("not available: {reason}")),
                None => match run(uri) {
                    Ok(()) => Verdict::Passed,
                    Err(failed) => Verdict::Failed(failed.message().unwrap_or_default().to_owned()),
                },
            });
        }
    }
    suite.run()
}

/// What there is not, of libslirp and a host to talk to.
fn missing() -> Option<String> {
    let opened = Registry::new([&DRIVER]).open("slirp:", &Environment::default());
    match opened.map_err(|error| (error.kind(), error)) {
        Err((ErrorKind::NotFound | ErrorKind::Unsupported, error)) => Some(error.to_string()),
        _ => surroundings::loopback().err(),
    }
}
