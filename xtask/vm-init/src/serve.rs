//! The agent: does what it is asked on a serial port, and answers there.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use net_backend_tap::testing::{IcmpSocket, Interface};
use rustix::system::{RebootCommand, reboot};
use rustix::termios::tcdrain;

use crate::agent::{Answer, GREETING, Line, PORT, Request, Transfer};
use crate::pattern::PATIENCE;
use crate::sys::ethtool;
use crate::{page, pattern};

/// The guest's only NIC: nobody gives it another name.
const NIC: &str = "eth0";

/// Where the NIC's driver is told.
const DRIVER: &str = "/sys/bus/virtio/drivers/virtio_net";

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(20);

/// Serves until it is asked to start again, or nobody is there to ask any more.
///
/// # Errors
///
/// If the port cannot be read or written.
pub(crate) fn serve(port: &mut File) -> Result<()> {
    let pages = TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)).context("cannot serve pages")?;
    thread::spawn(move || serve_pages(&pages));
    let version = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    say(port, &Line::Ready(version.trim().to_owned()))?;
    let requests = BufReader::new(port.try_clone()?);
    let mut agent = Agent::default();
    for line in requests.lines() {
        let outcome = match serde_json::from_str(&line?) {
            Ok(Request::Restart) => {
                say(port, &Line::Answer(Ok(Answer::Done)))?;
                reboot(RebootCommand::Restart)?;
                bail!("the machine goes on");
            }
            Ok(request) => agent.answer(request),
            Err(error) => Err(anyhow!("not understood: {error}")),
        };
        let outcome = outcome.map_err(|error| format!("{error:#}"));
        say(port, &Line::Answer(outcome))?;
    }
    Ok(())
}

fn say(port: &mut File, line: &Line) -> Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    port.write_all(&text)?;
    Ok(tcdrain(&*port)?)
}

fn serve_pages(listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        // Whoever asked notices.
        thread::spawn(move || drop(page::serve(&stream, PATIENCE, GREETING)));
    }
}

/// What the agent remembers from one request to the next.
#[derive(Debug, Default)]
struct Agent {
    /// The device that the driver was taken from, as the virtio bus calls it.
    unbound: Option<String>,
}

impl Agent {
    fn answer(&mut self, request: Request) -> Result<Answer> {
        let nic = Interface::named(NIC);
        match request {
            Request::Lease => lease(&nic),
            Request::Ipv6 { global } => ipv6(&nic, global),
            Request::Ping { address, payload } => ping(address, payload),
            Request::Page(address) => Ok(Answer::Text(page::fetch(&connect(address)?, PATIENCE)?)),
            Request::Transfer(transfers) => transfer_all(transfers),
            Request::Carrier(wanted) => carrier(wanted),
            Request::Driver(bound) => self.driver(bound),
            Request::Features => Ok(Answer::Features(ethtool::features(NIC)?)),
            Request::SwitchFeatures { names, on } => done(ethtool::switch(NIC, &names, on)),
            Request::Channels(wanted) => channels(wanted),
            Request::Statistics => Ok(Answer::Counts(ethtool::statistics(NIC)?)),
            Request::Mtu(mtu) => done(nic.set_mtu(mtu)),
            Request::Restart => bail!("restarts are not answered"),
        }
    }

    fn driver(&mut self, bound: bool) -> Result<Answer> {
        if bound {
            let device = self.unbound.take().context("no driver was taken away")?;
            fs::write(Path::new(DRIVER).join("bind"), device)?;
        } else {
            let device = fs::canonicalize(of_nic("device"))?;
            let device = device.file_name().unwrap_or_default().to_string_lossy();
            fs::write(Path::new(DRIVER).join("unbind"), device.as_bytes())?;
            self.unbound = Some(device.into_owned());
            ensure!(!of_nic("address").exists(), "the NIC is still there");
        }
        Ok(Answer::Done)
    }
}

fn done(outcome: std::io::Result<()>) -> Result<Answer> {
    outcome?;
    Ok(Answer::Done)
}

