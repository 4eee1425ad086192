use std::net::{Ipv4Addr, Ipv6Addr};

use net_backend_core::Uri;

use super::with;

/// The guest's IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ipv4Config {
    /// The first address of the network.
    pub network: Ipv4Addr,
    /// Bits of an address that are the network's: 4 to 27, without DHCP to 30.
    pub prefix_length: u8,
    /// The host in the network.
    pub host: Ipv4Addr,
    /// The first of the 16 addresses that DHCP gives.
    pub dhcp_start: Ipv4Addr,
    /// The name server of the network.
    pub dns: Ipv4Addr,
}

/// The guest's IPv6 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ipv6Config {
    /// The network: its first address.
    pub prefix: Ipv6Addr,
    /// Bits of an address that are the network's: 0 to 126. Guests give themselves addresses in a network of 64 only.
    pub prefix_length: u8,
    /// The host in the network.
    pub host: Ipv6Addr,
    /// The name server of the network.
    pub dns: Ipv6Addr,
}

/// How many addresses libslirp's DHCP server gives.
pub(super) const LEASES: u8 = 16;

const DEFAULT_NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 0);
const DEFAULT_PREFIX_LENGTH: u8 = 24;
/// A unique local network (RFC 4193). QEMU's fec0::/64 is a site-local one, which RFC 3879 abolished.
const DEFAULT_PREFIX: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0);
const DEFAULT_PREFIX6_LENGTH: u8 = 64;

impl Ipv4Config {
    /// A network whose other addresses follow from it as for libslirp and QEMU: those that end in .2, .15 and .3, and
    /// in 2.2, 2.15 and 2.3 where the network has room for that.
    pub fn new(network: Ipv4Addr, prefix_length: u8) -> Self {
        let host_bits = !mask(prefix_length).to_bits();
        let numbered = |number: u32| Ipv4Addr::from_bits(network.to_bits() | (number & host_bits));
        Self {
            network,
            prefix_length,
            host: numbered(0x0202),
            dhcp_start: numbered(0x020f),
            dns: numbered(0x0203),
        }
    }

    /// The mask of the network.
    pub fn mask(&self) -> Ipv4Addr {
        mask(self.prefix_length)
    }

    /// The server of guest forwards that name none.
    pub(crate) fn default_server(&self) -> Ipv4Addr {
        let host_bits = !self.mask().to_bits();
        Ipv4Addr::from_bits(self.network.to_bits() | (0x0204 & host_bits))
    }

    /// Whether the network has this address.
    pub(crate) fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask().to_bits() == self.network.to_bits()
    }

    /// Whether DHCP may give this address to the guest.
    pub(super) fn leases(&self, address: Ipv4Addr) -> bool {
        let start = self.dhcp_start.to_bits();
        address
            .to_bits()
            .checked_sub(start)
            .is_some_and(|number| number < u32::from(LEASES))
    }

    /// The address for all of the network.
    pub(super) fn broadcast(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.to_bits() | !self.mask().to_bits())
    }
}

impl Default for Ipv4Config {
    /// 10.0.2.0/24.
    fn default() -> Self {
        Self::new(DEFAULT_NETWORK, DEFAULT_PREFIX_LENGTH)
    }
}

impl Ipv6Config {
    /// A network whose host is ::2 and whose name server is ::3.
    pub fn new(prefix: Ipv6Addr, prefix_length: u8) -> Self {
        Self {
            prefix,
            prefix_length,
            host: Ipv6Addr::from_bits(prefix.to_bits() | 2),
            dns: Ipv6Addr::from_bits(prefix.to_bits() | 3),
        }
    }

    /// Whether the network has this address.
    pub(crate) fn contains(&self, address: Ipv6Addr) -> bool {
        address.to_bits() & mask6(self.prefix_length) == self.prefix.to_bits()
    }
}

impl Default for Ipv6Config {
    /// fd00::/64.
    fn default() -> Self {
        Self::new(DEFAULT_PREFIX, DEFAULT_PREFIX6_LENGTH)
    }
}

/// Appends what is not default.
pub(super) fn with_ipv4(uri: Uri, config: Option<&Ipv4Config>) -> Uri {
    let Some(config) = config else {
        return uri.with_option("ipv4", "off");
    };
    let Ipv4Config {
        network,
        prefix_length,
        host,
        dhcp_start,
        dns,
    } = *config;
    let derived = Ipv4Config::new(network, prefix_length);
    let is_default = (network, prefix_length) == (DEFAULT_NETWORK, DEFAULT_PREFIX_LENGTH);
    let uri = if is_default {
        uri
    } else {
        uri.with_target(&format!("{network}/{prefix_length}"))
    };
    let differing = |it: Ipv4Addr, default: Ipv4Addr| Some(it).filter(|it| *it != default);
    let uri = with(uri, "host", differing(host, derived.host));
    let uri = with(uri, "dhcpstart", differing(dhcp_start, derived.dhcp_start));
    with(uri, "dns", differing(dns, derived.dns))
}

/// Appends what is not default.
pub(super) fn with_ipv6(uri: Uri, config: Option<&Ipv6Config>) -> Uri {
    let Some(config) = config else {
        return uri.with_option("ipv6", "off");
    };
    let Ipv6Config {
        prefix,
        prefix_length,
        host,
        dns,
    } = *config;
    let derived = Ipv6Config::new(prefix, prefix_length);
    let is_default = (prefix, prefix_length) == (DEFAULT_PREFIX, DEFAULT_PREFIX6_LENGTH);
    let network = (!is_default).then(|| format!("{prefix}/{prefix_length}"));
    let uri = with(uri, "ipv6-net", network);
    let differing = |it: Ipv6Addr, default: Ipv6Addr| Some(it).filter(|it| *it != default);
    let uri = with(uri, "ipv6-host", differing(host, derived.host));
    with(uri, "ipv6-dns", differing(dns, derived.dns))
}

/// The mask of a network with this many bits.
pub(super) fn mask(prefix_length: u8) -> Ipv4Addr {
    let host_bits = u32::from(32_u8.saturating_sub(prefix_length));
    Ipv4Addr::from_bits(u32::MAX.checked_shl(host_bits).unwrap_or(0))
}

/// The same for IPv6.
pub(super) fn mask6(prefix_length: u8) -> u128 {
    let host_bits = u32::from(128_u8.saturating_sub(prefix_length));
    u128::MAX.checked_shl(host_bits).unwrap_or(0)
}
