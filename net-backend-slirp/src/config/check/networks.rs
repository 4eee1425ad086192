use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Checked, Fault};
use crate::config::networks::{LEASES, mask, mask6};
use crate::config::{Ipv4Config, Ipv6Config, SlirpConfig};

impl SlirpConfig {
    pub(super) fn check_ipv4(&self, config: &Ipv4Config) -> Checked {
        check_network(config, self.dhcp)?;
        let Ipv4Config {
            host,
            dhcp_start,
            dns,
            ..
        } = *config;
        check_address("host", host, config)?;
        check_leases(config, self.dhcp)?;
        if self.dns {
            check_address("dns", dns, config)?;
        }
        if dns == host {
            let fault = Fault::new("dns", dns, "is the host as well; give another");
            return Err(fault.because_of("host"));
        }
        let is_taken = |address| address == dhcp_start || (self.dhcp && config.leases(address));
        let complaint = format!(
            "is among the addresses of the guest, {LEASES} from dhcpstart={dhcp_start} on; give another, or another dhcpstart"
        );
        for (key, address) in [("host", host), ("dns", dns)] {
            if is_taken(address) {
                return Err(Fault::new(key, address, complaint).because_of("dhcpstart"));
            }
        }
        Ok(())
    }

    pub(super) fn check_ipv6(&self, config: &Ipv6Config) -> Checked {
        check_network6(config)?;
        let Ipv6Config { host, dns, .. } = *config;
        check_address6("ipv6-host", host, config)?;
        if self.dns {
            check_address6("ipv6-dns", dns, config)?;
        }
        if dns == host {
            let complaint = "is the host as well; give another";
            return Err(Fault::new("ipv6-dns", dns, complaint).because_of("ipv6-host"));
        }
        Ok(())
    }
}

fn check_network(config: &Ipv4Config, dhcp: bool) -> Checked {
    let Ipv4Config {
        network,
        prefix_length: length,
        ..
    } = *config;
    let longest = if dhcp { 27 } else { 30 };
    let [first, ..] = network.octets();
    let last = config.broadcast().octets()[0];
    let complaint = if length < 4 {
        "is larger than a /4; write a longer prefix, as 10.0.2.0/24".to_owned()
    } else if length > longest && dhcp {
        format!(
            "has no room for the host, the name server and the {LEASES} addresses of DHCP; write a prefix of \
             at most {longest}, or disable-dhcp=on"
        )
    } else if length > longest {
        format!("has no room for host, name server and guest; write a prefix of at most {longest}")
    } else if !config.contains(network) {
        let network = Ipv4Addr::from_bits(network.to_bits() & mask(length).to_bits());
        format!("has bits behind its prefix; write {network}/{length}")
    } else if first == 0 || (first <= 127 && last >= 127) || last >= 224 {
        "has addresses that no host can have; write a private network, as 10.0.2.0/24".to_owned()
    } else {
        return Ok(());
    };
    Err(Fault::new("", format!("{network}/{length}"), complaint))
}

pub(super) fn check_address(key: &'static str, address: Ipv4Addr, config: &Ipv4Config) -> Checked {
    let Ipv4Config {
        network,
        prefix_length,
        ..
    } = *config;
    let complaint = if !config.contains(address) {
        let also = match key {
            "dns" => ", or disable-dns=on for a name server elsewhere",
            _ => "",
        };
        format!("is not in {network}/{prefix_length}; give an address of that network{also}")
    } else if address == network {
        "is the address of the network itself; give a higher one".to_owned()
    } else if address == config.broadcast() {
        "is the broadcast address of the network; give a lower one".to_owned()
    } else {
        return Ok(());
    };
    Err(Fault::new(key, address, complaint))
}

/// The addresses for the guest. libslirp counts in the last byte only.
fn check_leases(config: &Ipv4Config, dhcp: bool) -> Checked {
    let start = config.dhcp_start;
    check_address("dhcpstart", start, config)?;
    let more = LEASES - 1;
    let [.., byte] = start.octets();
    let last = start.to_bits().saturating_add(more.into());
    if !dhcp || (byte <= u8::MAX - more && last < config.broadcast().to_bits()) {
        return Ok(());
    }
    let complaint = format!(
        "has not {more} more addresses behind it that differ in the last byte only and end below {}; \
         give a lower one",
        config.broadcast()
    );
    Err(Fault::new("dhcpstart", start, complaint))
}

fn check_network6(config: &Ipv6Config) -> Checked {
    let Ipv6Config {
        prefix,
        prefix_length: length,
        ..
    } = *config;
    let complaint = if length > 126 {
        "has no room for host, name server and guest; write a prefix of at most 126, or better 64"
            .to_owned()
    } else if !config.contains(prefix) {
        let prefix = Ipv6Addr::from_bits(prefix.to_bits() & mask6(length));
        format!("has bits behind its prefix; write {prefix}/{length}")
    } else if prefix.is_multicast() || prefix.is_unicast_link_local() {
        "has addresses that no host in it can have; write a private network, as fd00::/64"
            .to_owned()
    } else {
        return Ok(());
    };
    Err(Fault::new(
        "ipv6-net",
        format!("{prefix}/{length}"),
        complaint,
    ))
}

pub(super) fn check_address6(key: &'static str, address: Ipv6Addr, config: &Ipv6Config) -> Checked {
    let Ipv6Config {
        prefix,
        prefix_length,
        ..
    } = *config;
    let complaint = if !config.contains(address) {
        let also = match key {
            "ipv6-dns" => ", or disable-dns=on for a name server elsewhere",
            _ => "",
        };
        format!("is not in {prefix}/{prefix_length}; give an address of that network{also}")
    } else if address == prefix {
        "is the address of the network itself; give a higher one".to_owned()
    } else {
        return Ok(());
    };
    Err(Fault::new(key, address, complaint))
}
