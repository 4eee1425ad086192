//! Many connections: at once, one after the other, and more than there are descriptors for.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use net_backend_core::DropReason;
use rustix::process::{Resource, getrlimit};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use tempfile::TempDir;

use super::hostfwd::LOCALHOST;
use super::tcp::{pass_both_ways, through_gateway};
use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure, failed, run_alone, skipped};
use crate::job::{Job, accept, same};
use crate::machine::FEW;
use crate::talk::Echo;

pub(super) const CASES: &[Case] = &[
    Case::new("flows/1000-at-once", thousand),
    Case::new("flows/500-one-after-the-other", storm),
    Case::new(
        "flows/beyond-the-descriptors-they-are-refused",
        few_descriptors,
    ),
    Case::new("flows/beyond-the-descriptors-nobody-aborts", few_for_unix),
];

/// What runs in a process that has few descriptors.
pub(crate) const IN_FEW: &[Case] = &[
    Case::new("few/refused", refused_in_few),
    Case::new("few/unix", unix_in_few),
];

fn thousand(mode: Mode) -> Outcome {
    const COUNT: usize = 1000;
    let limit = getrlimit(Resource::Nofile).current;
    if limit.is_some_and(|limit| limit < 4 * COUNT as u64) {
        let limit = limit.unwrap_or_default();
        return Err(skipped(format!("only {limit} descriptors; see ulimit -n")));
    }
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let server = through_gateway(listener.local_addr()?);
    let job = Job::start(move || {
        let accepted = (0..COUNT).map(|_| accept(&listener));
        let streams: Vec<TcpStream> = accepted.collect::<Result<_, _>>()?;
        for mut stream in &streams {
            let mut question = [0; 8];
            stream.read_exact(&mut question)?;
            stream.write_all(&question)?;
        }
        Ok(streams)
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    let sockets: Vec<SocketHandle> = (0..COUNT)
        .map(|_| guest.begin_small(server))
        .collect::<Result<_, _>>()?;
    let mut answers = vec![Vec::new(); COUNT];
    let mut asked = vec![false; COUNT];
    let (streams, ()) = guest.both("1000 answers", job, |guest| {
        let mut missing = 0;
        let all = sockets.iter().zip(&mut answers).zip(&mut asked);
        for (number, ((socket, answer), asked)) in (0_u64..).zip(all) {
            if !*asked && guest.socket::<tcp::Socket>(*socket).can_send() {
                *asked = guest.put(*socket, &number.to_be_bytes()) == 8;
            }
            guest.take(*socket, answer);
            missing += usize::from(answer.len() < 8);
        }
        (missing == 0).then_some(())
    })?;
    for (number, answer) in (0_u64..).zip(&answers) {
        same("an answer", answer, &number.to_be_bytes())?;
    }
    ensure!(streams.len() == COUNT, "{} connections", streams.len());
    Ok(())
}

fn storm(mode: Mode) -> Outcome {
    const COUNT: usize = 500;
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let server = through_gateway(listener.local_addr()?);
    let job = Job::start(move || {
        for _ in 0..COUNT {
            let mut stream = accept(&listener)?;
            let count = stream.read(&mut [0; 10])?;
            ensure!(count == 0, "{count} bytes of nobody");
        }
        Ok(())
    })?;
    let mut guest = Guest::open(mode, "slirp:")?;
    for _ in 0..COUNT {
        let socket = guest.begin_small(server)?;
        guest.until("a connection", |guest| guest.settled(socket))?;
        guest.close(socket);
        guest.until("its end", |guest| {
            let state = guest.socket::<tcp::Socket>(socket).state();
            matches!(state, tcp::State::Closed | tcp::State::TimeWait).then_some(())
        })?;
        guest.remove(socket);
    }
    guest.during(job)?;
    pass_both_ways(&mut guest, 100_000)
}

fn few_descriptors(mode: Mode) -> Outcome {
    run_alone(mode, "few/refused", &[(FEW, "1")]).map(drop)
}

fn few_for_unix(mode: Mode) -> Outcome {
    run_alone(mode, "few/unix", &[(FEW, "1")]).map(drop)
}

/// More connections than there are descriptors: some work, the others are refused and counted, and when the first
/// have ended there is room again.
fn refused_in_few(mode: Mode) -> Outcome {
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let server = through_gateway(listener.local_addr()?);
    let mut guest = Guest::open(mode, "slirp:")?;
    guest.phy.wire.may_refuse = true;
    let mut open = Vec::new();
    // Nobody accepts, so that the other ends cost no descriptors.
    for _ in 0..200 {
        let socket = guest.begin_small(server)?;
        let state = guest.within(Duration::from_millis(20), |guest| guest.settled(socket))?;
        match state {
            Some(tcp::State::Established) => open.push(socket),
            _ => guest.remove(socket),
        }
    }
    let refused = guest.phy.wire.sent().dropped(DropReason::Policy);
    let count = open.len();
    ensure!(
        count > 20 && count < 200 && refused > 0,
        "{count} connections, and {refused} frames refused"
    );
    let spare = std::fs::File::open("/dev/null");
    ensure!(spare.is_ok(), "none is left for the rest of the process");
    // Those that were there still work.
    let socket = open.pop().ok_or_else(|| failed("none"))?;
    ensure!(guest.put(socket, b"still here") == 10, "no room");
    guest.until("an acknowledgement", |guest| {
        let socket = guest.socket::<tcp::Socket>(socket);
        (socket.send_queue() == 0).then_some(())
    })?;
    for socket in open {
        guest.socket::<tcp::Socket>(socket).abort();
        guest.step()?;
        guest.remove(socket);
    }
    guest.connect(server).map(drop)
}

/// libslirp ends the process when it finds no descriptor for a connection to a forwarded unix socket.
fn unix_in_few(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("few.sock");
    let uri = format!("slirp:?hostfwd=unix:{}-:80", path.display());
    let mut guest = Guest::open(mode, &uri)?;
    let mut clients = Vec::new();
    for _ in 0..200 {
        let Ok(client) = UnixStream::connect(&path) else {
            break;
        };
        client.set_nonblocking(true)?;
        clients.push(client);
        let _frames = guest.within(Duration::from_millis(5), |_| None::<()>)?;
    }
    ensure!(clients.len() > 10, "{} clients", clients.len());
    drop(clients);
    // There is room again, and somebody who serves.
    let _ended = guest.within(Duration::from_millis(500), |_| None::<()>)?;
    let socket = guest.listen(80)?;
    let job = Job::start(move || {
        let mut client = UnixStream::connect(path)?;
        client.set_read_timeout(Some(crate::wire::PATIENCE))?;
        client.write_all(b"last")?;
        client.shutdown(std::net::Shutdown::Write)?;
        crate::job::read_to_end(&mut client)
    })?;
    let mut echo = Echo::new(socket);
    let (heard, ()) = guest.both("an echo", job, |guest| echo.step(guest).then_some(()))?;
    same("the echo", &heard, b"last")
}

impl Guest {
    /// A connection with little room, for many of them.
    fn begin_small(&mut self, remote: SocketAddr) -> Outcome<SocketHandle> {
        self.begin_with(remote, 1024)
    }
}
