//! A guest: a network namespace with a tap that is joined to a backend.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use net_backend_core::{Environment, Features, MacAddr, Registry};
use net_backend_slirp::DRIVER;
use net_backend_tap::testing::{Interface, Lease, NetworkNamespace};

use crate::cable::{Cable, OFFLOADS, Passed};
use crate::harness::Outcome;

/// Address of the guest's NIC.
pub(crate) const MAC: MacAddr = MacAddr::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// The host, as the guest knows it.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// How long anything may take to get through.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How a guest is set up.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The value of the option `thread`.
    pub(crate) thread: &'static str,
    /// More options of the URI.
    pub(crate) options: &'static str,
    pub(crate) features: Features,
    /// Whether its TCP uses timestamps and selective acknowledgements.
    pub(crate) modern: bool,
    /// For a bad cable.
    pub(crate) noise: Option<u64>,
}

impl Setting {
    pub(crate) fn with_offloads() -> Self {
        Self {
            thread: "own",
            options: "",
            features: OFFLOADS,
            modern: true,
            noise: None,
        }
    }

    pub(crate) fn plain() -> Self {
        Self {
            features: Features::empty(),
            ..Self::with_offloads()
        }
    }
}

/// A guest that is up.
pub(crate) struct Guest {
    pub(crate) network: NetworkNamespace,
    pub(crate) interface: Interface,
    /// Where the forwarding rules are bound.
    pub(crate) bound: Vec<SocketAddr>,
    cable: Cable,
}

impl Guest {
    /// A guest with the address that DHCP gives it.
    pub(crate) fn new(setting: &Setting) -> Outcome<Self> {
        let guest = Self::without_address(setting)?;
        let lease = guest.request_lease()?;
        let interface = guest.interface.clone();
        guest.network.run(move || interface.apply_lease(&lease))?;
        Ok(guest)
    }

    /// A guest whose tap is joined to the backend, and has no address yet.
    pub(crate) fn without_address(setting: &Setting) -> Outcome<Self> {
        let network = NetworkNamespace::new()?;
        let modern = if setting.modern { "1" } else { "0" };
        let tap = network.run(move || -> Outcome<_> {
            // Settings of the namespace, as its own thread sees them.
            fs::write("/proc/sys/net/ipv4/tcp_timestamps", modern)?;
            fs::write("/proc/sys/net/ipv4/tcp_sack", modern)?;
            let registry = Registry::new([&net_backend_tap::DRIVER]);
            let uri = "tap:guest?mtu=1500&txqueuelen=10000";
            let tap = registry.open(uri, &Environment::default())?;
            let interface = Interface::named("guest");
            interface.disable_ipv6()?;
            interface.set_mac(MAC)?;
            Ok(tap)
        })?;
        let uri = format!("slirp:?thread={}{}", setting.thread, setting.options);
        let slirp = Registry::new([&DRIVER]).open(&uri, &Environment::default())?;
        let rules = slirp.port_forwarding().map(|forwards| forwards.list());
        let rules = rules.unwrap_or_default().into_iter();
        let bound = rules.flat_map(|rule| rule.bound).collect();
        Ok(Self {
            network,
            interface: Interface::named("guest"),
            bound,
            cable: Cable::new(tap, slirp, setting.features, setting.noise)?,
        })
    }

    /// Asks for an address.
    pub(crate) fn request_lease(&self) -> Outcome<Lease> {
        let interface = self.interface.clone();
        let lease = self
            .network
            .run(move || interface.request_lease(MAC, PATIENCE));
        Ok(lease?)
    }

    /// Opens a connection.
    pub(crate) fn connect(&self, to: SocketAddr) -> Outcome<TcpStream> {
        let connected = self
            .network
            .run(move || TcpStream::connect_timeout(&to, PATIENCE));
        Ok(connected?)
    }

    /// Ends the cable, and tells what went over it.
    pub(crate) fn unplug(self) -> Outcome<Passed> {
        self.cable.unplug()
    }
}
