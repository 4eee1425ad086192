//! Ports of the host that lead into the guest.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU16, Ordering};

use net_backend_core::ErrorKind;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp;
use tempfile::TempDir;

use crate::guest::{GATEWAY6, GUEST6, Guest};
use crate::harness::{Case, Mode, Outcome, ensure, failed, open};
use crate::job::{Job, connect, pattern, read_to_end, same, udp};
use crate::machine;
use crate::packets::GATEWAY;
use crate::talk::Echo;
use crate::wire::PATIENCE;

pub(super) const CASES: &[Case] = &[
    Case::new("hostfwd/a-tcp-port-leads-into-the-guest", tcp_port),
    Case::new("hostfwd/no-protocol-is-tcp", no_protocol),
    Case::new("hostfwd/an-ipv6-port-leads-into-the-guest", tcp_port_ipv6),
    Case::new("hostfwd/an-ipv6-guest-may-be-any-neighbour", any_neighbour),
    Case::new("hostfwd/a-udp-port-leads-into-the-guest", udp_port),
    Case::new(
        "hostfwd/an-ipv6-udp-port-leads-into-the-guest",
        udp_port_ipv6,
    ),
    Case::new("hostfwd/a-unix-socket-leads-into-the-guest", unix_socket),
    Case::new("hostfwd/ranges-lead-port-to-port", range),
    Case::new("hostfwd/the-chosen-port-is-told", chosen_port),
    Case::new("hostfwd/several-rules-at-once", several),
    Case::new("hostfwd/every-address-of-the-host", wildcard),
    Case::new("hostfwd/a-port-that-is-taken-fails-and-is-named", taken),
    Case::new("hostfwd/the-same-port-twice-fails-and-is-named", twice),
    Case::new("hostfwd/a-guest-that-refuses-ends-the-connection", refused),
    Case::new("hostfwd/64-connections-at-once-find-room", backlog),
];

pub(super) const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where the first rule is bound.
pub(super) fn bound(guest: &Guest) -> Outcome<SocketAddr> {
    let first = bounds(guest)?.first().copied();
    first.ok_or_else(|| failed("nothing is bound"))
}

/// Where all rules are bound.
pub(super) fn bounds(guest: &Guest) -> Outcome<Vec<SocketAddr>> {
    let forwarding = guest.phy.wire.backend.port_forwarding();
    let forwarding = forwarding.ok_or_else(|| failed("it forwards no ports"))?;
    let list = forwarding.list();
    Ok(list.iter().flat_map(|rule| rule.bound.clone()).collect())
}

/// A client of the host says something to an echo in the guest; returns who the guest saw.
pub(super) fn echo_in_guest(
    guest: &mut Guest,
    port: u16,
    client: impl FnOnce() -> Outcome<TcpStream> + Send + 'static,
) -> Outcome<SocketAddr> {
    let bytes = pattern(u64::from(port), 300_000);
    let said = bytes.clone();
    let socket = guest.listen(port)?;
    let job = Job::start(move || {
        let mut stream = client()?;
        let mut writer = stream.try_clone()?;
        let writing = Job::start(move || {
            writer.write_all(&said)?;
            Ok(writer.shutdown(Shutdown::Write)?)
        })?;
        let heard = read_to_end(&mut stream)?;
        writing.join()?;
        Ok(heard)
    })?;
    let (mut echo, mut from) = (Echo::new(socket), None);
    let (heard, ()) = guest.both("an echo in the guest", job, |guest| {
        let endpoint = guest.socket::<tcp::Socket>(socket).remote_endpoint();
        from = from.or(endpoint);
        echo.step(guest).then_some(())
    })?;
    guest.remove(socket);
    same("the echo", &heard, &bytes)?;
    let from = from.ok_or_else(|| failed("from nobody"))?;
    Ok(SocketAddr::new(from.addr.into(), from.port))
}

fn tcp_port(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-10.0.2.15:80")?;
    let server = bound(&guest)?;
    for _ in 0..3 {
        let from = echo_in_guest(&mut guest, 80, move || connect(server))?;
        // The guest must be able to answer it.
        ensure!(from.ip() == IpAddr::from(GATEWAY), "from {from}");
    }
    Ok(())
}

fn no_protocol(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=:127.0.0.1:0-:80")?;
    let server = bound(&guest)?;
    echo_in_guest(&mut guest, 80, move || connect(server)).map(drop)
}

