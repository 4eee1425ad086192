//! Whether the values of a config can be had, and go together: the same rules for what was read from a URI and for
//! what a program made.

mod forwards;
mod names;
mod networks;

use std::fmt::Display;
use std::net::IpAddr;

use net_backend_core::{ConfigError, ConfigProblem, Mtu, Uri};

use super::{MAX_MTU, OPTIONS, SlirpConfig, dhcp};

/// What is wrong with one value.
#[derive(Debug)]
pub(super) struct Fault {
    /// The option; empty for the target.
    key: &'static str,
    /// Which of them, for a list.
    index: usize,
    /// The option that a default does not go with; empty if there is none.
    cause: &'static str,
    value: String,
    /// Continues a sentence that begins with key and value.
    complaint: String,
}

/// The smallest MTU of IPv6 (RFC 8200, 5).
const MIN_IPV6_MTU: u16 = 1280;
type Checked = Result<(), Fault>;

impl Fault {
    fn new(key: &'static str, value: impl Display, complaint: impl Into<String>) -> Self {
        Self {
            key,
            index: 0,
            cause: "",
            value: value.to_string(),
            complaint: complaint.into(),
        }
    }

    fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }

    fn because_of(self, cause: &'static str) -> Self {
        Self { cause, ..self }
    }

    /// As an error at the place in `uri` where the value stands; for one that stands nowhere, because it follows from
    /// the network, where its cause or the network stands.
    pub(super) fn within(self, uri: &Uri) -> ConfigError {
        let Self {
            key,
            index,
            cause,
            value,
            complaint,
        } = self;
        let options = uri.options(OPTIONS).ok();
        let given = |key, index| options.and_then(|options| options.values(key).nth(index));
        if let Some(given) = given(key, index) {
            return given.error(complaint);
        }
        if let Some(cause) = given(cause, 0) {
            return cause.error(format!(
                "needs another {key} than the default, {value}, which {complaint}"
            ));
        }
        let message = match key {
            "" => format!("{value} {complaint}"),
            _ => format!("{key}={value}, which is the default here, {complaint}"),
        };
        uri.target_error(ConfigProblem::BadTarget, message)
    }
}

impl SlirpConfig {
    /// The first thing that is wrong.
    pub(super) fn find_fault(&self) -> Checked {
        if self.ipv4.is_none() && self.ipv6.is_none() {
            let complaint = "leaves no IP version with ipv4=off; leave one of them on";
            return Err(Fault::new("ipv6", "off", complaint));
        }
        if let Some(ipv4) = &self.ipv4 {
            self.check_ipv4(ipv4)?;
        }
        if let Some(ipv6) = &self.ipv6 {
            self.check_ipv6(ipv6)?;
        }
        self.check_mtu()?;
        self.check_names()?;
        self.check_paths()?;
        self.check_outbound()?;
        if let Some(Err(error)) = self
            .mac
            .map(|mac| mac.owned().map_err(|error| (mac, error)))
        {
            return Err(Fault::new("mac", error.0, format!("is {}", error.1)));
        }
        for (index, rule) in self.host_forwards.iter().enumerate() {
            self.check_host_forward(rule)
                .and_then(|()| self.check_host_side(index, rule))
                .map_err(|complaint| Fault::new("hostfwd", rule, complaint).at(index))?;
        }
        for (index, rule) in self.guest_forwards.iter().enumerate() {
            self.check_guest_forward(index, rule)
                .map_err(|complaint| Fault::new("guestfwd", rule, complaint).at(index))?;
        }
        Ok(())
    }

    fn check_mtu(&self) -> Checked {
        let bytes = self.mtu.bytes();
        if bytes > MAX_MTU {
            let complaint = format!(
                "is above {MAX_MTU}, where connections stall: libslirp announces room only for two segments at once, \
                 and a TCP window no longer holds them; write {MAX_MTU} or less"
            );
            return Err(Fault::new("mtu", bytes, complaint));
        }
        if self.ipv6.is_some() && bytes < MIN_IPV6_MTU {
            let complaint = format!(
                "is below {MIN_IPV6_MTU}, the least for IPv6; write more, or ipv6=off for {} and more",
                Mtu::MIN
            );
            return Err(Fault::new("mtu", bytes, complaint));
        }
        Ok(())
    }

    fn check_outbound(&self) -> Checked {
        let addresses = [
            self.outbound_ipv4.map(IpAddr::from),
            self.outbound_ipv6.map(IpAddr::from),
        ];
        for (index, address) in addresses.into_iter().flatten().enumerate() {
            self.check_outbound_address(address)
                .map_err(|complaint| Fault::new("outbound-addr", address, complaint).at(index))?;
        }
        Ok(())
    }

