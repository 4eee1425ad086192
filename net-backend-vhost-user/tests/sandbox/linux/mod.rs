#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that finds something else is to end; it is no #[test], since others begin in a process of their own"
)]

mod attempts;
mod daemon;
mod frames;
mod guest;

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, io, os::unix};

use libtest_mimic::{Arguments, Failed, Trial};
use net_backend::ErrorKind;
use net_backend_tap::testing::{Interface, NetworkNamespace, PacketSocket, allow_namespaces};

use daemon::Daemon;
use guest::Guest;

/// For what is to come.
const SOON: Duration = Duration::from_secs(20);

pub(crate) fn main() -> ExitCode {
    if let Some(code) = attempts::run() {
        return code;
    }
    // First of all, while there is one thread.
    let namespaces = allow_namespaces().map_err(|error| error.to_string());
    let others = namespaces.clone();
    let mut trials = attempts::trials();
    trials.extend([
        Trial::test("loopback_is_served", loopback_is_served),
        Trial::test("slirp_is_served", slirp_is_served),
        Trial::test(
            "tftp_has_no_files_but_its_own",
            tftp_has_no_files_but_its_own,
        ),
        Trial::test("slirp_forwards", slirp_forwards),
        Trial::test("commands_need_it_off", commands_need_it_off),
        Trial::test("slirp_finds_the_name_server", move || {
            slirp_finds_the_name_server(others.clone())
        }),
        Trial::test("tap_is_served", move || tap_is_served(namespaces.clone())),
    ]);
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn loopback_is_served() -> Result<(), Failed> {
    let daemon = Daemon::start("loopback:", 1, &[])?;
    for _ in 0..3 {
        let mut guest = Guest::connect(daemon.socket(), 1)?;
        let frame = frames::ethernet([2; 6], [4; 6], 0x88b5, &[7; 100]);
        guest.send(0, &frame)?;
        assert_eq!(guest.receive(SOON), Some(frame));
        daemon.assert_restricted()?;
    }
    Ok(())
}

fn slirp_is_served() -> Result<(), Failed> {
    let daemon = Daemon::start("slirp:", 1, &[])?;
    let mut guest = Guest::connect(daemon.socket(), 1)?;
    guest.send(0, &frames::arp_request())?;
    guest.receive_where(SOON, frames::is_arp_reply)?;
    // Its own thread too.
    assert!(daemon.threads()?.contains(&"slirp".to_owned()));
    daemon.assert_restricted()
}

/// What is passed on to servers of the host, and from a socket in its file system.
fn slirp_forwards() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let [near, far] = ["near", "far"].map(|name| directory.path().join(name));
    let (tcp, unix) = (TcpListener::bind("127.0.0.1:0")?, UnixListener::bind(&far)?);
    tcp.set_nonblocking(true)?;
    unix.set_nonblocking(true)?;
    let uri = format!(
        "slirp:?hostfwd=unix:{}-:22&guestfwd=tcp:10.0.2.100:80-tcp:{}&guestfwd=tcp:10.0.2.100:81-unix:{}",
        near.display(),
        tcp.local_addr()?,
        far.display()
    );
    let daemon = Daemon::start(&uri, 1, &[])?;
    let mut guest = Guest::connect(daemon.socket(), 1)?;
    guest.send(0, &frames::arp_request())?;
    guest.receive_where(SOON, frames::is_arp_reply)?;
    connect(&mut guest, 80)?;
    accepted(|| tcp.accept())?;
    connect(&mut guest, 81)?;
    accepted(|| unix.accept())?;
    let _connected = UnixStream::connect(&near)?;
    guest.receive_where(SOON, |frame| frames::is_syn(frame, 22))?;
    daemon.assert_restricted()
}

/// To a server that `guestfwd` has made.
fn connect(guest: &mut Guest, port: u16) -> Result<(), Failed> {
    let server = [10, 0, 2, 100];
    guest.send(0, &frames::syn(server, port))?;
    let completion = |frame: &[u8]| frames::completion(frame, server, port);
    let answer = guest.receive_where(SOON, |frame| completion(frame).is_some())?;
    guest.send(0, &completion(&answer).unwrap_or_default())
}

fn accepted<T>(mut accept: impl FnMut() -> io::Result<T>) -> Result<T, Failed> {
    let begin = Instant::now();
    loop {
        match accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && begin.elapsed() < SOON => {
                sleep(Duration::from_millis(5));
            }
            accepted => return Ok(accepted?),
        }
    }
}

