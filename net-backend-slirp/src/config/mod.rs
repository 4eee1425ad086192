//! The options of `slirp:` URIs.

mod check;
mod dhcp;
mod networks;
mod options;
mod read;

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use net_backend_core::{ConfigError, ConfigProblem, MacAddr, Mtu, Uri};

pub use self::networks::{Ipv4Config, Ipv6Config};
pub(crate) use self::options::OPTIONS;
use crate::forward::{GuestForward, HostForward, HostSide};

/// A network for one guest.
///
/// The default is that of `slirp:`: 10.0.2.0/24 and fd00::/64, the host at .2 and ::2, the name server at .3 and ::3, the
/// guest at 10.0.2.15.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlirpConfig {
    /// The IPv4 network; `None` for none. Frames of the guest from other addresses are dropped.
    pub ipv4: Option<Ipv4Config>,
    /// The IPv6 network; `None` for none. Frames of the guest from other addresses are dropped.
    pub ipv6: Option<Ipv6Config>,
    /// The name that DHCP gives to the guest, at most 32 bytes.
    pub hostname: Option<String>,
    /// The domain of the guest, at most 255 bytes.
    pub domain_name: Option<String>,
    /// The domains that the guest looks names up in.
    pub dns_search: Vec<String>,
    /// The directory whose files the guest may read by TFTP. Only ordinary files belong there: to open a pipe may block
    /// all networks of the process.
    pub tftp: Option<PathBuf>,
    /// The TFTP server that DHCP names, at most 255 bytes.
    pub tftp_server_name: Option<String>,
    /// The file that the guest boots from, at most 127 bytes.
    pub bootfile: Option<String>,
    /// Whether only that leaves the network which is forwarded.
    pub restrict: bool,
    /// The IP MTU, at most 32768; with IPv6 at least 1280.
    pub mtu: Mtu,
    /// The address of the host that IPv4 connections leave from; `None` lets the host choose.
    pub outbound_ipv4: Option<Ipv4Addr>,
    /// The address of the host that IPv6 connections leave from; `None` lets the host choose.
    pub outbound_ipv6: Option<Ipv6Addr>,
    /// Whether the network has a name server, which asks that of the host.
    pub dns: bool,
    /// Whether the network has a DHCP server.
    pub dhcp: bool,
    /// Whether the guest reaches what listens on the host's loopback.
    pub host_loopback: bool,
    /// The ports of the host that lead into the guest.
    pub host_forwards: Vec<HostForward>,
    /// The services that the guest finds in its network.
    pub guest_forwards: Vec<GuestForward>,
    /// The address that the guest's NIC should have.
    pub mac: Option<MacAddr>,
    /// libslirp, where the system does not find it by its name.
    pub library: Option<PathBuf>,
    /// Who waits for the sockets.
    pub thread: Threading,
}

/// Who waits for the host's sockets and hands on what they have for the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Threading {
    /// A thread of the backend.
    #[default]
    Own,
    /// Whoever waits for frames: the receive half does it.
    None,
}

/// The largest MTU.
pub(crate) const MAX_MTU: u16 = 32_768;

impl SlirpConfig {
    /// Reads `slirp:NETWORK/PREFIX?…`.
    ///
    /// # Errors
    ///
    /// Whatever in it is not right, before anything is touched.
    pub fn from_uri(uri: &Uri) -> Result<Self, ConfigError> {
        let config = read::config(uri)?;
        config.find_fault().map_err(|fault| fault.within(uri))?;
        Ok(config)
    }

