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
            value: value.to_string(),
            complaint: complaint.into(),
        }
    }

    fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }

    /// As an error at the place in `uri` where the value stands, or at its target for one that stands nowhere because
    /// it follows from the network.
    pub(super) fn within(self, uri: &Uri) -> ConfigError {
        let Self {
            key,
            index,
            value,
            complaint,
        } = self;
        let given = uri.options(OPTIONS).ok();
        let given = given.and_then(|options| options.values(key).nth(index));
        match (key, given) {
            (_, Some(given)) => given.error(complaint),
            ("", None) => {
                uri.target_error(ConfigProblem::BadTarget, format!("{value} {complaint}"))
            }
            (_, None) => uri.target_error(
                ConfigProblem::BadTarget,
                format!("{key}={value}, which is the default here, {complaint}"),
            ),
        }
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
                "is above {MAX_MTU}, from where on libslirp's connections stall: it announces no new window \
                 for less than one segment; write {MAX_MTU} or less"
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
            (self.outbound_ipv4.map(IpAddr::from), self.ipv4.is_some()),
            (self.outbound_ipv6.map(IpAddr::from), self.ipv6.is_some()),
        ];
        let given = addresses
            .into_iter()
            .filter_map(|(address, is_on)| Some((address?, is_on)));
        for (index, (address, is_on)) in given.enumerate() {
            let complaint = if !is_on {
                "is of an IP version that is off; leave it out"
            } else if address.is_unspecified() || address.is_multicast() || is_broadcast(address) {
                "is not the address of one host; give one that this host has"
            } else {
                continue;
            };
            return Err(Fault::new("outbound-addr", address, complaint).at(index));
        }
        Ok(())
    }
}

fn is_broadcast(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}