fn tftp_has_no_files_but_its_own() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let [inside, outside] = ["inside", "outside"].map(|name| directory.path().join(name));
    for (path, text) in [(&inside, "inner"), (&outside, "outer")] {
        fs::create_dir(path)?;
        fs::write(path.join("file"), text)?;
    }
    unix::fs::symlink(outside.join("file"), inside.join("link"))?;
    let fetched = |name, options: &[&str]| fetch(&inside, name, options);
    assert_eq!(fetched("file", &[])?, Some("inner".to_owned()));
    assert_eq!(
        fetched("link", &["--sandbox", "off"])?,
        Some("outer".to_owned())
    );
    if !attempts::has_landlock() {
        println!("skipped: this kernel has no Landlock");
        return Ok(());
    }
    assert_eq!(fetched("link", &[])?, None);
    Ok(())
}

/// What a guest gets by TFTP; `None` if it is told that there is nothing.
fn fetch(directory: &Path, name: &str, options: &[&str]) -> Result<Option<String>, Failed> {
    let uri = format!("slirp:?tftp={}", directory.display());
    let daemon = Daemon::start(&uri, 1, options)?;
    let mut guest = Guest::connect(daemon.socket(), 1)?;
    // The host sends nothing to whom it does not know.
    guest.send(0, &frames::arp_request())?;
    guest.receive_where(SOON, frames::is_arp_reply)?;
    guest.send(0, &frames::tftp_request(name))?;
    let answer = guest.receive_where(SOON, |frame| frames::tftp_answer(frame).is_some())?;
    Ok(frames::tftp_answer(&answer).flatten())
}

fn commands_need_it_off() -> Result<(), Failed> {
    let uri = "slirp:?guestfwd=tcp::80-cmd:/bin/cat";
    let said = Daemon::refusal(uri)?;
    assert!(said.contains("guestfwd to a command"), "{said}");
    assert!(said.contains("--sandbox off"), "{said}");
    let daemon = Daemon::start(uri, 1, &["--sandbox", "off"])?;
    Guest::connect(daemon.socket(), 1)?;
    Ok(())
}

/// That of `/etc/resolv.conf`, which is read when it is first needed.
fn slirp_finds_the_name_server(namespaces: Result<(), String>) -> Result<(), Failed> {
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let mut servers = text
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver"));
    let Some(address) = servers.find_map(|it| it.trim().parse::<Ipv4Addr>().ok()) else {
        println!("skipped: this machine has no name server with an IPv4 address");
        return Ok(());
    };
    let Some(network) = network(namespaces) else {
        return Ok(());
    };
    network.run(move || {
        Interface::named("lo").set_ipv4(address, 8)?;
        let server = UdpSocket::bind((address, 53))?;
        server.set_read_timeout(Some(SOON))?;
        let daemon = Daemon::start("slirp:", 1, &[])?;
        let mut guest = Guest::connect(daemon.socket(), 1)?;
        guest.send(0, &frames::dns_request(b"a question"))?;
        let mut buffer = [0; 100];
        let (length, _) = server.recv_from(&mut buffer)?;
        assert_eq!(buffer.get(..length), Some(&b"a question"[..]));
        Ok(())
    })
}

fn tap_is_served(namespaces: Result<(), String>) -> Result<(), Failed> {
    let Some(network) = network(namespaces) else {
        return Ok(());
    };
    network.run(|| {
        let uri = "tap:tap0?queues=2";
        match net_backend::open(uri).map_err(|error| (error.kind(), error)) {
            Err((ErrorKind::Permission | ErrorKind::NotFound, error)) => {
                println!("skipped: there are no taps: {error}");
                return Ok(());
            }
            opened => drop(opened),
        }
        let daemon = Daemon::start(uri, 2, &[])?;
        let far = PacketSocket::plain(&Interface::named("tap0"))?;
        // Each driver that comes resets the tap, and switches one queue off and on.
        for (turn, pairs) in [(1, 2), (2, 1), (3, 2)] {
            let mut guest = Guest::connect(daemon.socket(), pairs)?;
            let frame = frames::ethernet([0xff; 6], [2; 6], 0x88b5, &[turn; 64]);
            for pair in 0..pairs {
                guest.send(pair, &frame)?;
                receive(&far, &frame)?;
            }
            far.send(&frame)?;
            guest.receive_where(SOON, |it| it == frame)?;
            daemon.assert_restricted()?;
        }
        Ok(())
    })
}

/// One that nobody else is in, where that is possible.
fn network(namespaces: Result<(), String>) -> Option<NetworkNamespace> {
    let made = namespaces.and_then(|()| NetworkNamespace::new().map_err(|error| error.to_string()));
    if let Err(error) = &made {
        println!("skipped: there is no network for this test: {error}");
    }
    made.ok()
}

fn receive(far: &PacketSocket, frame: &[u8]) -> Result<(), Failed> {
    let mut buffer = [0; 2048];
    loop {
        match far.receive(&mut buffer, SOON)? {
            None => return Err("nothing arrived on the tap".into()),
            Some(length) if buffer.get(..length) == Some(frame) => return Ok(()),
            // The host's own, about IPv6.
            Some(_) => {}
        }
    }
}
