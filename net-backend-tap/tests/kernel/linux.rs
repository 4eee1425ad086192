//! The harness: a network namespace of its own before there is a thread, and cases that say why they are skipped.

use std::fs::File;
use std::io;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use net_backend_core::{Environment, Error, NetBackend, Registry, Uri};
use net_backend_tap::testing::{Interface, enter_private_network};
use net_backend_tap::{DRIVER, TapConfig};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

use crate::{bad_input, opening};

pub(crate) type Outcome = Result<(), Failed>;

pub(crate) struct Case {
    name: &'static str,
    needs_taps: bool,
    /// What a kernel may be built without.
    needs: fn() -> io::Result<()>,
    run: fn() -> Outcome,
}

impl Case {
    pub(crate) fn anywhere(name: &'static str, run: fn() -> Outcome) -> Self {
        Self {
            name,
            needs_taps: false,
            needs: || Ok(()),
            run,
        }
    }

    pub(crate) fn with_taps(name: &'static str, run: fn() -> Outcome) -> Self {
        Self {
            needs_taps: true,
            ..Self::anywhere(name, run)
        }
    }

    /// Needs bridges and token bucket filters too.
    pub(crate) fn with_slow_bridge(name: &'static str, run: fn() -> Outcome) -> Self {
        Self {
            needs: || {
                let probe = Interface::named("probe");
                probe.add_bridge()?;
                probe.throttle(1000)?;
                probe.delete()
            },
            ..Self::with_taps(name, run)
        }
    }
}

pub(super) fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let unavailable = enter_private_network()
        .and_then(|()| File::options().read(true).write(true).open("/dev/net/tun"))
        .err()
        .map(|error| error.to_string());
    let required = std::env::var("NET_BACKEND_REQUIRE").is_ok_and(|groups| {
        groups
            .split(',')
            .any(|group| group == "tap" || group == "all")
    });
    let cases = bad_input::cases().into_iter().chain(opening::cases());
    let trials = cases.map(|case| {
        let name = format!("tap/{}", case.name);
        let reason = unavailable.clone().filter(|_| case.needs_taps);
        match reason {
            None => Trial::ignorable_test(name, move || match (case.needs)() {
                Err(error) if !required => Ok(Completion::ignored_with(error.to_string())),
                needed => {
                    needed?;
                    (case.run)().map(|()| Completion::Completed)
                }
            }),
            Some(reason) if required => Trial::test(name, move || Err(reason.into())),
            Some(reason) => Trial::test(name, case.run)
                .with_kind(format!("skipped: {reason}"))
                .with_ignored_flag(true),
        }
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

pub(crate) fn open(uri: &str) -> Result<Box<dyn NetBackend>, Error> {
    Registry::new([&DRIVER]).open(uri, &Environment::default())
}

pub(crate) fn config(uri: &str) -> Result<TapConfig, Error> {
    Ok(TapConfig::from_uri(&uri.parse::<Uri>()?)?)
}

/// Runs `work` in a thread that may do nothing special: capabilities belong to threads.
pub(crate) fn without_capabilities(work: impl FnOnce() -> Outcome + Send) -> Outcome {
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
