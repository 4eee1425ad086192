//! Where servers are: in this process's network, or behind a tap in one of their own.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use net_backend_tap::testing::{Interface, NetworkNamespace};

use super::client::Client;
use super::host::Host;

/// The servers of a row. Nothing is there before it is asked for.
pub(in crate::bench) struct Site {
    duration: Duration,
    shared: Option<Rc<Host>>,
}

/// The far end of a network stack.
pub(in crate::bench) struct Far {
    pub(in crate::bench) host: Rc<Host>,
    /// Ends after the servers in it.
    _network: Option<NetworkNamespace>,
}

/// Somebody who is being measured. Dropped, both ends go, the near one first.
pub(in crate::bench) struct Running {
    pub(in crate::bench) client: Box<dyn Client>,
    pub(in crate::bench) far: Far,
}

impl Site {
    /// The gateway, where a network has one at a tap.
    pub(in crate::bench) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
    /// Its guest.
    pub(in crate::bench) const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
    /// Bits of the network's prefix.
    pub(in crate::bench) const PREFIX: u8 = 24;

    /// Servers that send for `duration` when they are asked to.
    pub(in crate::bench) fn new(duration: Duration) -> Self {
        Self {
            duration,
            shared: None,
        }
    }

    /// Servers in this thread's network, the same for all.
    ///
    /// # Errors
    ///
    /// If they cannot be started.
    pub(in crate::bench) fn here(&mut self) -> Result<Far> {
        let host = match &self.shared {
            Some(host) => Rc::clone(host),
            None => Rc::new(Host::start(self.duration)?),
        };
        self.shared = Some(Rc::clone(&host));
        Ok(Far {
            host,
            _network: None,
        })
    }

    /// Servers in a network of their own, with a kernel's TCP and an interface to the guest as the [`GATEWAY`](Self::GATEWAY).
    /// `open` runs in this network, and makes the interface and whatever the guest is plugged into.
    ///
    /// # Errors
    ///
    /// If there can be no such network, or what `open` says.
    pub(in crate::bench) fn behind<T: Send + 'static>(
        &self,
        open: impl FnOnce() -> Result<(T, Interface)> + Send + 'static,
    ) -> Result<(T, Far)> {
        let duration = self.duration;
        let network = NetworkNamespace::new()?;
        let (plug, host) = network.run(move || -> Result<_> {
            let (plug, interface) = open()?;
            interface.disable_ipv6()?;
            interface.set_ipv4(Self::GATEWAY, Self::PREFIX)?;
            Ok((plug, Host::start(duration)?))
        })?;
        let far = Far {
            host: Rc::new(host),
            _network: Some(network),
        };
        Ok((plug, far))
    }
}
