//! From the text of options to a config. Whether the values go together is for `check`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use net_backend_core::{ConfigError, ConfigProblem, Mtu, OptionValue, Options, Uri};

use super::{Ipv4Config, Ipv6Config, OPTIONS, SlirpConfig, Threading};
use crate::forward::{GuestForward, HostForward};

pub(super) fn config(uri: &Uri) -> Result<SlirpConfig, ConfigError> {
    let options = uri.options(OPTIONS)?;
    let switch = |key, default| {
        let value = given(&options, key, OptionValue::switch)?;
        Ok::<_, ConfigError>(value.unwrap_or(default))
    };
    let text = |key| options.value(key).map(|value| value.text().to_owned());
    let mut config = SlirpConfig {
        ipv4: ipv4(uri, &options)?,
        ipv6: ipv6(&options)?,
        hostname: text("hostname"),
        domain_name: text("domainname"),
        dns_search: all(&options, "dnssearch", |value| Ok(value.text().to_owned()))?,
        tftp: text("tftp").map(PathBuf::from),
        tftp_server_name: text("tftp-server-name"),
        bootfile: text("bootfile"),
        restrict: switch("restrict", false)?,
        mtu: given(&options, "mtu", |mtu| mtu.mtu(Mtu::MIN..=Mtu::MAX))?.unwrap_or(Mtu::ETHERNET),
        outbound_ipv4: None,
        outbound_ipv6: None,
        dns: !switch("disable-dns", false)?,
        dhcp: !switch("disable-dhcp", false)?,
        host_loopback: switch("host-loopback", true)?,
        host_forwards: all(&options, "hostfwd", |value| {
            let rule = HostForward::parse(value.text());
            rule.map_err(|complaint| value.error_at(complaint.offset, complaint.text))
        })?,
        guest_forwards: all(&options, "guestfwd", |value| {
            let rule = GuestForward::parse(value.text());
            rule.map_err(|complaint| value.error_at(complaint.offset, complaint.text))
        })?,
        mac: given(&options, "mac", OptionValue::mac)?,
        library: text("library").map(PathBuf::from),
        thread: given(&options, "thread", threading)?.unwrap_or_default(),
    };
    outbound(&options, &mut config)?;
    Ok(config)
}

fn ipv4(uri: &Uri, options: &Options<'_>) -> Result<Option<Ipv4Config>, ConfigError> {
    if !is_on(options, "ipv4")? {
        refuse_without(options, &["host", "dhcpstart", "dns"], "ipv4")?;
        if !uri.target().is_empty() {
            let message = "there is no IPv4 network with ipv4=off; leave the network out";
            return Err(uri.target_error(ConfigProblem::Conflict, message));
        }
        return Ok(None);
    }
    let mut config = match uri.target() {
        "" => Ipv4Config::default(),
        target => {
            let (network, prefix_length) = network(target, 32).ok_or_else(|| {
                let message = format!(
                    "{target} is not an IPv4 network; write ADDRESS/LENGTH, as 10.0.2.0/24"
                );
                uri.target_error(ConfigProblem::BadTarget, message)
            })?;
            Ipv4Config::new(network, prefix_length)
        }
    };
    let addresses = [
        ("host", &mut config.host),
        ("dhcpstart", &mut config.dhcp_start),
        ("dns", &mut config.dns),
    ];
    for (key, address) in addresses {
        if let Some(value) = options.value(key) {
            *address = parse(
                &value,
                "an IPv4 address; write four decimal numbers, as 10.0.2.2",
            )?;
        }
    }
    Ok(Some(config))
}

fn ipv6(options: &Options<'_>) -> Result<Option<Ipv6Config>, ConfigError> {
    if !is_on(options, "ipv6")? {
        refuse_without(options, &["ipv6-net", "ipv6-host", "ipv6-dns"], "ipv6")?;
        return Ok(None);
    }
    let mut config = match options.value("ipv6-net") {
        None => Ipv6Config::default(),
        Some(value) => {
            let (prefix, prefix_length) = network(value.text(), 128).ok_or_else(|| {
                value.error("is not an IPv6 network; write ADDRESS/LENGTH, as fd00::/64")
            })?;
            Ipv6Config::new(prefix, prefix_length)
        }
    };
    let addresses = [
        ("ipv6-host", &mut config.host),
        ("ipv6-dns", &mut config.dns),
    ];
    for (key, address) in addresses {
        if let Some(value) = options.value(key) {
            *address = parse(&value, "an IPv6 address; write one as fd00::2")?;
        }
    }
    Ok(Some(config))
}

/// `ADDRESS/LENGTH`.
fn network<A: FromStr>(text: &str, bits: u8) -> Option<(A, u8)> {
    let (address, length) = text.split_once('/')?;
    let is_decimal = length.bytes().all(|byte| byte.is_ascii_digit());
    let is_octal = length.len() > 1 && length.starts_with('0');
    let length = length.parse().ok().filter(|length| *length <= bits)?;
    (is_decimal && !is_octal).then_some((address.parse().ok()?, length))
}

fn outbound(options: &Options<'_>, config: &mut SlirpConfig) -> Result<(), ConfigError> {
    for value in options.values("outbound-addr") {
        let address = parse(&value, "an address; write one as 192.0.2.1 or 2001:db8::1")?;
        config
            .check_outbound_address(address)
            .map_err(|complaint| value.error(complaint))?;
        let is_given = match address {
            IpAddr::V4(address) => config.outbound_ipv4.replace(address).is_some(),
            IpAddr::V6(address) => config.outbound_ipv6.replace(address).is_some(),
        };
        if is_given {
            let complaint = "is the second address of its IP version; give one for each";
            return Err(value.error(complaint));
        }
    }
    Ok(())
}

fn threading(value: &OptionValue<'_>) -> Result<Threading, ConfigError> {
    match value.text() {
        "own" => Ok(Threading::Own),
        "none" => Ok(Threading::None),
        _ => Err(value.error("is neither own nor none")),
    }
}

/// What parses; `what` says what that is, and how it is written.
fn parse<T: FromStr>(value: &OptionValue<'_>, what: &str) -> Result<T, ConfigError> {
    let parsed = value.text().parse();
    parsed.map_err(|_| value.error(format!("is not {what}")))
}

fn is_on(options: &Options<'_>, family: &str) -> Result<bool, ConfigError> {
    Ok(given(options, family, OptionValue::switch)?.unwrap_or(true))
}

fn refuse_without(options: &Options<'_>, keys: &[&str], family: &str) -> Result<(), ConfigError> {
    match keys.iter().find_map(|key| options.value(key)) {
        Some(value) => {
            let complaint = format!("has no meaning with {family}=off; leave one of them out");
            Err(value.error(complaint))
        }
        None => Ok(()),
    }
}

fn given<'u, T>(
    options: &Options<'u>,
    key: &str,
    read: impl FnOnce(&OptionValue<'u>) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    options.value(key).as_ref().map(read).transpose()
}

fn all<'u, T>(
    options: &Options<'u>,
    key: &str,
    read: impl Fn(&OptionValue<'u>) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    options.values(key).map(|value| read(&value)).collect()
}
