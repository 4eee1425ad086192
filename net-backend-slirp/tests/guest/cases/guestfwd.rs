//! Addresses of the guest's network that something on the host answers.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::hostfwd::LOCALHOST;
use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{Job, accept, echo, pattern, read_to_end, same};
use crate::wire::PATIENCE;

pub(super) const CASES: &[Case] = &[
    Case::new("guestfwd/a-command-answers-each-connection", command),
    Case::new("guestfwd/a-command-has-arguments", arguments),
    Case::new("guestfwd/a-tcp-server-answers", tcp_server),
    Case::new("guestfwd/a-unix-server-answers", unix_server),
    Case::new("guestfwd/connections-do-not-wait-for-each-other", at_once),
    Case::new("guestfwd/a-server-that-is-away-ends-the-connection", away),
    Case::new("guestfwd/it-is-there-for-a-restricted-guest", restricted),
];

/// What the guest connects to.
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 2, 100)), 1234);

fn guest(mode: Mode, target: &str) -> Outcome<Guest> {
    Guest::open(mode, &format!("slirp:?guestfwd=tcp:{SERVER}-{target}"))
}

fn ask(guest: &mut Guest, question: &[u8]) -> Outcome<Vec<u8>> {
    let socket = guest.connect(SERVER)?;
    let answer = guest.ask(socket, question)?;
    guest.remove(socket);
    Ok(answer)
}

fn command(mode: Mode) -> Outcome {
    let mut guest = guest(mode, "cmd:cat")?;
    for length in [1, 1000, 200_000] {
        let question = pattern(11, length);
        same("what cat says", &ask(&mut guest, &question)?, &question)?;
    }
    Ok(())
}

fn arguments(mode: Mode) -> Outcome {
    let mut guest = guest(mode, "cmd:echo%20'two%20words'%20and%20more")?;
    let answer = ask(&mut guest, b"")?;
    same("what echo says", &answer, b"two words and more\n")
}

fn tcp_server(mode: Mode) -> Outcome {
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let mut guest = guest(mode, &format!("tcp:{}", listener.local_addr()?))?;
    for length in [1, 300_000] {
        let question = pattern(12, length);
        let server = listener.try_clone()?;
        let job = Job::start(move || echo(accept(&server)?))?;
        let socket = guest.connect(SERVER)?;
        let answer = guest.ask(socket, &question)?;
        let count = guest.during(job)?;
        ensure!(count == length, "{count} of {length} bytes");
        same("the echo", &answer, &question)?;
    }
    Ok(())
}

fn unix_server(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("server.sock");
    let listener = UnixListener::bind(&path)?;
    let mut guest = guest(mode, &format!("unix:{}", path.display()))?;
    let question = pattern(13, 100_000);
    let job = Job::start(move || {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let question = read_to_end(&mut stream)?;
        stream.write_all(b"understood")?;
        Ok(question)
    })?;
    let socket = guest.connect(SERVER)?;
    let mut talk = crate::talk::Talk::says(socket, &question);
    let (got, ()) = guest.both("an answer", job, |guest| talk.step(guest).then_some(()))?;
    same("the question", &got, &question)?;
    same("the answer", &talk.incoming, b"understood")
}

fn at_once(mode: Mode) -> Outcome {
    let mut guest = guest(mode, "cmd:cat")?;
    let sockets: Vec<_> = (0..5)
        .map(|_| guest.connect(SERVER))
        .collect::<Result<_, _>>()?;
    for (number, socket) in (0..).zip(sockets.iter().rev()) {
        let answer = guest.exchange(*socket, &[number; 10], 10)?;
        same("what cat says", &answer, &[number; 10])?;
    }
    Ok(())
}

fn away(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("nobody.sock");
    let closed = TcpListener::bind((LOCALHOST, 0))?.local_addr()?;
    for target in [format!("unix:{}", path.display()), format!("tcp:{closed}")] {
        let mut guest = guest(mode, &target)?;
        let socket = guest.begin(SERVER)?;
        guest.until("the end of a connection to nobody", |guest| {
            guest.settled(socket)?;
            guest.is_finished(socket).then_some(())
        })?;
    }
    Ok(())
}

fn restricted(mode: Mode) -> Outcome {
    let mut guest = Guest::open(
        mode,
        &format!("slirp:?restrict=on&guestfwd=tcp:{SERVER}-cmd:cat"),
    )?;
    same(
        "what cat says",
        &ask(&mut guest, b"let me out")?,
        b"let me out",
    )
}
