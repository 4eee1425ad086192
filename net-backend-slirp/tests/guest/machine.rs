//! What this machine lends to the tests: a network and a resolver configuration of their own, where it may.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::OnceLock;
use std::thread::Builder;

use net_backend_tap::testing::{Interface, enter_private_network};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Outcome, skipped};
use crate::sys::shadow;

/// An address of the host that is not of its loopback (TEST-NET-1, RFC 5737).
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// In the environment of a process that has few descriptors.
pub(crate) const FEW: &str = "NET_BACKEND_SLIRP_FEW";
/// How many those are.
const FEW_DESCRIPTORS: u64 = 128;

static MACHINE: OnceLock<Machine> = OnceLock::new();

/// Why something is not there, if it is not.
struct Machine {
    network: Result<(), String>,
    pings: Result<(), String>,
    resolver: Result<(), String>,
}

/// Takes what there is. Call it before there is a second thread.
pub(crate) fn prepare() {
    let _first = MACHINE.set(Machine::prepare());
    let limit = getrlimit(Resource::Nofile);
    let current = match has_few_descriptors() {
        true => Some(FEW_DESCRIPTORS),
        false => limit.maximum,
    };
    // Without as many, some cases are skipped.
    let _kept = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
}

/// Whether this process is one that has few descriptors.
pub(crate) fn has_few_descriptors() -> bool {
    std::env::var_os(FEW).is_some()
}

/// An address of this machine that is not of its loopback.
pub(crate) fn outside() -> Outcome<Ipv4Addr> {
    has(|machine| &machine.network)?;
    Ok(OUTSIDE)
}

/// Skips the case where libslirp cannot send pings.
pub(crate) fn may_ping() -> Outcome {
    has(|machine| &machine.pings)
}

/// Skips the case where libslirp asks a name server that is not ours.
pub(crate) fn has_name_server() -> Outcome {
    has(|machine| &machine.resolver)
}

/// How many connections may wait at a listener, whatever it asks for.
const WAITING: &str = "/proc/sys/net/core/somaxconn";

/// While it is there, few connections may wait at listeners that begin. Only for cases that run alone.
pub(crate) struct ShortQueues {
    before: String,
}

impl ShortQueues {
    pub(crate) fn new(most: usize) -> Outcome<Self> {
        has(|machine| &machine.network)?;
        let cannot = |error| skipped(format!("{WAITING} cannot be changed: {error}"));
        let before = std::fs::read_to_string(WAITING).map_err(cannot)?;
        std::fs::write(WAITING, most.to_string()).map_err(cannot)?;
        Ok(Self { before })
    }
}

impl Drop for ShortQueues {
    fn drop(&mut self) {
        // It could be changed before.
        let _kept = std::fs::write(WAITING, &self.before);
    }
}

fn has(what: fn(&Machine) -> &Result<(), String>) -> Outcome {
    match MACHINE.get().map(what) {
        Some(Ok(())) => Ok(()),
        Some(Err(reason)) => Err(skipped(reason)),
        None => Err(skipped("nothing was prepared")),
    }
}

impl Machine {
    fn prepare() -> Self {
        let network = enter_private_network()
            .and_then(|()| Interface::named("lo:1").set_ipv4(OUTSIDE, 32))
            .map_err(|error| format!("no network of its own: {error}"));
        let pings = network.clone().and_then(|()| {
            let range = "/proc/sys/net/ipv4/ping_group_range";
            std::fs::write(range, "0 0").map_err(|error| format!("writing {range}: {error}"))
        });
        let resolver = network.clone().and_then(|()| {
            name_server().map_err(|error| format!("no name server of its own: {error}"))
        });
        Self {
            network,
            pings,
            resolver,
        }
    }
}

/// What the name server says to every question, behind the question itself.
pub(crate) const ANSWER: &[u8] = b"ask the host";

/// Starts a name server, and makes it the first of `/etc/resolv.conf`.
fn name_server() -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new()?;
    writeln!(file, "nameserver 127.0.0.1\nnameserver ::1")?;
    shadow(Path::new("/etc/resolv.conf"), file.path())?;
    // The mount keeps the file; its name may go.
    file.close()?;
    for address in ["127.0.0.1", "::1"] {
        let address: IpAddr = address.parse().map_err(std::io::Error::other)?;
        let address = SocketAddr::new(address, 53);
        let (datagrams, streams) = (UdpSocket::bind(address)?, TcpListener::bind(address)?);
        let start = |work: Box<dyn FnOnce() + Send>| Builder::new().spawn(work);
        start(Box::new(move || answer_datagrams(&datagrams)))?;
        start(Box::new(move || answer_streams(&streams)))?;
    }
    Ok(())
}

fn answer_datagrams(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let question = buffer.get(..length).unwrap_or_default();
        let _gone = socket.send_to(&[question, ANSWER].concat(), from);
    }
}

fn answer_streams(listener: &TcpListener) {
    for mut stream in listener.incoming().flatten() {
        let mut question = [0; 512];
        let length = std::io::Read::read(&mut stream, &mut question).unwrap_or(0);
        let question = question.get(..length).unwrap_or_default();
        let _gone = stream.write_all(&[question, ANSWER].concat());
    }
}
