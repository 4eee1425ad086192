//! A guest: the kernel of this machine in a network namespace, and what joins it to the network of this process.

use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use net_backend::{Environment, Features, MacAddr};
use net_backend_tap::testing::{Interface, NetworkNamespace};

use super::super::field::with_mtu;
use super::client::{self, PATIENCE};
use super::entrant::MTU;
use super::peer::{Peer, TAP};
use super::process::Process;
use crate::demo::lab::{self, Cable};

/// The guest's interface, if no other program makes it.
const NAME: &str = "guest";
/// The host's end of a veth.
const VETH: &str = "veth-host";
const MAC: MacAddr = MacAddr::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// What peers call the host.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// Frames that may wait for whoever reads a tap: more than any window of TCP.
const QUEUE: u32 = 10_000;

/// A guest whose network works.
pub(in crate::bench) struct Guest {
    /// `None` for the network of this process.
    network: Option<NetworkNamespace>,
    /// The host, as the guest knows it.
    host: Ipv4Addr,
    joined: Joined,
}

/// How the guest gets to the host.
enum Joined {
    /// It is there.
    Already,
    /// By the library.
    Cable(Cable),
    /// By another program.
    Process(Process),
    /// By the kernel.
    Veth(Veth),
}

/// The host's end, which takes the other one with it.
struct Veth(Interface);

impl Guest {
    /// One behind a network of the library, with these offloads as far as it has them, and an IP MTU of so many bytes. The
    /// network says what addresses there are, by DHCP.
    ///
    /// # Errors
    ///
    /// If something of it cannot be made, or nobody answers; so all of these.
    pub(in crate::bench) fn behind(uri: &str, offloads: Features, mtu: u16) -> Result<Self> {
        let network = NetworkNamespace::new()?;
        let tap = network.run(move || -> Result<_> {
            let (tap, interface) = lab::open(NAME, &format!("mtu={mtu}&txqueuelen={QUEUE}"))?;
            interface.set_mac(MAC)?;
            Ok(tap)
        })?;
        let uri = match mtu {
            MTU => uri.parse()?,
            mtu => with_mtu(uri.parse()?, mtu),
        };
        let slirp = net_backend::open_uri(&uri, &Environment::default())
            .with_context(|| format!("cannot open {uri}"))?;
        let cable = Cable::new(tap, slirp, offloads)?;
        let lease = network.run(|| {
            let interface = Interface::named(NAME);
            let lease = interface.request_lease(MAC, PATIENCE)?;
            interface.apply_lease(&lease).map(|()| lease)
        });
        let router = lease.context("DHCP")?.router;
        Ok(Self {
            network: Some(network),
            host: router.context("DHCP names no router, which is what leads to the host")?,
            joined: Joined::Cable(cable),
        })
    }

    /// One behind another program's network, with an IP MTU of so many bytes.
    pub(in crate::bench) fn of(peer: Peer, mtu: u16) -> Result<Self> {
        let network = NetworkNamespace::new()?;
        let line = peer.line(Process::NAMESPACE, mtu);
        let mut process = Process::start(peer.name(), &line, network.path())?;
        let deadline = Instant::now() + PATIENCE;
        while !network.run(is_configured) {
            if let Some(why) = process.end() {
                bail!(why);
            }
            if Instant::now() > deadline {
                bail!("it makes no tap: {}", process.said());
            }
            thread::sleep(Duration::from_millis(2));
        }
        network.run(|| Interface::named(TAP).set_transmit_queue_length(QUEUE))?;
        Ok(Self {
            network: Some(network),
            host: GATEWAY,
            joined: Joined::Process(process),
        })
    }

    /// One at the other end of a veth. There can be one at a time.
    pub(in crate::bench) fn at_veth() -> Result<Self> {
        let [here, there] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let network = NetworkNamespace::new()?;
        let (near, far) = (Interface::named(VETH), Interface::named(NAME));
        near.add_veth(&far, &network)?;
        let veth = Veth(near);
        set_up(&veth.0, here)?;
        network.run(move || set_up(&far, there))?;
        Ok(Self {
            network: Some(network),
            host: here,
            joined: Joined::Veth(veth),
        })
    }

    /// The host itself.
    pub(in crate::bench) fn host() -> Self {
        Self {
            network: None,
            host: Ipv4Addr::LOCALHOST,
            joined: Joined::Already,
        }
    }

    /// Opens a connection to a server of the host.
    pub(in crate::bench) fn connect(&self, port: u16) -> Result<TcpStream> {
        self.run(move |host| client::connect(host, port))
    }

    /// Runs `job` in the guest, with the address of the host, and waits for it.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(Ipv4Addr) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let host = self.host;
        match &self.network {
            Some(network) => network.run(move || job(host)),
            None => job(host),
        }
    }

    /// Opens connections that answer once and then stay as they are.
    pub(in crate::bench) fn hold(&self, port: u16, count: usize) -> Result<Vec<TcpStream>> {
        self.run(move |host| {
            let open = || -> Result<TcpStream> {
                let stream = client::connect(host, port)?;
                client::round_trip(&mut &stream)?;
                Ok(stream)
            };
            let number = |number| open().with_context(|| format!("idle connection {number}"));
            (0..count).map(number).collect()
        })
    }

    /// The other program.
    pub(in crate::bench) fn process(&self) -> Option<&Process> {
        match &self.joined {
            Joined::Process(process) => Some(process),
            _ => None,
        }
    }

    /// Ends it after `error`, and asks whether what joined it to the host knows why.
    pub(super) fn explain(self, error: anyhow::Error) -> anyhow::Error {
        match self.joined {
            Joined::Cable(cable) => match cable.unplug() {
                Ok(()) => error,
                Err(why) => anyhow!("{why:#}, and then {error:#}"),
            },
            Joined::Process(mut process) => match process.end() {
                None => error,
                Some(why) => anyhow!("{why}, and then {error:#}"),
            },
            Joined::Veth(veth) => {
                drop(veth);
                error
            }
            Joined::Already => error,
        }
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        // It may have gone with the namespace.
        let _gone = self.0.delete();
    }
}

fn set_up(interface: &Interface, address: Ipv4Addr) -> Result<()> {
    interface.disable_ipv6()?;
    interface.set_ipv4(address, 24)?;
    Ok(interface.set_up()?)
}

/// Whether there is a way to the host in the network of this thread.
fn is_configured() -> bool {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    // Nothing is sent by that.
    socket.is_ok_and(|it| it.connect((GATEWAY, 1)).is_ok())
}
