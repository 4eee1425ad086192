//! The rest of the process has used up the descriptors: what needs some waits, without work, and what needs none goes on.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use net_backend_core::{DropReason, Sent};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use super::dhcp::discover;
use super::hostfwd::{LOCALHOST, bound};
use super::policy::settle;
use super::tcp::through_gateway;
use crate::guest::{GATEWAY6, GUEST6, Guest};
use crate::handshake::{Begun, syn};
use crate::harness::{Case, Mode, Outcome, ensure, run_alone};
use crate::job::{connect, same};
use crate::machine::FEW;
use crate::packets::{GUEST, GUEST_MAC, ICMP6, Packet, neighbour_solicitation, ping};
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new("descriptors/a-connection-to-a-port-waits-for-one", |mode| {
        run_alone(mode, "few/port-waits", &[(FEW, "1")]).map(drop)
    }),
    Case::new(
        "descriptors/a-connection-to-a-unix-socket-waits-for-some",
        |mode| run_alone(mode, "few/unix-waits", &[(FEW, "1")]).map(drop),
    ),
    Case::new(
        "descriptors/dhcp-and-pings-of-the-gateway-need-none",
        |mode| run_alone(mode, "few/served", &[(FEW, "1")]).map(drop),
    ),
];

/// What runs in a process that has few descriptors.
pub(super) const IN_FEW: &[Case] = &[
    Case::new("few/port-waits", port_waits),
    Case::new("few/unix-waits", unix_waits),
    Case::new("few/served", served),
];

fn port_waits(mode: Mode) -> Outcome {
    let mut guest = Guest::open(mode, "slirp:?hostfwd=tcp:127.0.0.1:0-:80")?;
    let server = bound(&guest)?;
    waits(&mut guest, || connect(server))
}

fn unix_waits(mode: Mode) -> Outcome {
    let directory = TempDir::new()?;
    let path = directory.path().join("waits.sock");
    let uri = format!("slirp:?hostfwd=unix:{}-:80", path.display());
    let mut guest = Guest::open(mode, &uri)?;
    waits(&mut guest, || Ok(UnixStream::connect(&path)?))
}

/// A client comes while there is no descriptor for it, or one, which is not enough for a unix socket.
fn waits<S: Write>(guest: &mut Guest, client: impl Fn() -> Outcome<S>) -> Outcome {
    for left in [1, 0] {
        let socket = guest.listen(80)?;
        guest.step()?;
        let others = use_up_all_but(left + 1);
        let mut client = client()?;
        idles(guest)?;
        drop(others);
        guest.accepted(socket)?;
        client.write_all(b"at last")?;
        let mut heard = Vec::new();
        guest.until("what the client says", |guest| {
            guest.take(socket, &mut heard);
            (heard.len() == 7).then_some(())
        })?;
        same("what it says", &heard, b"at last")?;
        guest.remove(socket);
    }
    Ok(())
}

/// Takes all descriptors that this process may have, but so many.
fn use_up_all_but(left: usize) -> Vec<File> {
    let mut files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    files.truncate(files.len().saturating_sub(left));
    files
}

/// The processor does something else than to look again and again.
fn idles(guest: &mut Guest) -> Outcome {
    let spent = || Duration::try_from(clock_gettime(ClockId::ProcessCPUTime));
    let cannot = |_| crate::harness::failed("a time before all times");
    let before = spent().map_err(cannot)?;
    let _frames = guest.within(Duration::from_millis(500), |_| None::<()>)?;
    let spent = spent().map_err(cannot)? - before;
    ensure!(
        spent < Duration::from_millis(200),
        "{spent:?} of work in 500 ms without any"
    );
    Ok(())
}

fn served(mode: Mode) -> Outcome {
    let listener = TcpListener::bind((LOCALHOST, 0))?;
    let server = through_gateway(listener.local_addr()?);
    let mut wire = Wire::open(mode, "slirp:")?;
    settle(&mut wire)?;
    wire.send(&neighbour_solicitation(GUEST6, GATEWAY6))?;
    let _others = use_up_all_but(1);
    let from = |port| SocketAddr::new(GUEST.into(), port);
    wire.send(&syn(from(2000), server, &[]))?;
    wire.expect("a connection with the last one", Begun::of)?;
    // Libslirp itself sees to none of these.
    let outside = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    for (what, frame) in [
        ("a SYN", syn(from(2001), server, &[])),
        ("a ping", ping(GUEST.into(), [192, 0, 2, 1].into(), 1, b"?")),
        ("an IPv6 ping", ping(GUEST6.into(), outside, 1, b"?")),
    ] {
        let sent = wire.offer(&Default::default(), &frame)?;
        let refused = Sent::Dropped(DropReason::Policy);
        ensure!(sent == refused, "{what} without descriptors: {sent:?}");
    }
    settle(&mut wire)?;
    wire.send(&ping(GUEST6.into(), GATEWAY6.into(), 2, b"there?"))?;
    wire.expect("an answer over IPv6", |arrived| {
        let packet = Packet::of(&arrived.bytes)?;
        (packet.protocol == ICMP6 && packet.transport.first() == Some(&129)).then_some(())
    })?;
    discover(&mut wire, GUEST_MAC).map(drop)
}
