//! Beginning and end: nothing is left behind, nobody is waited for, and networks do not meet.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use net_backend_core::{Activation, ErrorKind, Features};
use net_backend_core::{Environment, HeaderLength, Registry, Spawn};
use net_backend_slirp::DRIVER;
use tempfile::TempDir;

use super::hostfwd::{LOCALHOST, bound};
use super::tcp::{pass_both_ways, through_gateway};
use crate::guest::{Guest, Setup};
use crate::harness::{Case, Mode, Outcome, ensure, failed, skipped};
use crate::job::{Job, connect, echo, pattern, serve};
use crate::packets::{GATEWAY, GUEST, Packet, arp, ping};
use crate::talk::Talk;
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new("lifecycle/opened-100-times-nothing-is-left", leaves_nothing).alone(),
    Case::new(
        "lifecycle/dropped-in-full-traffic-it-ends-at-once",
        dropped_in_traffic,
    ),
    Case::new("lifecycle/activated-again-it-works-again", activated_again),
    Case::new("lifecycle/networks-in-one-process-do-not-meet", networks),
    Case::new("lifecycle/the-address-of-the-nic-is-told", mac),
    Case::new("lifecycle/threads-are-made-by-the-vmm", threads),
    Case::new(
        "lifecycle/without-a-thread-to-be-had-it-does-not-open",
        no_thread,
    ),
    Case::new("lifecycle/a-unix-socket-in-use-stays", socket_in_use),
    Case::new(
        "lifecycle/a-unix-socket-left-behind-is-replaced",
        left_behind,
    ),
    Case::new(
        "lifecycle/somebody-else's-unix-socket-is-not-removed",
        somebody_elses,
    ),
];

/// Open descriptors and running threads of this process.
fn resources() -> Outcome<(usize, usize)> {
    let count = |directory: &str| {
        let entries = fs::read_dir(directory);
        let entries = entries.map_err(|error| skipped(format!("{directory}: {error}")))?;
        Ok::<_, crate::harness::Stop>(entries.count())
    };
    Ok((count("/proc/self/fd")?, count("/proc/self/task")?))
}

fn leaves_nothing(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("left.sock");
    let uri = format!(
        "slirp:?hostfwd=tcp:127.0.0.1:0-:80&hostfwd=udp::0-:53&hostfwd=unix:{}-:81&guestfwd=tcp::99-cmd:cat",
        path.display()
    );
    one_life(mode, &uri, true)?;
    let before = resources()?;
    for round in 0..100 {
        // The stack asks for one neighbour in a second, and the command would be the second.
        one_life(mode, &uri, round % 50 == 0)?;
    }
    ensure!(!path.exists(), "{} is left behind", path.display());
    // A command that is told to end may take a moment.
    let deadline = Instant::now() + Duration::from_secs(5);
    while resources()? != before && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let after = resources()?;
    ensure!(
        after == before,
        "descriptors and threads: {before:?} before, {after:?} after"
    );
    Ok(())
}

/// Connections in both directions and of both protocols, still open at the end.
fn one_life(mode: Mode, uri: &str, runs_command: bool) -> Outcome {
    let mut guest = Guest::open(mode, uri)?;
    let (server, job) = serve(LOCALHOST, echo)?;
    guest.connect(through_gateway(server))?;
    let inward = guest.listen(80)?;
    let client = connect(bound(&guest)?)?;
    guest.accepted(inward)?;
    if runs_command {
        guest.connect(SocketAddr::new(Ipv4Addr::new(10, 0, 2, 4).into(), 99))?;
    }
    let socket = guest.udp(4000)?;
    guest.send_to(socket, SocketAddr::new(GATEWAY.into(), 9), b"nobody")?;
    drop(guest);
    drop(client);
    // It saw its end, whichever way.
    let _reset = job.join();
    Ok(())
}

fn dropped_in_traffic(mode: Mode) -> Outcome {
    let mut shortest = Duration::MAX;
    for _ in 0..3 {
        let mut guest = Guest::open(mode, "slirp:")?;
        let (server, job) = serve(LOCALHOST, |mut stream| {
            let bytes = pattern(40, 1 << 20);
            while stream.write_all(&bytes).is_ok() {}
            Ok(())
        })?;
        let socket = guest.connect(through_gateway(server))?;
        let mut talk = Talk::listens(socket);
        guest.until("a megabyte", |guest| {
            talk.step(guest);
            (talk.incoming.len() > 1 << 20).then_some(())
        })?;
        let begin = Instant::now();
        drop(guest);
        shortest = shortest.min(begin.elapsed());
        job.join()?;
    }
    ensure!(
        shortest < Duration::from_secs(1),
        "dropping took {shortest:?} at best"
    );
    Ok(())
}

fn activated_again(mode: Mode) -> Outcome {
    let mut backend = crate::harness::open(&mode.with("slirp:"))?;
    for round in 0..10 {
        let with = match round % 2 {
            0 => Activation::plain(),
            _ => Activation {
                queue_pairs: 1,
                header: HeaderLength::Twelve,
                features: Features::CSUM,
            },
        };
        let mut wire = Wire::activate(backend, with)?;
        wire.send(&arp(GUEST))?;
        wire.send(&ping(GUEST.into(), GATEWAY.into(), round, b"again"))?;
        wire.expect("an answer to this very ping", |arrived| {
            let packet = Packet::of(&arrived.bytes)?;
            let identifier = packet.transport.get(4..6)?;
            (identifier == round.to_be_bytes()).then_some(())
        })?;
        backend = wire.into_backend();
    }
    Ok(())
}

