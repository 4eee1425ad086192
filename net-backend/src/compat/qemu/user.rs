//! `user,id=n0,hostfwd=tcp::2222-:22`
//!
//! QEMU's network is that of `slirp:`, but for IPv6, whose default there is fec0::/64. Rules are handed on as they are:
//! what is strict about them shows when the URI is opened.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_backend_core::{ConfigError, Uri};

use super::switch;
use crate::compat::words::{Keys, Rule, Word, Words, decimal};

const USER: Keys = Keys {
    of: "QEMU's user",
    rules: &[
        ("ipv4", Rule::Switch),
        ("ipv6", Rule::Switch),
        ("net", Rule::Translated),
        ("ip", Rule::Translated),
        ("host", Rule::Translated),
        ("dhcpstart", Rule::Translated),
        ("dns", Rule::Translated),
        ("ipv6-net", Rule::Translated),
        ("ipv6-prefix", Rule::Translated),
        ("ipv6-prefixlen", Rule::Translated),
        ("ipv6-host", Rule::Translated),
        ("ipv6-dns", Rule::Translated),
        ("restrict", Rule::Switch),
        ("hostname", Rule::Translated),
        ("domainname", Rule::Translated),
        ("dnssearch", Rule::List),
        ("tftp", Rule::Translated),
        ("tftp-server-name", Rule::Translated),
        ("bootfile", Rule::Translated),
        ("hostfwd", Rule::List),
        ("guestfwd", Rule::List),
        ("smb", Rule::Only(&[], NO_SMB)),
        ("smbserver", Rule::Only(&[], NO_SMB)),
        ("id", Rule::Ignored),
        (
            "type",
            Rule::Only(
                &["user"],
                "the first word says user already; leave type out",
            ),
        ),
    ],
};

const NO_SMB: &str =
    "no smbd is run here; run one on the host, which the guest has at 10.0.2.2, and leave it out";

/// Options of ours with the same name and the same meaning.
const SAME: &[&str] = &["host", "dhcpstart", "dns"];
const SAME_IPV6: &[&str] = &["ipv6-host", "ipv6-dns"];
const SAME_NAMES: &[&str] = &[
    "hostname",
    "domainname",
    "dnssearch",
    "tftp",
    "tftp-server-name",
    "bootfile",
    "hostfwd",
];

/// QEMU's IPv6 network.
const PREFIX: Ipv6Addr = Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0);
const PREFIX_LENGTH: u8 = 64;

pub(super) fn translate(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&USER)?;
    for (one, other) in [
        ("net", "ip"),
        ("ipv6-net", "ipv6-prefix"),
        ("ipv6-net", "ipv6-prefixlen"),
    ] {
        words.exclusive(one, other)?;
    }
    let (ipv4, ipv6) = families(words)?;
    let mut uri = Uri::new("slirp");
    if let Some(net) = words.option("net") {
        let (network, length) = network(net)?;
        uri = uri.with_target(&format!("{network}/{length}"));
    } else if let Some(network) = words.option("ip") {
        uri = uri.with_target(&format!("{}/24", masked(address(network)?, 24)));
    }
    if !ipv4 {
        uri = uri.with_option("ipv4", "off");
    }
    uri = with_same(uri, words, SAME);
    uri = match prefix(words)? {
        _ if !ipv6 => uri.with_option("ipv6", "off"),
        (prefix, length) => uri.with_option("ipv6-net", format!("{prefix}/{length}")),
    };
    uri = with_same(uri, words, SAME_IPV6);
    if words.option("restrict").map(switch).transpose()? == Some(true) {
        uri = uri.with_option("restrict", "on");
    }
    uri = with_same(uri, words, SAME_NAMES);
    for rule in words.options("guestfwd") {
        check_target(rule)?;
        uri = uri.with_option("guestfwd", rule.value());
    }
    Ok(uri)
}

fn with_same(uri: Uri, words: &Words<'_>, keys: &[&str]) -> Uri {
    keys.iter().fold(uri, |uri, key| {
        let values = words.options(key).map(Word::value);
        values.fold(uri, |uri, value| uri.with_option(key, value))
    })
}

/// Which IP versions there are: whoever switches on one, and says nothing about the other, has switched that off.
fn families(words: &Words<'_>) -> Result<(bool, bool), ConfigError> {
    let given = |key| words.option(key).map(switch).transpose();
    let (ipv4, ipv6) = (given("ipv4")?, given("ipv6")?);
    let families = (
        ipv4.unwrap_or(ipv6 != Some(true)),
        ipv6.unwrap_or(ipv4 != Some(true)),
    );
    if let Some(word) = words.option("ipv6").filter(|_| families == (false, false)) {
        return Err(word.error("leaves no IP version with ipv4=off; leave one of them on"));
    }
    let of_ipv4 = ["net", "ip", "host", "dhcpstart", "dns"];
    let of_ipv6 = [
        "ipv6-net",
        "ipv6-prefix",
        "ipv6-prefixlen",
        "ipv6-host",
        "ipv6-dns",
    ];
    let needed = [("ipv4", families.0, of_ipv4), ("ipv6", families.1, of_ipv6)];
    for (family, is_on, keys) in needed {
        let word = keys.into_iter().find_map(|key| words.option(key));
        if let Some(word) = word.filter(|_| !is_on) {
            return Err(word.error(format!(
                "needs {family}, which is off, as it also is when only the other is switched on; write {family}=on, or \
                 leave it out"
            )));
        }
    }
    Ok(families)
}

