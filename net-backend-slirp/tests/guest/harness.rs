//! Cases, each run with and without a thread of the backend's own, that say why they are skipped and never hang.

use std::process::{Command, ExitCode, Output};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::thread::Builder;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use net_backend_core::{Environment, ErrorKind, NetBackend, Registry};
use net_backend_slirp::DRIVER;

pub(crate) type Outcome<T = ()> = Result<T, Stop>;

/// Why a case ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(String),
    /// This machine cannot show it.
    Skipped(String),
}

impl<E: std::error::Error> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(crate) fn failed(message: impl Into<String>) -> Stop {
    Stop::Failed(message.into())
}

pub(crate) fn skipped(reason: impl Into<String>) -> Stop {
    Stop::Skipped(reason.into())
}

/// Fails the case with a formatted message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::harness::failed(format!($($message)+)));
        }
    };
}

pub(crate) use ensure;

/// Who runs libslirp while the guest does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A thread of the backend's own.
    Own,
    /// Whoever waits for the receive half.
    Threadless,
}

impl Mode {
    const BOTH: [Self; 2] = [Self::Own, Self::Threadless];

    fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Threadless => "threadless",
        }
    }

    /// `uri` with this mode in it.
    pub(crate) fn with(self, uri: &str) -> String {
        let separator = if uri.contains('?') { '&' } else { '?' };
        match self {
            Self::Own => uri.to_owned(),
            Self::Threadless => format!("{uri}{separator}thread=none"),
        }
    }
}

pub(crate) struct Case {
    name: &'static str,
    /// Whether it looks at the whole process, so that nothing else may run.
    alone: bool,
    run: fn(Mode) -> Outcome,
}

impl Case {
    pub(crate) const fn new(name: &'static str, run: fn(Mode) -> Outcome) -> Self {
        Self {
            name,
            alone: false,
            run,
        }
    }

    pub(crate) const fn alone(self) -> Self {
        Self {
            alone: true,
            ..self
        }
    }
}

/// Longer than any case takes on a slow machine.
const HUNG: Duration = Duration::from_secs(150);

pub(crate) fn main(cases: impl Iterator<Item = &'static Case>) -> ExitCode {
    let arguments = Arguments::from_args();
    let groups = std::env::var("NET_BACKEND_REQUIRE").unwrap_or_default();
    let mut groups = groups.split(',').map(str::trim);
    let required = groups.any(|group| group == "slirp" || group == "all");
    let alone = Arc::new(RwLock::new(()));
    let trials = cases.flat_map(|case| Mode::BOTH.map(|mode| (case, mode)));
    let trials = trials.map(|(case, mode)| {
        let alone = Arc::clone(&alone);
        let name = format!("slirp/{}/{}", mode.name(), case.name);
        Trial::ignorable_test(name, move || run(case, mode, &alone, required))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn run(case: &Case, mode: Mode, alone: &RwLock<()>, required: bool) -> Result<Completion, Failed> {
    // A case that fails poisons nothing: there is no data behind the lock.
    let (_shared, _exclusive) = match case.alone {
        true => (
            None,
            Some(alone.write().unwrap_or_else(PoisonError::into_inner)),
        ),
        false => (
            Some(alone.read().unwrap_or_else(PoisonError::into_inner)),
            None,
        ),
    };
    if let Some(reason) = missing() {
        return match required {
            true => Err(format!("required, and not available: {reason}").into()),
            false => Ok(Completion::ignored_with(format!("not available: {reason}"))),
        };
    }
    match within_time(case, mode)? {
        Ok(()) => Ok(Completion::Completed),
        Err(Stop::Skipped(reason)) => Ok(Completion::ignored_with(reason)),
        Err(Stop::Failed(message)) => Err(message.into()),
    }
}

/// Why there is no libslirp here, if there is none.
fn missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| match open("slirp:") {
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::Unsupported => Some(error.to_string()),
            _ => None,
        },
        Ok(_) => None,
    });
    missing.as_deref()
}

/// Runs the case in a thread of its own, which is left behind when it hangs.
fn within_time(case: &Case, mode: Mode) -> Result<Outcome, Failed> {
    let (answer, answers) = sync_channel(1);
    let run = case.run;
    let thread = Builder::new().name(case.name.to_owned()).spawn(move || {
        let outcome = run(mode);
        let _nobody = answer.send(outcome);
    })?;
    match answers.recv_timeout(HUNG) {
        Ok(outcome) => {
            // Joined, so that what it left behind is gone when the next one counts threads.
            let _sent = thread.join();
            Ok(outcome)
        }
        Err(RecvTimeoutError::Timeout) => Err(format!("not done after {HUNG:?}").into()),
        Err(RecvTimeoutError::Disconnected) => Err("it panicked; see above".into()),
    }
}

/// Runs a case in a process of its own, with these variables in its environment; returns what that has written.
pub(crate) fn run_alone(mode: Mode, case: &str, with: &[(&str, &str)]) -> Outcome<Output> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--exact", &format!("slirp/{}/{case}", mode.name())])
        .envs(with.iter().copied())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && said.contains("1 passed"),
        "{}: {said}{complaint}",
        output.status
    );
    Ok(output)
}

/// Opens what `uri` says.
pub(crate) fn open(uri: &str) -> Result<Box<dyn NetBackend>, net_backend_core::Error> {
    Registry::new([&DRIVER]).open(uri, &Environment::default())
}
