use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::networks::{check_address, check_address6};
use crate::config::{Ipv4Config, Ipv6Config, SlirpConfig};
use crate::forward::{GuestForward, HostForward, HostSide};

impl SlirpConfig {
    /// What is wrong with a rule in this network.
    pub(crate) fn check_host_forward(&self, rule: &HostForward) -> Result<(), String> {
        match HostForward::parse(&rule.to_string()) {
            Err(complaint) => return Err(complaint.text),
            Ok(read) if read != *rule => {
                return Err(
                    "does not mean what was asked for; a unix socket is for tcp, \
                            and its path is UTF-8"
                        .to_owned(),
                );
            }
            Ok(_) => {}
        }
        let (host, guest) = self.addresses_of(rule);
        if let (Some(IpAddr::V6(host)), HostSide::Ip { .. }) = (host, &rule.host) {
            if let Some(host) = host.to_ipv4_mapped() {
                return Err(format!("listens on an IPv4 address; write {host}"));
            }
        }
        match (guest, &self.ipv4, &self.ipv6) {
            (IpAddr::V4(_), None, _) => {
                Err("needs IPv4, which is off; write an IPv6 address, as [::]".to_owned())
            }
            (IpAddr::V6(_), _, None) => {
                Err("needs IPv6, which is off; write an IPv4 address, or ipv6=on".to_owned())
            }
            (IpAddr::V6(_), Some(_), _) if matches!(rule.host, HostSide::Unix(_)) => Err(
                "leads from a unix socket to IPv6, which libslirp can do with ipv4=off only; \
                 write an IPv4 address"
                    .to_owned(),
            ),
            (guest, ..) if guest.is_unspecified() => Ok(()),
            (IpAddr::V4(guest), Some(ipv4), _) => check_guest(guest, ipv4),
            (IpAddr::V6(guest), _, Some(ipv6)) => check_guest6(guest, ipv6),
        }
    }

    /// Whether an earlier rule has the same host side. A unix socket of that rule would be replaced.
    pub(super) fn check_host_side(&self, index: usize, rule: &HostForward) -> Result<(), String> {
        let lets_host_choose =
            matches!(&rule.host, HostSide::Ip { ports, .. } if *ports.end() == 0);
        let same = |other: &HostForward| {
            other.protocol == rule.protocol && other.host == rule.host && !lets_host_choose
        };
        let mut earlier = self.host_forwards.iter().take(index);
        match earlier.find(|other| same(other)) {
            Some(other) => Err(format!("has the same host side as {other}; give another")),
            None => Ok(()),
        }
    }

    pub(super) fn check_guest_forward(
        &self,
        index: usize,
        rule: &GuestForward,
    ) -> Result<(), String> {
        match GuestForward::parse(&rule.to_string()) {
            Err(complaint) => return Err(complaint.text),
            Ok(read) if read != *rule => {
                return Err("does not mean what was asked for; paths are UTF-8".to_owned());
            }
            Ok(_) => {}
        }
        let Some(ipv4) = &self.ipv4 else {
            return Err("needs IPv4, which is off; libslirp has guestfwd for IPv4 only".to_owned());
        };
        let server = |rule: &GuestForward| {
            let given = rule.server.filter(|server| !server.is_unspecified());
            given.unwrap_or(ipv4.default_server())
        };
        let address = server(rule);
        check_address("guestfwd", address, ipv4)
            .map_err(|fault| format!("has the server {address}, which {}", fault.complaint))?;
        let taken_by = if address == ipv4.host {
            Some("the host")
        } else if address == ipv4.dns {
            Some("the name server")
        } else if address == ipv4.dhcp_start || (self.dhcp && ipv4.leases(address)) {
            Some("the guest")
        } else {
            None
        };
        if let Some(who) = taken_by {
            let text =
                format!("has the server {address}, the address of {who}; give one of its own");
            return Err(text);
        }
        let mut earlier = self.guest_forwards.iter().take(index);
        let same = |other: &GuestForward| other.port == rule.port && server(other) == address;
        match earlier.find(|other| same(other)) {
            Some(other) => Err(format!(
                "has the same server and port as {other}; give another"
            )),
            None => Ok(()),
        }
    }
}

fn check_guest(guest: Ipv4Addr, config: &Ipv4Config) -> Result<(), String> {
    check_address("hostfwd", guest, config)
        .map_err(|fault| format!("leads to {guest}, which {}", fault.complaint))?;
    if guest == config.host || guest == config.dns {
        return Err(format!(
            "leads to {guest}, which is not the guest; give its address"
        ));
    }
    Ok(())
}

fn check_guest6(guest: Ipv6Addr, config: &Ipv6Config) -> Result<(), String> {
    check_address6("hostfwd", guest, config)
        .map_err(|fault| format!("leads to {guest}, which {}", fault.complaint))?;
    if guest == config.host || guest == config.dns {
        return Err(format!(
            "leads to {guest}, which is not the guest; give its address"
        ));
    }
    Ok(())
}
