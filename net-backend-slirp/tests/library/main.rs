//! libslirp, opened and called.
//!
//! The modules of `sys` are private to the crate, so they are compiled into this test once more. The cases of
//! `network` and `forwards` need libslirp, those of `opening` and `arguments` the library in `sys/stub_libslirp.rs`, which `cargo test` builds as an
//! example.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may fail so"
)]

mod arguments;
mod forwards;
mod frames;
mod guest;
mod network;
mod opening;
#[path = "sys/signals.rs"]
mod signals;
mod stub;
#[path = "../../src/surroundings.rs"]
#[expect(
    dead_code,
    reason = "only the unit tests have no other way to be skipped"
)]
mod surroundings;
#[path = "../../src/sys/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "what only the crate uses, and the unit tests, which have no harness here"
)]
mod sys;

use std::env;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// A test, and what has to be there for it.
struct Case {
    name: &'static str,
    run: fn() -> Result<(), Failed>,
    needs: Result<(), String>,
}

impl Case {
    /// One that talks to itself by 127.0.0.1.
    fn on_loopback(self) -> Self {
        self.and(surroundings::loopback)
    }

    /// One that makes files.
    fn with_files(self) -> Self {
        self.and(|| surroundings::directory().map(drop))
    }

    fn and(mut self, needed: impl FnOnce() -> Result<(), String>) -> Self {
        self.needs = self.needs.and_then(|()| needed());
        self
    }
}

fn main() -> ExitCode {
    if env::var_os(opening::PRINT_VERSION).is_some() {
        return opening::print_version();
    }
    if env::var_os(network::WRITE_TO_CLOSED).is_some() {
        return network::write_to_closed();
    }
    let mut arguments = Arguments::from_args();
    // Some cases count the descriptors of the process.
    arguments.test_threads = Some(1);
    let required = env::var("NET_BACKEND_REQUIRE").is_ok_and(|groups| {
        let mut groups = groups.split(',');
        groups.any(|group| group == "slirp" || group == "all")
    });
    let cases = [
        opening::cases(),
        arguments::cases(),
        network::cases(),
        forwards::cases(),
    ];
    let trials = cases
        .into_iter()
        .flatten()
        .map(|Case { name, run, needs }| {
            let name = format!("slirp/{name}");
            match needs {
                Ok(()) => Trial::test(name, run),
                Err(reason) if required => Trial::test(name, move || Err(reason.into())),
                Err(reason) => {
                    Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
                }
            }
        });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
