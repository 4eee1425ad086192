//! Activation and all that follows it needs no privilege, and nothing that goes by a name.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::{Bench, Case};
use crate::testing::bench::PATIENCE;
use crate::testing::failure::ensure;
use crate::testing::sys::{Edge, enter_sandbox, ready};
use crate::testing::{Failure, NoPeer, Path, Rig};
use crate::{Activation, Features, HeaderLength};

pub(super) const CASES: &[Case] =
    &[Case::always("sandbox/activation-and-frames", in_sandbox).alone()];

/// In the environment of a child: the name of its rig.
const RIG: &str = "NET_BACKEND_SANDBOX";

/// How long a child may take, on a slow machine too.
const LIMIT: Duration = Duration::from_secs(300);

/// What a child exits with, besides 0: what it says is why it could not try, or what failed.
const NOT_APPLICABLE: u8 = 3;
const FAILED: u8 = 4;

/// A part of the case, and what it is called when it fails.
type Step = (&'static str, fn(&mut Bench<'_>) -> Result<(), Failure>);

const STEPS: &[Step] = &[
    ("activation", activation),
    ("peek", peek),
    ("level-triggered wait", level),
    ("edge-triggered wait", edge),
    ("activation with everything offered", everything),
    ("activation with all queue pairs", all_pairs),
    ("questions", questions),
    ("drop", drop_all),
];

/// What a child of this case does instead of running cases: what it tries in the sandbox. `None` when this process
/// is no such child.
pub(in crate::testing) fn as_child(rigs: &[Box<dyn Rig>]) -> Option<ExitCode> {
    let name = std::env::var(RIG).ok()?;
    let outcome = match rigs.iter().find(|rig| rig.name() == name) {
        Some(rig) => try_in_sandbox(&**rig),
        None => Err(Failure::new(format!("there is no rig {name}"))),
    };
    let Err(failure) = outcome else {
        return Some(ExitCode::SUCCESS);
    };
    let could_not_try = failure.is_not_applicable() || failure.is_unavailable();
    println!("{}", failure.message());
    Some(ExitCode::from(if could_not_try {
        NOT_APPLICABLE
    } else {
        FAILED
    }))
}

/// A sandbox is for the whole process and for ever, so that another process tries.
fn in_sandbox(bench: &mut Bench<'_>) -> Result<(), Failure> {
    // It opens the same, which there may be only one of.
    bench.backend = Box::new(crate::memory::Null::new());
    bench.peer = Box::new(NoPeer);
    let mut child = Command::new(program()?)
        .env(RIG, bench.rig.name())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::from(error).during("starting another process"))?;
    let status = wait(&mut child)?;
    let said = [said(child.stdout.take())?, said(child.stderr.take())?].concat();
    let said = said.trim();
    match status.code() {
        Some(0) => Ok(()),
        Some(code) if code == i32::from(NOT_APPLICABLE) => Err(Failure::not_applicable(said)),
        Some(code) if code == i32::from(FAILED) => Err(Failure::new(said)),
        _ => Err(Failure::new(format!("{status}: {said}"))),
    }
}

fn program() -> io::Result<PathBuf> {
    let called = || std::env::args_os().next().map(PathBuf::from);
    std::env::current_exe().or_else(|error| called().ok_or(error))
}