    /// What is wrong with an address that connections should leave from.
    pub(super) fn check_outbound_address(&self, address: IpAddr) -> Result<(), &'static str> {
        let is_on = match address {
            IpAddr::V4(_) => self.ipv4.is_some(),
            IpAddr::V6(_) => self.ipv6.is_some(),
        };
        if !is_on {
            return Err("is of an IP version that is off; leave it out");
        }
        if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
            return Err("is not the address of one host; give one that this host has");
        }
        Ok(())
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::net::Ipv4Addr;
    use std::os::unix::ffi::OsStrExt as _;

    use net_backend_core::MacAddr;

    use crate::config::{Ipv4Config, Ipv6Config};
    use crate::forward::{GuestForward, GuestForwardTarget, HostForward, HostSide, Transport};
    use crate::{SlirpConfig, Threading};

    fn message(change: impl FnOnce(&mut SlirpConfig)) -> String {
        let mut config = SlirpConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn a_config_that_was_read_is_right() {
        SlirpConfig::default().check().unwrap();
        let config = SlirpConfig {
            ipv4: Some(Ipv4Config::new(Ipv4Addr::new(192, 168, 1, 0), 24)),
            host_forwards: vec!["tcp::8000-8010-192.168.1.15:80".parse().unwrap()],
            thread: Threading::None,
            ..SlirpConfig::default()
        };
        config.check().unwrap();
    }

    #[test]
    fn a_config_that_a_program_made_may_be_wrong() {
        let off = message(|config| (config.ipv4, config.ipv6) = (None, None));
        assert!(off.starts_with("ipv6=off leaves no IP version"), "{off}");
        let network = Ipv4Addr::new(10, 0, 2, 0);
        let long = message(|config| config.ipv4 = Some(Ipv4Config::new(network, 200)));
        assert!(long.starts_with("10.0.2.0/200 has no room"), "{long}");
        let prefix = Ipv6Config::default().prefix;
        let long = message(|config| config.ipv6 = Some(Ipv6Config::new(prefix, 200)));
        assert!(
            long.starts_with("ipv6-net=fd00::/200 has no room"),
            "{long}"
        );
        let mac = message(|config| config.mac = Some(MacAddr::BROADCAST));
        assert!(
            mac.starts_with("mac=ff:ff:ff:ff:ff:ff is a multicast address"),
            "{mac}"
        );
        let outbound = message(|config| {
            config.outbound_ipv4 = Some(Ipv4Addr::LOCALHOST);
            config.outbound_ipv6 = Some("ff02::1".parse().unwrap());
        });
        assert!(
            outbound.starts_with("outbound-addr=ff02::1 is not"),
            "{outbound}"
        );
        assert!(outbound.contains("at byte 45"), "{outbound}");
    }

    #[test]
    fn names_that_a_uri_cannot_have_are_refused() {
        let name = OsStr::from_bytes(b"/\xff");
        let tftp = message(|config| config.tftp = Some(name.into()));
        assert!(tftp.contains("is not UTF-8"), "{tftp}");
        let host = HostSide::Unix(name.into());
        let rule = HostForward::new(Transport::Tcp, host, 22);
        let path = message(|config| config.host_forwards.push(rule));
        assert!(path.contains("does not mean what was asked for"), "{path}");
        let target = GuestForwardTarget::Unix(name.into());
        let path = message(|config| config.guest_forwards.push(GuestForward::new(80, target)));
        assert!(path.contains("does not mean what was asked for"), "{path}");
    }

    #[test]
    fn rules_that_a_program_made_are_those_of_the_grammar() {
        let udp = HostForward::new(Transport::Udp, HostSide::Unix("/a".into()), 22);
        let udp = message(|config| config.host_forwards.push(udp));
        assert!(udp.contains("a unix socket is for tcp"), "{udp}");
        let ports = |ports| HostSide::Ip {
            address: None,
            ports,
        };
        let backwards = HostForward::new(
            Transport::Tcp,
            ports(std::ops::RangeInclusive::new(9, 8)),
            22,
        );
        let backwards = message(|config| config.host_forwards.push(backwards));
        assert!(backwards.contains("run backwards"), "{backwards}");
        let past = HostForward::new(Transport::Tcp, ports(1..=10), 65530);
        let past = message(|config| config.host_forwards.push(past));
        assert!(
            past.contains("leads 10 host ports to 6") || past.contains("run past"),
            "{past}"
        );
        let zero = GuestForward::new(0, GuestForwardTarget::Command("a".to_owned()));
        let zero = message(|config| config.guest_forwards.push(zero));
        assert!(zero.contains("server port 0"), "{zero}");
    }
}