/// `10.0.2.0/24`, `10.0.2.0/255.255.255.0` or `10.0.2.0`, for which QEMU guesses the mask. Bits that are not the
/// network's are dropped, as there.
fn network(net: &Word<'_>) -> Result<(Ipv4Addr, u8), ConfigError> {
    let complaint =
        "is not an IPv4 network; write ADDRESS/LENGTH with a length from 4 to 32, as 10.0.2.0/24";
    let Some((network, mask)) = net.value().split_once('/') else {
        let address = address(net)?;
        let length = guessed_length(address).ok_or_else(|| {
            net.error(format!(
                "has no length, and none is guessed for such an address; write {address}/24"
            ))
        })?;
        return Ok((masked(address, length), length));
    };
    let network: Ipv4Addr = network.parse().map_err(|_| net.error(complaint))?;
    let length = match mask.parse::<Ipv4Addr>() {
        Ok(mask) => length_of(mask),
        Err(_) => decimal(mask),
    };
    let length = length.filter(|length| (4..=32).contains(length));
    let length = length.ok_or_else(|| net.error(complaint))?;
    Ok((masked(network, length), length))
}

/// How many bits QEMU takes for the network's when it is told nothing. Of class C and above only the networks for
/// private use and tests are guessed.
fn guessed_length(address: Ipv4Addr) -> Option<u8> {
    match address.octets() {
        [0..=127, ..] => Some(8),
        [172, 16..=31, ..] => Some(12),
        [128..=191, ..] => Some(16),
        [192, 168, ..] => Some(16),
        [198, 18..=19, ..] => Some(15),
        _ => None,
    }
}

/// The length of a mask without gaps.
fn length_of(mask: Ipv4Addr) -> Option<u8> {
    let ones = mask.to_bits().leading_ones();
    let is_whole = ones + mask.to_bits().trailing_zeros() == u32::BITS;
    u8::try_from(ones).ok().filter(|_| is_whole)
}

/// `length` is from 4 to 32.
fn masked(address: Ipv4Addr, length: u8) -> Ipv4Addr {
    let host_bits = u32::BITS.saturating_sub(length.into());
    let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn address(word: &Word<'_>) -> Result<Ipv4Addr, ConfigError> {
    let address = word.value().parse();
    address
        .map_err(|_| word.error("is not an IPv4 address; write four decimal numbers, as 10.0.2.0"))
}

fn prefix(words: &Words<'_>) -> Result<(Ipv6Addr, u8), ConfigError> {
    let read = |word: &Word<'_>, text: &str| {
        let prefix = text.parse::<Ipv6Addr>();
        prefix.map_err(|_| word.error("is not an IPv6 network; write ADDRESS/LENGTH, as fd00::/64"))
    };
    if let Some(net) = words.option("ipv6-net") {
        let (text, length) = match net.value().split_once('/') {
            Some((text, length)) => {
                let length = decimal(length).filter(|length| *length <= 126);
                let complaint = "has a length that is not a decimal number from 0 to 126";
                (text, length.ok_or_else(|| net.error(complaint))?)
            }
            None => (net.value(), PREFIX_LENGTH),
        };
        return Ok((read(net, text)?, length));
    }
    let prefix = words.option("ipv6-prefix");
    let prefix = prefix.map(|word| read(word, word.value())).transpose()?;
    let length = words.option("ipv6-prefixlen");
    let length = length.map(|word| word.number(0..=126)).transpose()?;
    Ok((prefix.unwrap_or(PREFIX), length.unwrap_or(PREFIX_LENGTH)))
}

/// Refuses what a chardev of QEMU would be needed for.
fn check_target(rule: &Word<'_>) -> Result<(), ConfigError> {
    let Some((server, target)) = rule.value().split_once('-') else {
        return Err(
            rule.error("has no - between server and target; write tcp:10.0.2.100:80-cmd:COMMAND")
        );
    };
    let offset = server.len() + 1;
    let is_socket = target.starts_with("tcp:") || target.starts_with("unix:");
    if target.starts_with("cmd:") || (is_socket && !target.contains(',')) {
        return Ok(());
    }
    let complaint = if is_socket {
        "has options behind its target, which would be a chardev's; leave them out"
    } else {
        "is answered by a chardev, of which there are none here; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH"
    };
    Err(rule.error_at(offset, complaint))
}