fn wait(child: &mut Child) -> Result<ExitStatus, Failure> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Err(Failure::new(format!("not done after {LIMIT:?}")));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn said(by: Option<impl Read>) -> io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut by) = by {
        by.read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn try_in_sandbox(rig: &dyn Rig) -> Result<(), Failure> {
    let mut bench = Bench::open(rig)?;
    enter_sandbox().map_err(|error| match error.kind() {
        io::ErrorKind::Unsupported => Failure::not_applicable("no sandbox here"),
        _ => Failure::from(error).during("entering the sandbox"),
    })?;
    let root = std::fs::File::open("/");
    ensure!(root.is_err(), "the sandbox lets files be opened");
    let mut failures = Vec::new();
    for (name, step) in STEPS {
        if let Err(failure) = step(&mut bench) {
            failures.push(failure.during(name).message().to_owned());
        }
        if bench.pairs.is_empty() {
            break;
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

fn activation(bench: &mut Bench<'_>) -> Result<(), Failure> {
    for _ in 0..3 {
        bench.plain()?;
        exchange(bench)?;
    }
    Ok(())
}

/// A frame in each direction.
fn exchange(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let (there, back) = (bench.frame(60), bench.frame(777));
    bench.send(0, &there)?;
    if bench.traits.path == Path::Nowhere {
        return Ok(());
    }
    bench.expect_seen(0, &there)?;
    bench.inject(0, &back)?;
    bench.expect_received(0, &back)?;
    Ok(())
}

/// Has the far end send a frame, and receives it after `wait`.
fn arrival(
    bench: &mut Bench<'_>,
    wait: impl FnOnce(&mut Bench<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if bench.traits.path == Path::Nowhere {
        return Ok(());
    }
    bench.drain(0)?;
    let frame = bench.frame(60);
    bench.inject(0, &frame)?;
    wait(bench)?;
    bench.expect_received(0, &frame)?;
    Ok(())
}

fn peek(bench: &mut Bench<'_>) -> Result<(), Failure> {
    arrival(bench, |bench| {
        let rx = &mut bench.pair(0)?.rx;
        let deadline = Instant::now() + PATIENCE;
        while rx.peek()?.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            ensure!(ready(rx.source(), left)?, "no frame to peek at");
        }
        Ok(())
    })
}

fn level(bench: &mut Bench<'_>) -> Result<(), Failure> {
    // Whether there is room is for others to try.
    let _full_or_not = ready(bench.pair(0)?.tx.source(), Duration::ZERO)?;
    arrival(bench, |bench| {
        let is_ready = ready(bench.pair(0)?.rx.source(), PATIENCE)?;
        ensure!(is_ready, "not ready though a frame is there");
        Ok(())
    })
}

fn edge(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let edge = match Edge::new(bench.pair(0)?.rx.source()) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(()),
        edge => edge?,
    };
    let _for_room = Edge::new(bench.pair(0)?.tx.source())?;
    arrival(bench, |_| {
        ensure!(edge.wait(PATIENCE)?, "no edge though a frame is there");
        Ok(())
    })
}

fn everything(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let features = bench.backend.features();
    for header in [HeaderLength::Ten, HeaderLength::Twelve] {
        bench.activate(&Activation {
            queue_pairs: 1,
            header,
            features,
        })?;
        exchange(bench)?;
    }
    let receive = features & Features::RECEIVE_OFFLOADS;
    for features in [Features::empty(), receive] {
        bench.backend.set_receive_offloads(features)?;
        exchange(bench)?;
    }
    Ok(())
}

fn all_pairs(bench: &mut Bench<'_>) -> Result<(), Failure> {
    let queue_pairs = bench.backend.capabilities().max_queue_pairs.min(8);
    bench.activate(&Activation {
        queue_pairs,
        ..Activation::plain()
    })?;
    for queue in 0..queue_pairs {
        let frame = bench.frame(60);
        bench.send(queue, &frame)?;
        if bench.traits.path != Path::Nowhere {
            bench.expect_seen(queue, &frame)?;
        }
    }
    Ok(())
}

fn questions(bench: &mut Bench<'_>) -> Result<(), Failure> {
    if let Some(source) = bench.backend.events() {
        let _some_or_none = ready(source, Duration::ZERO)?;
    }
    while let Some(event) = bench.backend.next_event() {
        ensure!(event != crate::Event::Gone, "it is gone");
    }
    let _any = (bench.backend.link(), bench.backend.describe());
    let pair = bench.pair(0)?;
    let counted = pair.tx.counters().snapshot();
    ensure!(counted.frames > 0, "nothing was counted: {counted:?}");
    Ok(())
}

fn drop_all(bench: &mut Bench<'_>) -> Result<(), Failure> {
    bench.plain()?;
    bench.pairs.clear();
    bench.backend = Box::new(crate::memory::Null::new());
    Ok(())
}