fn tcp_port_ipv6(mode: Mode) -> Outcome {
    let uri = format!("slirp:?hostfwd=tcp:[::1]:0-[{GUEST6}]:80");
    let mut guest = Guest::open(mode, &uri)?;
    let server = bound(&guest)?;
    ensure!(server.ip() == IpAddr::from(Ipv6Addr::LOCALHOST), "{server}");
    let from = echo_in_guest(&mut guest, 80, move || connect(server))?;
    ensure!(from.ip() == IpAddr::from(GATEWAY6), "from {from}");
    Ok(())
}

/// Lets libslirp see that there is an IPv6 guest.
fn show_ipv6(guest: &mut Guest) -> Outcome {
    let socket = guest.udp(9)?;
    guest.send_to(socket, SocketAddr::new(GATEWAY6.into(), 9), b"here I am")?;
    guest.until("a datagram to be sent", |guest| {
        let socket = guest.socket::<smoltcp::socket::udp::Socket>(socket);
        (socket.send_queue() == 0).then_some(())
    })?;
    guest.remove(socket);
    Ok(())
}

fn any_neighbour(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:[::1]:0-:80")?;
    let server = bound(&guest)?;
    show_ipv6(&mut guest)?;
    echo_in_guest(&mut guest, 80, move || connect(server)).map(drop)
}

fn datagrams(guest: &mut Guest, server: SocketAddr, client: IpAddr) -> Outcome {
    let socket = guest.udp(53)?;
    let job = Job::start(move || {
        let client = udp(client)?;
        let mut buffer = vec![0; 65_536];
        for length in [1, 100, 1400, 4000] {
            let question = pattern(9, length);
            client.send_to(&question, server)?;
            let (length, from) = client.recv_from(&mut buffer)?;
            ensure!(from == server, "{from} answers for {server}");
            same(
                "an answer",
                buffer.get(..length).unwrap_or_default(),
                &question,
            )?;
        }
        Ok(())
    })?;
    answer_questions(guest, socket, job, 4)
}

/// Sends so many datagrams back, while the host asks.
pub(super) fn answer_questions(
    guest: &mut Guest,
    socket: SocketHandle,
    host: Job<()>,
    questions: usize,
) -> Outcome {
    let mut count = 0;
    guest.both("questions of the host", host, |guest| {
        while let Some((from, question)) = guest.datagram(socket) {
            let _full = guest.send_to(socket, from, &question);
            count += 1;
        }
        (count == questions).then_some(())
    })?;
    Ok(())
}

fn udp_port(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=udp:127.0.0.1:0-10.0.2.15:53")?;
    let server = bound(&guest)?;
    datagrams(&mut guest, server, LOCALHOST)
}

fn udp_port_ipv6(mode: Mode) -> Outcome {
    let uri = format!("slirp:?hostfwd=udp:[::1]:0-[{GUEST6}]:53");
    let mut guest = Guest::open(mode, &uri)?;
    let server = bound(&guest)?;
    let socket = guest.udp(53)?;
    // IPv6 is not cut into fragments, so a datagram has to fit a frame.
    let job = Job::start(move || {
        let client = udp(Ipv6Addr::LOCALHOST.into())?;
        let question = pattern(10, 1400);
        client.send_to(&question, server)?;
        let mut buffer = vec![0; 65_536];
        let (length, _) = client.recv_from(&mut buffer)?;
        same(
            "an answer",
            buffer.get(..length).unwrap_or_default(),
            &question,
        )
    })?;
    guest.both("a question of the host", job, |guest| {
        let (from, question) = guest.datagram(socket)?;
        guest.send_to(socket, from, &question).ok()
    })?;
    Ok(())
}

fn unix_socket(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("guest.sock");
    let uri = format!("slirp:?hostfwd=unix:{}-:80", path.display());
    let mut guest = Guest::open(mode, &uri)?;
    ensure!(path.exists(), "there is no socket at {}", path.display());
    for _ in 0..3 {
        let socket = guest.listen(80)?;
        let path = path.clone();
        let job = Job::start(move || {
            let mut stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(b"through a unix socket")?;
            stream.shutdown(Shutdown::Write)?;
            read_to_end(&mut stream)
        })?;
        let mut echo = Echo::new(socket);
        let (heard, ()) = guest.both("an echo", job, |guest| echo.step(guest).then_some(()))?;
        same("the echo", &heard, b"through a unix socket")?;
        guest.remove(socket);
    }
    drop(guest);
    ensure!(!path.exists(), "{} is left behind", path.display());
    Ok(())
}

/// Ports of the host that nobody has, below those that systems choose themselves.
pub(super) fn free_ports(count: u16) -> Outcome<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    for _ in 0..100 {
        let first = NEXT.fetch_add(count, Ordering::Relaxed);
        let mut ports = first..first + count;
        if ports.all(|port| TcpListener::bind((LOCALHOST, port)).is_ok()) {
            return Ok(first);
        }
    }
    Err(failed("every port is taken"))
}

