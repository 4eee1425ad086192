//! Forwarding changed while the guest runs, and the table of its connections.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;

use net_backend_core::{
    Connection, ConnectionDirection, ConnectionProtocol, ErrorKind, PortForwarding,
};
use tempfile::TempDir;

use super::hostfwd::{LOCALHOST, echo_in_guest};
use super::tcp::through_gateway;
use crate::guest::Guest;
use crate::harness::{Case, Mode, Outcome, ensure, failed};
use crate::job::{connect, echo, serve};
use crate::packets::GUEST;

pub(super) const CASES: &[Case] = &[
    Case::new("run-time/a-rule-is-added-used-and-removed", added),
    Case::new("run-time/every-kind-of-rule-is-listed-as-bound", listed),
    Case::new("run-time/what-is-not-there-cannot-be-removed", not_there),
    Case::new("run-time/a-rule-that-fails-leaves-the-others", fails),
    Case::new("run-time/a-connection-outlives-its-rule", outlives),
    Case::new("run-time/the-backend-describes-its-rules", described),
    Case::new("run-time/connections-are-told", connections),
    Case::new(
        "run-time/connections-to-a-guest-forward-are-told",
        to_forward,
    ),
    Case::new("run-time/from-another-thread", other_thread),
];

fn forwarding(guest: &Guest) -> Outcome<&dyn PortForwarding> {
    let forwarding = guest.phy.wire.backend.port_forwarding();
    forwarding.ok_or_else(|| failed("it forwards no ports"))
}

fn add(guest: &Guest, rule: &str) -> Outcome<SocketAddr> {
    let added = forwarding(guest)?.add(rule)?;
    let bound = added.bound.first().copied();
    bound.ok_or_else(|| failed(format!("{added:?} is bound to nothing")))
}

fn is_refused(address: SocketAddr) -> Outcome {
    let connected = TcpStream::connect(address);
    ensure!(connected.is_err(), "{address} still listens");
    Ok(())
}

fn added(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    for _ in 0..3 {
        let server = add(&guest, "tcp:127.0.0.1:0-:80")?;
        echo_in_guest(&mut guest, 80, move || connect(server))?;
        let rules = forwarding(&guest)?.list().len();
        ensure!(rules == 1, "{rules} rules");
        forwarding(&guest)?.remove(&format!("tcp:127.0.0.1:{}", server.port()))?;
        is_refused(server)?;
        let rules = forwarding(&guest)?.list();
        ensure!(rules.is_empty(), "removed, and there is {rules:?}");
    }
    Ok(())
}

fn listed(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("listed.sock");
    let guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let unix = format!("unix:{}-:82", path.display());
    let rules = ["udp:127.0.0.1:0-:81", &unix, "tcp:[::1]:0-:83"];
    for rule in rules {
        forwarding(&guest)?.add(rule)?;
    }
    let list = forwarding(&guest)?.list();
    let bound: Vec<Option<IpAddr>> = list
        .iter()
        .map(|rule| rule.bound.first().map(SocketAddr::ip))
        .collect();
    let six = IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]);
    let expected = [Some(LOCALHOST), Some(LOCALHOST), None, Some(six)];
    ensure!(bound == expected, "{list:?}");
    forwarding(&guest)?.remove(&format!("unix:{}", path.display()))?;
    ensure!(!path.exists(), "{} is left behind", path.display());
    let left = forwarding(&guest)?.list().len();
    ensure!(left == 3, "{left} rules are left");
    Ok(())
}

fn not_there(mode: Mode) -> Outcome {
    let guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    for host_side in [
        "tcp:127.0.0.1:1",
        "udp:127.0.0.1:80",
        "unix:/nowhere",
        "tcp:80x",
    ] {
        let kind = forwarding(&guest)?.remove(host_side).err();
        let kind = kind.map(|error| error.kind());
        ensure!(kind == Some(ErrorKind::Config), "{host_side}: {kind:?}");
    }
    ensure!(forwarding(&guest)?.list().len() == 1, "something is gone");
    Ok(())
}

fn fails(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let server = super::hostfwd::bound(&guest)?;
    let rule = format!("tcp:127.0.0.1:{}-:81", server.port());
    let Err(error) = forwarding(&guest)?.add(&rule) else {
        return Err(failed("one port was bound twice"));
    };
    ensure!(error.to_string().contains(&rule), "{error}");
    for rule in [
        "tcp:127.0.0.1:80x-:81",
        "sctp::1-:1",
        "tcp:127.0.0.1:080-:1",
    ] {
        let kind = forwarding(&guest)?.add(rule).err();
        let kind = kind.map(|error| error.kind());
        ensure!(kind == Some(ErrorKind::Config), "{rule}: {kind:?}");
    }
    echo_in_guest(&mut guest, 80, move || connect(server)).map(drop)
}

