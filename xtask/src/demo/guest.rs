//! A guest: the kernel of this machine in a network namespace, with a tap that is joined to `slirp:`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use net_backend::{Features, MacAddr};
use net_backend_tap::testing::{Interface, Lease, NetworkNamespace};

use super::lab::{self, Cable};
use super::traffic::PATIENCE;

/// The host, as the guest knows it.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub(super) const HOST6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
/// Where the guest serves its page.
pub(super) const PORT: u16 = 80;
/// What is opened: the host chooses the port that leads into the guest.
pub(super) const URI: &str = "slirp:?hostfwd=tcp:127.0.0.1:0-:80";

const NAME: &str = "guest";
const MAC: MacAddr = MacAddr::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

/// A guest whose tap is plugged in.
pub(super) struct Guest {
    pub(super) network: NetworkNamespace,
    /// The port of the host that leads into it.
    pub(super) forwarded: SocketAddr,
    cable: Cable,
}

impl Guest {
    /// Makes one whose cable can do these offloads.
    ///
    /// # Errors
    ///
    /// If namespace, tap or network cannot be made.
    pub(super) fn new(offloads: Features) -> Result<Self> {
        let network = NetworkNamespace::new()?;
        let tap = network.run(|| -> Result<_> {
            let (tap, interface) = lab::open(NAME, "mtu=1500&txqueuelen=10000")?;
            interface.set_mac(MAC)?;
            Ok(tap)
        })?;
        let slirp = net_backend::open(URI).with_context(|| format!("cannot open {URI}"))?;
        let forwards = slirp.port_forwarding().map(|forwards| forwards.list());
        let bound = forwards.unwrap_or_default().into_iter();
        let forwarded = bound.flat_map(|rule| rule.bound).next();
        Ok(Self {
            network,
            forwarded: forwarded.context("no port leads into the guest")?,
            cable: Cable::new(tap, slirp, offloads)?,
        })
    }

    /// Gets an address by DHCP.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub(super) fn configure(&self) -> Result<Lease> {
        let lease = self.network.run(|| {
            let interface = Interface::named(NAME);
            let lease = interface.request_lease(MAC, PATIENCE)?;
            interface.apply_lease(&lease).map(|()| lease)
        });
        lease.context("DHCP")
    }

    /// Gets an address of IPv6 from the router; `None` if this kernel has no IPv6, or nothing comes.
    pub(super) fn configure_ipv6(&self) -> Option<Ipv6Addr> {
        /// From the beginning of its addresses on, the network is the router's.
        const PREFIX: usize = 4;
        let start = Instant::now();
        self.network.run(move || {
            let interface = Interface::named(NAME);
            interface.enable_ipv6().ok()?;
            while start.elapsed() < PATIENCE {
                let addresses = interface.ipv6_addresses().ok()?;
                let is_global =
                    |it: &Ipv6Addr| it.segments()[..PREFIX] == HOST6.segments()[..PREFIX];
                if let Some(address) = addresses.into_iter().find(is_global) {
                    return Some(address);
                }
                thread::sleep(Duration::from_millis(5));
            }
            None
        })
    }

    /// Pulls the plug.
    ///
    /// # Errors
    ///
    /// If the cable broke before.
    pub(super) fn unplug(self) -> Result<Features> {
        let features = self.cable.features();
        self.cable.unplug()?;
        Ok(features)
    }
}