/// Networks with the same and with other addresses, all busy at the same time.
fn networks(mode: Mode) -> Outcome {
    let other = match mode {
        Mode::Own => Mode::Threadless,
        Mode::Threadless => Mode::Own,
    };
    let workers = (0..6_u8).map(|number| {
        let mode = if number % 3 == 0 { other } else { mode };
        Job::start(move || {
            let subnet = number / 2;
            let setup = Setup {
                address: Ipv4Addr::new(10, subnet, 2, 15),
                gateway: Ipv4Addr::new(10, subnet, 2, 2),
                ..Setup::default()
            };
            let mut guest = Guest::with(mode, &format!("slirp:10.{subnet}.2.0/24"), &setup)?;
            for round in 0..4 {
                let (server, job) = serve(LOCALHOST, echo)?;
                let gateway = SocketAddr::new(setup.gateway.into(), server.port());
                let socket = guest.connect(gateway)?;
                let bytes = pattern(u64::from(number) * 10 + round, 300_000);
                let mut talk = Talk::says(socket, &bytes);
                guest.both("an echo", job, |guest| talk.step(guest).then_some(()))?;
                crate::job::same("the echo", &talk.incoming, &bytes)?;
                guest.remove(socket);
            }
            Ok(())
        })
    });
    let workers: Vec<_> = workers.collect::<Result<_, _>>()?;
    workers.into_iter().try_for_each(Job::join)
}

fn mac(mode: Mode) -> Outcome {
    let told = |uri| -> Outcome<Option<String>> {
        let backend = crate::harness::open(&mode.with(uri))?;
        Ok(backend.capabilities().mac.map(|mac| mac.to_string()))
    };
    let with = told("slirp:?mac=52:54:00:ab:cd:ef")?;
    ensure!(with.as_deref() == Some("52:54:00:ab:cd:ef"), "{with:?}");
    let without = told("slirp:")?;
    ensure!(without.is_none(), "nobody said {without:?}");
    Ok(())
}

/// Remembers which threads were asked for.
#[derive(Debug, Default)]
struct Names(Mutex<Vec<String>>);

impl Spawn for Names {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.push(name.to_owned());
        Builder::new().name(name.to_owned()).spawn(body)
    }
}

fn threads(mode: Mode) -> Outcome {
    let names = Arc::new(Names::default());
    let mut environment = Environment::default();
    environment.spawner = names.clone();
    let backend = Registry::new([&DRIVER]).open(&mode.with("slirp:"), &environment)?;
    let asked = names
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    match mode {
        Mode::Threadless => ensure!(asked.is_empty(), "{asked:?} without a thread"),
        Mode::Own => ensure!(
            asked.len() == 1 && asked.iter().all(|name| name.len() <= 15),
            "{asked:?}"
        ),
    }
    drop(backend);
    let mut guest = Guest::open(mode, "slirp:")?;
    pass_both_ways(&mut guest, 10_000)
}

/// Has none to give.
#[derive(Debug)]
struct NoThreads;

impl Spawn for NoThreads {
    fn spawn(&self, _: &str, _: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
        Err(io::Error::other("the VMM has no thread to give"))
    }
}

fn no_thread(mode: Mode) -> Outcome {
    let mut environment = Environment::default();
    environment.spawner = Arc::new(NoThreads);
    let opened = Registry::new([&DRIVER]).open(&mode.with("slirp:"), &environment);
    match (mode, opened) {
        (Mode::Threadless, opened) => Ok(opened.map(drop)?),
        (Mode::Own, Ok(_)) => Err(failed("it was opened without its thread")),
        (Mode::Own, Err(error)) => {
            let text = error.to_string();
            ensure!(text.contains("has no thread to give"), "{text}");
            Ok(())
        }
    }
}

/// A guest behind a unix socket, and something that shows that it is there.
fn behind(mode: Mode, path: &Path) -> Outcome<Guest> {
    Guest::open(mode, &format!("slirp:?hostfwd=unix:{}-:80", path.display()))
}

fn answers(guest: &mut Guest, path: &Path) -> Outcome {
    let socket = guest.listen(80)?;
    let client = UnixStream::connect(path)?;
    guest.accepted(socket)?;
    guest.remove(socket);
    drop(client);
    Ok(())
}

fn socket_in_use(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("one.sock");
    let mut first = behind(mode, &path)?;
    let uri = mode.with(&format!("slirp:?hostfwd=unix:{}-:80", path.display()));
    let Err(error) = crate::harness::open(&uri) else {
        return Err(failed("two networks listen at one path"));
    };
    ensure!(error.kind() == ErrorKind::InUse, "{error}");
    // The look whether somebody is there was a connection, too.
    let _frames = first.within(Duration::from_millis(100), |_| None::<()>)?;
    answers(&mut first, &path)?;
    drop(first);
    answers(&mut behind(mode, &path)?, &path)
}

fn left_behind(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("old.sock");
    drop(UnixListener::bind(&path)?);
    ensure!(path.exists(), "nobody left {}", path.display());
    answers(&mut behind(mode, &path)?, &path)
}

fn somebody_elses(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("theirs.sock");
    let guest = behind(mode, &path)?;
    fs::remove_file(&path)?;
    let theirs = UnixListener::bind(&path)?;
    drop(guest);
    ensure!(path.exists(), "{} was removed", path.display());
    UnixStream::connect(&path)?;
    drop(theirs);
    Ok(())
}