fn lease(nic: &Interface) -> Result<Answer> {
    wait("no NIC appears", || {
        Ok(of_nic("address").exists().then_some(()))
    })?;
    // Until it is asked for.
    nic.disable_ipv6()?;
    nic.set_up()?;
    carrier(true)?;
    let address = fs::read_to_string(of_nic("address"))?;
    let lease = nic.request_lease(address.trim().parse()?, PATIENCE)?;
    nic.apply_lease(&lease)?;
    let servers = lease.name_servers.iter().copied();
    let addresses = [lease.address]
        .into_iter()
        .chain(lease.router)
        .chain(servers);
    Ok(Answer::Addresses(addresses.map(IpAddr::V4).collect()))
}

fn ipv6(nic: &Interface, global: bool) -> Result<Answer> {
    nic.enable_ipv6()?;
    let addresses = wait("no address of IPv6 arrives", || {
        let addresses = nic.ipv6_addresses()?;
        let is_global = |it: &Ipv6Addr| !it.is_unicast_link_local();
        let enough = addresses.iter().any(|it| !global || is_global(it));
        Ok(enough.then_some(addresses))
    })?;
    let addresses = addresses.into_iter().map(IpAddr::V6);
    Ok(Answer::Addresses(addresses.collect()))
}

fn ping(address: Ipv4Addr, payload: usize) -> Result<Answer> {
    let mut socket = IcmpSocket::new()?;
    let time = wait("no answer to an echo request", || {
        match socket.ping(address, payload, Duration::from_secs(1)) {
            // While the link comes up, neighbours are unknown.
            Err(error) if error.kind() == ErrorKind::HostUnreachable => Ok(None),
            other => Ok(other?),
        }
    })?;
    let milliseconds = time.as_secs_f64() * 1e3;
    Ok(Answer::Text(format!("{milliseconds:.1} ms")))
}

fn transfer_all(transfers: Vec<Transfer>) -> Result<Answer> {
    let threads: Vec<_> = transfers
        .into_iter()
        .map(|it| thread::spawn(move || transfer(&it)))
        .collect();
    for thread in threads {
        let outcome = thread.join();
        outcome.map_err(|_| anyhow!("a transfer panicked"))??;
    }
    Ok(Answer::Done)
}

fn transfer(it: &Transfer) -> Result<()> {
    let stream = connect(it.address)?;
    if it.upload {
        pattern::send(&stream, it.seed, it.bytes).context("upload")
    } else {
        pattern::receive(&stream, it.seed, it.bytes).context("download")
    }
}

fn connect(mut address: SocketAddr) -> Result<TcpStream> {
    if let SocketAddr::V6(address) = &mut address {
        if address.ip().is_unicast_link_local() {
            address.set_scope_id(fs::read_to_string(of_nic("ifindex"))?.trim().parse()?);
        }
    }
    let stream = TcpStream::connect_timeout(&address, PATIENCE);
    stream.with_context(|| format!("no connection to {address}"))
}

fn carrier(wanted: bool) -> Result<Answer> {
    let fault = if wanted {
        "the NIC gets no carrier"
    } else {
        "the NIC keeps its carrier"
    };
    wait(fault, || {
        let carrier = fs::read_to_string(of_nic("carrier"))?;
        Ok((carrier.trim() == if wanted { "1" } else { "0" }).then_some(()))
    })?;
    Ok(Answer::Done)
}

fn channels(wanted: Option<u32>) -> Result<Answer> {
    if let Some(count) = wanted {
        ethtool::set_channels(NIC, count)?;
    }
    let (used, most) = ethtool::channels(NIC)?;
    Ok(Answer::Channels { used, most })
}

fn of_nic(file: &str) -> PathBuf {
    Path::new("/sys/class/net").join(NIC).join(file)
}

/// Looks until there is something.
fn wait<T>(fault: &'static str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        ensure!(start.elapsed() < PATIENCE, "{fault}");
        thread::sleep(PAUSE);
    }
}