fn range(mode: Mode) -> Outcome {
    let first = free_ports(3)?;
    let uri = format!("slirp:?hostfwd=tcp:127.0.0.1:{first}-{}-:8000", first + 2);
    let mut guest = Guest::open(mode, &uri)?;
    for (port, inside) in (first..first + 3).zip(8000..) {
        let server = SocketAddr::new(LOCALHOST, port);
        echo_in_guest(&mut guest, inside, move || connect(server))?;
    }
    Ok(())
}

fn chosen_port(mode: Mode) -> Outcome {
    let guest = Guest::open(
        mode,
        "slirp:?hostfwd=tcp:127.0.0.1:0-:80&hostfwd=udp::0-:53",
    )?;
    let ports: Vec<u16> = bounds(&guest)?.iter().map(SocketAddr::port).collect();
    ensure!(ports.len() == 2 && !ports.contains(&0), "{ports:?}");
    // It is really that one.
    let first = SocketAddr::new(LOCALHOST, ports.first().copied().unwrap_or(0));
    connect(first).map(drop)
}

fn several(mode: Mode) -> Outcome {
    let first = free_ports(2)?;
    let uri = format!(
        "slirp:?hostfwd=tcp:127.0.0.1:{first}-:80&hostfwd=tcp:127.0.0.1:{}-:81",
        first + 1
    );
    let mut guest = Guest::open(mode, &uri)?;
    for (port, inside) in [(first + 1, 81), (first, 80)] {
        let server = SocketAddr::new(LOCALHOST, port);
        echo_in_guest(&mut guest, inside, move || connect(server))?;
    }
    Ok(())
}

fn wildcard(mode: Mode) -> Outcome {
    let outside = machine::outside()?;
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp::0-:80")?;
    let port = bound(&guest)?.port();
    for address in [Ipv4Addr::LOCALHOST, outside] {
        let server = SocketAddr::new(address.into(), port);
        echo_in_guest(&mut guest, 80, move || connect(server))?;
    }
    Ok(())
}

fn expect_named(uri: &str, rule: &str) -> Outcome {
    let Err(error) = open(uri) else {
        return Err(failed(format!("{uri} was opened")));
    };
    ensure!(error.to_string().contains(rule), "{error}");
    Ok(())
}

fn taken(mode: Mode) -> Outcome {
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let rule = format!("tcp:127.0.0.1:{port}-:80");
    let uri = mode.with(&format!(
        "slirp:?hostfwd=tcp:127.0.0.1:0-:22&hostfwd={rule}"
    ));
    expect_named(&uri, &rule)?;
    let kind = open(&uri).err().map(|error| error.kind());
    ensure!(kind == Some(ErrorKind::InUse), "{kind:?}");
    // What was bound before it is free again.
    drop(listener);
    open(&uri).map(drop).map_err(Into::into)
}

fn twice(mode: Mode) -> Outcome {
    let first = free_ports(1)?;
    let rule = format!("tcp:127.0.0.1:{first}-:80");
    let uri = mode.with(&format!("slirp:?hostfwd={rule}&hostfwd={rule}"));
    expect_named(&uri, &rule)
}

fn refused(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let server = bound(&guest)?;
    let job = Job::start(move || {
        let mut stream = connect(server)?;
        // The end or a reset, but not for ever.
        Ok(stream.read(&mut [0; 10]).unwrap_or(0))
    })?;
    let count = guest.during(job)?;
    ensure!(count == 0, "{count} bytes from nobody");
    Ok(())
}

/// Nobody accepts while they connect, at least without a thread.
fn backlog(mode: Mode) -> Outcome {
    const COUNT: u8 = 64;
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let server = bound(&guest)?;
    let sockets: Vec<_> = (0..COUNT)
        .map(|_| guest.listen(80))
        .collect::<Result<_, _>>()?;
    let clients: Vec<_> = (0..COUNT)
        .map(|_| connect(server))
        .collect::<Result<_, _>>()?;
    let job = Job::start(move || {
        for (number, mut client) in (0..COUNT).zip(clients) {
            client.write_all(&[number])?;
            client.shutdown(Shutdown::Write)?;
            let heard = read_to_end(&mut client)?;
            same("the echo", &heard, &[number])?;
        }
        Ok(())
    })?;
    let mut echoes: Vec<_> = sockets.into_iter().map(Echo::new).collect();
    guest.both("64 echoes", job, |guest| {
        let mut over = true;
        for echo in &mut echoes {
            over &= echo.step(guest);
        }
        over.then_some(())
    })?;
    Ok(())
}
