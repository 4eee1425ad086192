//! What the cases of all systems are made of.

use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use net_backend_core::testing::{Suite, Verdict, is_required, ready};
use net_backend_core::{Environment, Error, Event, NetBackend, Nic, Registry, Sent, Uri};
use net_backend_tap::testing::{Interface, PacketSocket};
use net_backend_tap::{DRIVER, Tap, TapConfig};

pub(crate) type Outcome = Result<(), Failed>;

/// How long a frame may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Case {
    name: &'static str,
    needs_taps: bool,
    /// What a kernel may be built without.
    needs: fn() -> std::io::Result<()>,
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

    /// Runs only where that succeeds.
    pub(crate) fn if_possible(self, needs: fn() -> std::io::Result<()>) -> Self {
        Self { needs, ..self }
    }

    fn run(&self, unavailable: Option<&str>) -> Verdict {
        let missing = match unavailable {
            Some(reason) if self.needs_taps => Some(format!("not available: {reason}")),
            _ => (self.needs)().err().map(|error| error.to_string()),
        };
        match missing {
            Some(reason) if is_required("tap") => {
                Verdict::Failed(format!("required, and {reason}"))
            }
            Some(reason) => Verdict::NotRun(reason),
            None => match (self.run)() {
                Ok(()) => Verdict::Passed,
                Err(failed) => Verdict::Failed(failed.message().unwrap_or_default().to_owned()),
            },
        }
    }
}

/// Runs the cases; `unavailable` is why there are no taps.
pub(crate) fn run(cases: impl IntoIterator<Item = Case>, unavailable: Option<String>) -> ExitCode {
    let mut suite = Suite::new();
    for case in cases {
        let unavailable = unavailable.clone();
        let (concern, what) = case.name.split_once('/').unwrap_or(("", case.name));
        suite.add(&format!("tap/{concern}"), what, move || {
            case.run(unavailable.as_deref())
        });
    }
    suite.run()
}

pub(crate) fn open(uri: &str) -> Result<Box<dyn NetBackend>, Error> {
    Registry::new([&DRIVER]).open(uri, &Environment::default())
}

pub(crate) fn config(uri: &str) -> Result<TapConfig, Error> {
    Ok(TapConfig::from_uri(&uri.parse::<Uri>()?)?)
}

pub(crate) fn ensure(condition: bool, complaint: &str) -> Result<(), Failed> {
    if condition {
        Ok(())
    } else {
        Err(complaint.into())
    }
}

/// A frame goes out to the host's side of the tap.
pub(crate) fn exchange(nic: &mut Nic, interface: &str) -> Outcome {
    let interface = Interface::named(interface);
    interface.disable_ipv6()?;
    let socket = PacketSocket::plain(&interface)?;
    send_to(nic, &socket)
}

pub(crate) fn send_to(nic: &mut Nic, socket: &PacketSocket) -> Outcome {
    let frame = frame();
    let sent = nic.send(&frame)?;
    ensure(sent == Sent::Queued, &format!("{sent:?}"))?;
    let mut buffer = [0; 2000];
    let seen = socket.receive(&mut buffer, PATIENCE)?;
    ensure(
        seen.and_then(|length| buffer.get(..length)) == Some(&frame[..]),
        "another frame arrived",
    )
}

/// To everybody, of the local experimental EtherType 1.
pub(crate) fn frame() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 7, 0x88, 0xb5]);
    frame.resize(60, 7);
    frame
}

pub(crate) fn wait_for(tap: &mut dyn NetBackend, wanted: Event) -> bool {
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        if let Some(source) = tap.events() {
            let _again = ready(source, Duration::from_millis(100));
        }
        while let Some(event) = tap.next_event() {
            if event == wanted {
                return true;
            }
        }
    }
    false
}

pub(crate) fn descriptors(tap: &Tap) -> Vec<i32> {
    tap.queue_descriptors().map(|fd| fd.as_raw_fd()).collect()
}

pub(crate) fn first_descriptor(tap: &Tap) -> Result<i32, Failed> {
    let first = descriptors(tap).first().copied();
    first.ok_or_else(|| "it has no descriptor".into())
}

/// Each of these has to fail with exactly its words.
pub(crate) fn all_refused(cases: &[(&str, &str)]) -> Outcome {
    cases
        .iter()
        .try_for_each(|(uri, words)| refused(uri, words))
}

pub(crate) fn refused(uri: &str, words: &str) -> Outcome {
    said(open(uri), words).map_err(|failed| {
        let message = failed.message().unwrap_or_default();
        Failed::from(format!("{uri}: {message}"))
    })
}

pub(crate) fn said<T>(outcome: Result<T, Error>, words: &str) -> Outcome {
    match outcome {
        Ok(_) => Err("it was taken".into()),
        Err(error) if error.to_string() == words => Ok(()),
        Err(error) => Err(format!("it says\n  {error}\ninstead of\n  {words}").into()),
    }
}
