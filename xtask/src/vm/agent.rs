//! What `cargo xtask vm` asks of the agent in a guest, and what that answers. Each is a line of JSON on a serial port.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Where the guest serves [`GREETING`] by HTTP, on all of its addresses.
pub(crate) const PORT: u16 = 80;

/// What the guest's page says.
pub(crate) const GREETING: &str = "hello from the guest";

/// Something to do. The NIC is the guest's only one.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Request {
    /// Get an address by DHCP and use it: [`Answer::Addresses`].
    Lease,
    /// Get addresses of IPv6, with one in a network that a router told of if `global`: [`Answer::Addresses`].
    Ipv6 {
        /// Wait for a router.
        global: bool,
    },
    /// Send echo requests with so many bytes until one is answered: [`Answer::Text`], the time.
    Ping {
        /// Whom.
        address: Ipv4Addr,
        /// Bytes behind the header of ICMP.
        payload: usize,
    },
    /// Fetch a page by HTTP: [`Answer::Text`].
    Page(SocketAddr),
    /// Do all of these at once, and compare every byte.
    Transfer(Vec<Transfer>),
    /// Wait until the NIC has a carrier, or has none.
    Carrier(bool),
    /// Take the NIC from its driver, or give it back.
    Driver(bool),
    /// What ethtool calls features: [`Answer::Features`].
    Features,
    /// Switch features, by their names.
    SwitchFeatures {
        /// As the kernel spells them.
        names: Vec<String>,
        /// On or off.
        on: bool,
    },
    /// Use so many queue pairs, or leave it: [`Answer::Channels`].
    Channels(Option<u32>),
    /// What the driver counts: [`Answer::Counts`].
    Statistics,
    /// Set the IP MTU.
    Mtu(u16),
    /// Start again, as after reboot(8).
    Restart,
}

/// A TCP connection that the guest makes.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Transfer {
    /// Where to.
    pub(crate) address: SocketAddr,
    /// Whether the guest sends; otherwise it receives.
    pub(crate) upload: bool,
    /// How many.
    pub(crate) bytes: u64,
    /// Which bytes: [`pattern`](super::pattern).
    pub(crate) seed: u64,
}

/// What came of a request.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Answer {
    /// Nothing to tell.
    Done,
    /// For people, or the content of a page.
    Text(String),
    /// Of the NIC.
    Addresses(Vec<IpAddr>),
    /// Of the NIC, with those that cannot be changed.
    Features(Vec<Feature>),
    /// Queue pairs.
    Channels {
        /// In use.
        used: u32,
        /// That the NIC has.
        most: u32,
    },
    /// By name.
    Counts(BTreeMap<String, u64>),
}

/// Something that a NIC can do, or the kernel instead.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Feature {
    /// As the kernel spells it.
    pub(crate) name: String,
    /// Whether it is on.
    pub(crate) active: bool,
    /// Whether it can be switched.
    pub(crate) changeable: bool,
}

/// A line of the agent.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Line {
    /// It has started, on this version of Linux.
    Ready(String),
    /// To the request before.
    Answer(Result<Answer, String>),
}
