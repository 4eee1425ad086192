//! The host's side of a guest's network: a namespace with the daemon, QEMU, and servers for the guest in it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use net_backend::MacAddr;
use net_backend_tap::testing::{Interface, NetworkNamespace};

use super::dhcp::DhcpServer;
use super::wire::{FORWARDED, TAP, Wire};
use super::{page, pattern};

/// The tap's own address, so that the guest need not learn another one when the daemon makes the tap again.
const MAC: MacAddr = MacAddr::new([2, 0, 0, 0, 0, 1]);

/// How often it is looked whether something has happened.
const PAUSE: Duration = Duration::from_millis(20);

/// A network that nothing else of this machine is in.
pub(super) struct Host {
    network: NetworkNamespace,
    wire: Wire,
    dhcp: Option<DhcpServer>,
}

impl Host {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn new(wire: Wire) -> Result<Self> {
        Ok(Self {
            network: NetworkNamespace::new()?,
            wire,
            dhcp: None,
        })
    }

    /// Starts a program in it.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub(super) fn spawn(&self, mut command: Command) -> Result<Child> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = self.network.run(move || command.spawn());
        child.with_context(|| format!("cannot start {name}"))
    }

    /// Gives the tap that the daemon made the host's address, and serves DHCP on it. Nothing to do without a tap.
    ///
    /// # Errors
    ///
    /// If there is no tap, or the system refuses.
    pub(super) fn dress(&mut self) -> Result<()> {
        if self.wire != Wire::Tap {
            return Ok(());
        }
        let (host, serve) = (self.wire.host(), self.dhcp.is_none());
        let server = self.network.run(move || -> Result<_> {
            let tap = Interface::named(TAP);
            wait(|| tap.exists()).with_context(|| format!("the daemon makes no {TAP}"))?;
            tap.set_mac(MAC)?;
            tap.set_up()?;
            tap.set_ipv4(host, 24)?;
            tap.set_default_route(None)?;
            tap.enable_ipv6()?;
            Ok(if serve {
                Some(DhcpServer::start(host)?)
            } else {
                None
            })
        })?;
        self.dhcp = self.dhcp.take().or(server);
        Ok(())
    }

    /// Sets the MTU of the tap.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(super) fn set_mtu(&self, mtu: u16) -> Result<()> {
        let set = self.network.run(move || Interface::named(TAP).set_mtu(mtu));
        Ok(set?)
    }

    /// The host, as the guest knows it.
    ///
    /// # Errors
    ///
    /// If the tap has no address of IPv6.
    pub(super) fn address(&self, ipv6: bool) -> Result<IpAddr> {
        match (ipv6, self.wire.host6()) {
            (false, _) => Ok(self.wire.host().into()),
            (true, Some(address)) => Ok(address.into()),
            (true, None) => {
                let addresses = self
                    .network
                    .run(|| Interface::named(TAP).ipv6_addresses())?;
                let local = addresses.into_iter().find(Ipv6Addr::is_unicast_link_local);
                local.map(IpAddr::V6).context("the host's tap has no IPv6")
            }
        }
    }

    /// Serves the next client with `work`; returns where the guest finds it, and who tells how it went.
    ///
    /// # Errors
    ///
    /// If it cannot listen.
    pub(super) fn serve(
        &self,
        ipv6: bool,
        work: impl FnOnce(&TcpStream) -> Result<()> + Send + 'static,
    ) -> Result<(SocketAddr, Service)> {
        let place = self.wire.listen(ipv6);
        let listener = self.network.run(move || TcpListener::bind((place, 0)))?;
        let address = SocketAddr::new(self.address(ipv6)?, listener.local_addr()?.port());
        listener.set_nonblocking(true)?;
        let thread = thread::spawn(move || {
            let stream = accept(&listener)?;
            stream.set_nonblocking(false)?;
            work(&stream)
        });
        Ok((address, Service(thread)))
    }

    /// Fetches the guest's page through the port that is forwarded to it.
    ///
    /// # Errors
    ///
    /// If it does not come.
    pub(super) fn fetch(&self) -> Result<String> {
        let address = SocketAddr::from(([127, 0, 0, 1], FORWARDED));
        let connect = move || TcpStream::connect_timeout(&address, pattern::PATIENCE);
        page::fetch(&self.network.run(connect)?, pattern::PATIENCE)
    }
}

/// What serves one client of the guest.
pub(super) struct Service(JoinHandle<Result<()>>);

impl Service {
    /// Whether it is done.
    pub(super) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }

    /// Waits until it is done.
    ///
    /// # Errors
    ///
    /// Its own.
    pub(super) fn finish(self) -> Result<()> {
        let outcome = self.0.join();
        outcome.map_err(|_| anyhow!("a server of the host panicked"))?
    }
}

fn accept(listener: &TcpListener) -> Result<TcpStream> {
    let start = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        ensure!(
            start.elapsed() < pattern::PATIENCE,
            "the guest does not connect"
        );
        thread::sleep(PAUSE);
    }
}

/// Waits until something is so.
///
/// # Errors
///
/// If it takes too long.
pub(super) fn wait(mut is_so: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_so() {
        ensure!(start.elapsed() < pattern::PATIENCE, "it takes too long");
        thread::sleep(PAUSE);
    }
    Ok(())
}