fn outlives(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let server = super::hostfwd::bound(&guest)?;
    let socket = guest.listen(80)?;
    let mut client = connect(server)?;
    guest.accepted(socket)?;
    forwarding(&guest)?.remove(&format!("tcp:{server}"))?;
    is_refused(server)?;
    client.write_all(b"still here")?;
    let heard = guest.exchange(socket, b"", 10)?;
    crate::job::same("what the client says", &heard, b"still here")
}

fn described(mode: Mode) -> Outcome {
    let guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    add(&guest, "udp:127.0.0.1:0-:53")?;
    let described = guest.phy.wire.backend.describe().to_string();
    let rules = described.matches("hostfwd=").count();
    ensure!(rules == 2, "{described}");
    Ok(())
}

fn table(guest: &Guest) -> Outcome<Vec<Connection>> {
    Ok(forwarding(guest)?.connections())
}

fn connections(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let none = table(&guest)?;
    ensure!(none.is_empty(), "nobody has connected: {none:?}");
    let (server, job) = serve(LOCALHOST, echo)?;
    let outward = guest.connect(through_gateway(server))?;
    let inward = guest.listen(80)?;
    let client = connect(super::hostfwd::bound(&guest)?)?;
    guest.accepted(inward)?;
    let open = table(&guest)?;
    let of = |direction| open.iter().find(|it| it.direction == direction);
    let (out, into) = (
        of(ConnectionDirection::Outbound),
        of(ConnectionDirection::Inbound),
    );
    let (Some(out), Some(into)) = (out, into) else {
        return Err(failed(format!("one is missing in {open:?}")));
    };
    ensure!(open.len() == 2, "{open:?}");
    ensure!(
        out.protocol == ConnectionProtocol::Tcp
            && out.guest.ip() == IpAddr::from(GUEST)
            && out.guest.port() > 49_152
            && out.remote == Some(server),
        "{out:?} to {server}"
    );
    ensure!(
        into.guest == SocketAddr::new(GUEST.into(), 80)
            && into.remote == Some(client.local_addr()?)
            && into
                .rule
                .as_deref()
                .is_some_and(|rule| rule.starts_with("tcp:127.0.0.1:")),
        "{into:?} from {client:?}"
    );
    let state = into.state.as_deref();
    ensure!(state == Some("ESTABLISHED"), "{into:?}");
    guest.close(outward);
    guest.during(job)?;
    Ok(())
}

fn to_forward(mode: Mode) -> Outcome {
    let server = SocketAddr::new(Ipv4Addr::new(10, 0, 2, 100).into(), 1234);
    let directory = TempDir::new()?;
    let path = directory.path().join("told.sock");
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let unix = UnixListener::bind(&path)?;
    for target in [
        format!("tcp:{}", listener.local_addr()?),
        format!("unix:{}", path.display()),
        "cmd:cat".to_owned(),
    ] {
        let mut guest = Guest::open(mode, &format!("slirp:?guestfwd=tcp:{server}-{target}"))?;
        guest.connect(server)?;
        // The handshake is over for libslirp when its last segment has arrived.
        let open = guest.until("a connection in the table", |guest| {
            table(guest).ok().filter(|table| !table.is_empty())
        })?;
        ensure!(
            open.len() == 1
                && open.iter().all(|it| {
                    it.direction == ConnectionDirection::Outbound
                        && it.protocol == ConnectionProtocol::Tcp
                        && it.guest.ip() == IpAddr::from(GUEST)
                        && it.rule.is_none()
                }),
            "{target}: {open:?}"
        );
    }
    drop(unix);
    Ok(())
}

fn other_thread(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:")?;
    let (server, job) = serve(LOCALHOST, echo)?;
    let socket = guest.connect(SocketAddr::new(
        Ipv4Addr::new(10, 0, 2, 2).into(),
        server.port(),
    ))?;
    let Guest { phy, .. } = &guest;
    let forwarding = phy.wire.backend.port_forwarding();
    let forwarding = forwarding.ok_or_else(|| failed("it forwards no ports"))?;
    // The table is for whoever asks, while the queues are elsewhere.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| -> Outcome {
            for _ in 0..50 {
                let added = forwarding.add("tcp:127.0.0.1:0-:80")?;
                let bound = added.bound.first().copied();
                let bound = bound.ok_or_else(|| failed("bound to nothing"))?;
                forwarding.remove(&format!("tcp:{bound}"))?;
                let _picture = forwarding.connections();
            }
            Ok(())
        });
        thread.join().map_err(|_| failed("it panicked"))?
    })?;
    guest.close(socket);
    guest.during(job)?;
    Ok(())
}