    /// The URI that reads as this.
    pub fn to_uri(&self) -> Uri {
        let uri = Uri::new("slirp");
        let uri = networks::with_ipv4(uri, self.ipv4.as_ref());
        let mut uri = networks::with_ipv6(uri, self.ipv6.as_ref());
        uri = with(uri, "hostname", self.hostname.as_ref());
        uri = with(uri, "domainname", self.domain_name.as_ref());
        uri = with(uri, "dnssearch", &self.dns_search);
        uri = with(uri, "tftp", self.tftp.as_ref().map(|path| path.display()));
        uri = with(uri, "tftp-server-name", self.tftp_server_name.as_ref());
        uri = with(uri, "bootfile", self.bootfile.as_ref());
        uri = with_switch(uri, "restrict", self.restrict, false);
        let mtu = Some(self.mtu).filter(|mtu| *mtu != Mtu::ETHERNET);
        uri = with(uri, "mtu", mtu);
        uri = with(uri, "outbound-addr", self.outbound_ipv4);
        uri = with(uri, "outbound-addr", self.outbound_ipv6);
        uri = with_switch(uri, "disable-dns", !self.dns, false);
        uri = with_switch(uri, "disable-dhcp", !self.dhcp, false);
        uri = with_switch(uri, "host-loopback", self.host_loopback, true);
        uri = with(uri, "hostfwd", &self.host_forwards);
        uri = with(uri, "guestfwd", &self.guest_forwards);
        uri = with(uri, "mac", self.mac);
        let library = self.library.as_ref();
        uri = with(uri, "library", library.map(|path| path.display()));
        match self.thread {
            Threading::Own => uri,
            Threading::None => uri.with_option("thread", "none"),
        }
    }

    /// Checks what only a config that was not read from a URI can have wrong.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.find_fault()
            .map_err(|fault| fault.within(&self.to_uri()))
    }

    /// Reads a rule that is added at run time, and checks it against the network.
    pub(crate) fn host_forward(&self, rule: &str) -> Result<HostForward, ConfigError> {
        let forward: HostForward = rule.parse()?;
        match self.check_host_forward(&forward) {
            Ok(()) => Ok(forward),
            Err(complaint) => {
                let message = format!("{rule} {complaint}");
                Err(ConfigError::new(ConfigProblem::BadValue, rule, 0, message))
            }
        }
    }

    /// Where the host listens for this rule, and where in the guest it leads to, as libslirp takes them. An address
    /// that is not given is the unspecified one of its family; a unix socket has no port.
    pub(crate) fn addresses_of(&self, rule: &HostForward) -> (Option<IpAddr>, IpAddr) {
        let host = match &rule.host {
            HostSide::Ip { address, .. } => *address,
            HostSide::Unix(_) => None,
        };
        let is_ipv4 = match host.or(rule.guest_address) {
            Some(address) => address.is_ipv4(),
            None => self.ipv4.is_some(),
        };
        let any: IpAddr = if is_ipv4 {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let host = match &rule.host {
            HostSide::Ip { .. } => Some(host.unwrap_or(any)),
            HostSide::Unix(_) => None,
        };
        (host, rule.guest_address.unwrap_or(any))
    }
}

impl Default for SlirpConfig {
    fn default() -> Self {
        Self {
            ipv4: Some(Ipv4Config::default()),
            ipv6: Some(Ipv6Config::default()),
            hostname: None,
            domain_name: None,
            dns_search: Vec::new(),
            tftp: None,
            tftp_server_name: None,
            bootfile: None,
            restrict: false,
            mtu: Mtu::ETHERNET,
            outbound_ipv4: None,
            outbound_ipv6: None,
            dns: true,
            dhcp: true,
            host_loopback: true,
            host_forwards: Vec::new(),
            guest_forwards: Vec::new(),
            mac: None,
            library: None,
            thread: Threading::Own,
        }
    }
}

/// The URI with the option once for each value.
fn with<T: Display>(uri: Uri, key: &str, values: impl IntoIterator<Item = T>) -> Uri {
    let values = values.into_iter();
    values.fold(uri, |uri, value| uri.with_option(key, value))
}

fn with_switch(uri: Uri, key: &str, on: bool, default: bool) -> Uri {
    let given = (on != default).then_some(if on { "on" } else { "off" });
    with(uri, key, given)
}
