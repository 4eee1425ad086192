//! The harness: the right to make namespaces before there is a thread, and cases that say why they are skipped.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::{env, io};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use net_backend_core::{Environment, Uri};
use net_backend_slirp::DRIVER;
use net_backend_tap::testing::allow_namespaces;

use crate::cases;
use crate::guest::Setting;

pub(crate) type Outcome<T = ()> = Result<T, Failed>;

/// A case, which runs with a poll thread and without one.
pub(crate) struct Case {
    pub(crate) name: String,
    /// What has to be here beside namespaces, taps and libslirp: why the case is skipped.
    pub(crate) lacks: Option<String>,
    pub(crate) setting: Setting,
    pub(crate) run: fn(&Setting) -> Outcome,
}

impl Case {
    pub(crate) fn new(
        name: impl Into<String>,
        setting: Setting,
        run: fn(&Setting) -> Outcome,
    ) -> Self {
        Self {
            name: name.into(),
            lacks: None,
            setting,
            run,
        }
    }

    /// The case needs this program.
    pub(crate) fn with_program(mut self, program: &str) -> Self {
        self.lacks = (!is_program(program)).then(|| format!("{program} is not installed"));
        self
    }

    /// The case needs IPv6, in the kernel and on the host's loopback.
    pub(crate) fn with_ipv6(mut self) -> Self {
        let bound = std::net::TcpListener::bind("[::1]:0");
        self.lacks = bound
            .err()
            .map(|error| format!("the host has no IPv6: {error}"));
        self
    }
}

pub(super) fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let unavailable = available().err();
    let required = env::var("NET_BACKEND_REQUIRE").is_ok_and(|groups| {
        let mut groups = groups.split(',').map(str::trim);
        groups.any(|group| group == "slirp" || group == "all")
    });
    let both = |thread: &'static str| {
        cases::all().map(move |mut case| {
            case.name = format!("slirp/{thread}/{}", case.name);
            case.setting.thread = thread;
            case
        })
    };
    let trials = both("own").chain(both("none")).map(|case| {
        let unavailable = unavailable.clone();
        Trial::ignorable_test(case.name.clone(), move || {
            match (unavailable, &case.lacks) {
                (Some(reason), _) if required => {
                    Err(format!("required, and not available: {reason}").into())
                }
                (Some(reason), _) => {
                    Ok(Completion::ignored_with(format!("not available: {reason}")))
                }
                (None, Some(reason)) => Ok(Completion::ignored_with(reason)),
                (None, None) => (case.run)(&case.setting).map(|()| Completion::Completed),
            }
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Whether guests can be made here, or what is in the way.
fn available() -> Result<(), String> {
    allow_namespaces().map_err(|error| error.to_string())?;
    let tun = File::options().read(true).write(true).open("/dev/net/tun");
    tun.map_err(|error| format!("/dev/net/tun: {error}"))?;
    let uri: Uri = "slirp:"
        .parse()
        .map_err(|error| io::Error::other(error).to_string())?;
    let opened = (DRIVER.open)(&uri, &Environment::default());
    opened.map(drop).map_err(|error| error.to_string())
}

pub(crate) fn is_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| Path::new(&directory).join(name).is_file())
}
