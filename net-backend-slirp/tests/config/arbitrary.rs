//! Configs and texts by the thousand: what is printed is read back, and nothing else is taken.

use std::net::{Ipv4Addr, Ipv6Addr};

use net_backend_core::{MacAddr, Mtu, Uri};
use net_backend_slirp::{
    GuestForward, HostForward, Ipv4Config, Ipv6Config, SlirpConfig, Threading,
};
use proptest::prelude::*;

use super::read;

fn ipv4() -> impl Strategy<Value = Ipv4Config> {
    (any::<u32>(), 4..=26_u8, any::<u32>(), 1..=6_u32).prop_map(|(bits, length, numbers, more)| {
        let mask = u32::MAX << (32 - length);
        // Not 0.0.0.0/8, 127.0.0.0/8, nor multicast.
        let network = (bits % 0x6000_0000 + 0x1000_0000) & mask;
        let mut config = Ipv4Config::new(Ipv4Addr::from_bits(network), length);
        let address = |number: u32| Ipv4Addr::from_bits(network + number);
        if numbers & 1 != 0 {
            config.host = address(8 + more);
        }
        if numbers & 2 != 0 {
            config.dns = address(40 + more);
        }
        if numbers & 4 != 0 {
            config.dhcp_start = address(16 + more);
        }
        config
    })
}

fn ipv6() -> impl Strategy<Value = Ipv6Config> {
    (any::<u128>(), 16..=126_u8, any::<bool>()).prop_map(|(bits, length, swapped)| {
        let prefix = ((bits >> 4) | (0x2 << 124)) & !(1 << 127) & (u128::MAX << (128 - length));
        let mut config = Ipv6Config::new(Ipv6Addr::from_bits(prefix), length);
        if swapped {
            (config.host, config.dns) = (config.dns, config.host);
        }
        config
    })
}

/// A name, with what has a meaning in URIs.
fn name() -> impl Strategy<Value = String> {
    "[a-z%&=?+#ü:/.-]{1,12}"
}

/// What DHCP says, and the paths.
fn texts() -> impl Strategy<Value = SlirpConfig> {
    let names = prop::array::uniform4(prop::option::of(name()));
    let paths = prop::array::uniform2(prop::option::of("[ -~ü]{1,20}"));
    let search = prop::collection::vec("[a-z]{1,5}(\\.[a-z0-9-]{1,5}){0,2}\\.?", 0..3);
    (names, paths, search).prop_map(|(names, paths, search)| {
        let mut config = SlirpConfig::default();
        [
            config.hostname,
            config.domain_name,
            config.tftp_server_name,
            config.bootfile,
        ] = names;
        [config.tftp, config.library] = paths.map(|path| path.map(Into::into));
        config.dns_search = search;
        config
    })
}

/// The same with what is switched or counted.
fn with_numbers() -> impl Strategy<Value = SlirpConfig> {
    let switches = prop::array::uniform5(any::<bool>());
    let mtu = (1280..=32768_u16).prop_filter_map("above the least", Mtu::new);
    let mac = prop::option::of(any::<[u8; 5]>());
    (texts(), switches, mtu, mac).prop_map(|(mut config, switches, mtu, mac)| {
        let is_threadless;
        [
            config.restrict,
            config.dns,
            config.dhcp,
            config.host_loopback,
            is_threadless,
        ] = switches;
        if is_threadless {
            config.thread = Threading::None;
            config.mtu = mtu;
        }
        config.mac = mac.map(|[a, b, c, d, e]| MacAddr::new([2, a, b, c, d, e]));
        config
    })
}

fn config() -> impl Strategy<Value = SlirpConfig> {
    let networks = prop_oneof![
        (ipv4(), ipv6()).prop_map(|(a, b)| (Some(a), Some(b))),
        ipv4().prop_map(|a| (Some(a), None)),
        ipv6().prop_map(|b| (None, Some(b))),
    ];
    let outbound = (any::<bool>(), any::<u8>());
    let rules = ["tcp::8000-8010-:9000", "udp::0-:53", "unix:/a b&c%-:22"];
    let rules = prop::sample::subsequence(rules.to_vec(), 0..=3);
    (with_numbers(), networks, outbound, rules).prop_map(
        |(mut config, networks, outbound, rules)| {
            (config.ipv4, config.ipv6) = networks;
            let (is_bound, last) = outbound;
            if let Some(ipv4) = config.ipv4 {
                config.outbound_ipv4 = is_bound.then_some(Ipv4Addr::new(192, 0, 2, last));
                let server = Ipv4Addr::from_bits(ipv4.network.to_bits() + 50);
                let rule = format!(
                    "tcp:{server}:{}-cmd:/bin/sh -c 'a & b'",
                    u16::from(last) + 1
                );
                config.guest_forwards.extend(rule.parse::<GuestForward>());
            }
            if config.ipv6.is_some() {
                let address = Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(last));
                config.outbound_ipv6 = is_bound.then_some(address);
            }
            let rules = rules.iter().flat_map(|rule| rule.parse::<HostForward>());
            config.host_forwards = rules.collect();
            config
        },
    )
}

const KEYS: &[&str] = &[
    "ipv4",
    "host",
    "dhcpstart",
    "dns",
    "ipv6",
    "ipv6-net",
    "ipv6-host",
    "ipv6-dns",
    "hostname",
    "domainname",
    "dnssearch",
    "tftp",
    "tftp-server-name",
    "bootfile",
    "restrict",
    "mtu",
    "outbound-addr",
    "disable-dns",
    "disable-dhcp",
    "host-loopback",
    "hostfwd",
    "guestfwd",
    "mac",
    "library",
    "thread",
];

const VALUES: &[&str] = &[
    "on",
    "off",
    "own",
    "none",
    "10.0.2.2",
    "10.0.2.3",
    "10.0.2.200",
    "10.1.2.3",
    "fd00::2",
    "fd00::3",
    "fd00::/64",
    "::/0",
    "0",
    "68",
    "1500",
    "65535",
    "example.com",
    "a..b",
    "/tmp",
    "%00",
    "%C3%BC",
    "tcp::1-:2",
    "tcp::1-9-10.0.2.15:7",
    "udp:[::1]:1-[fd00::9]:2",
    "unix:/a%2D-:1",
    "tcp::1-cmd:a",
    "tcp:10.0.2.9:1-unix:/b",
    "52:54:00:12:34:56",
    "",
];

fn text() -> impl Strategy<Value = String> {
    let option = (prop::sample::select(KEYS), prop::sample::select(VALUES));
    let option = option.prop_map(|(key, value)| format!("{key}={value}"));
    let targets = [
        "",
        "10.0.2.0/24",
        "10.0.0.0/8",
        "10.0.2.0/28",
        "172.16.0.0/12",
        "10.0.2.1/24",
        "::/0",
    ];
    let target = prop::sample::select(targets.to_vec());
    (target, prop::collection::vec(option, 0..6)).prop_map(|(target, options)| {
        let separator = if options.is_empty() { "" } else { "?" };
        format!("slirp:{target}{separator}{}", options.join("&"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_is_printed_is_read_back(config in config()) {
        let text = config.to_uri().to_string();
        let read = read(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(read, config, "{}", text);
    }

    #[test]
    fn any_options_are_read_or_refused(text in text()) {
        match read(&text) {
            Ok(config) => {
                let printed = config.to_uri().to_string();
                prop_assert_eq!(read(&printed), Ok(config), "{}", printed);
            }
            Err(error) => prop_assert!(text.is_char_boundary(error.position()), "{}", error),
        }
    }

    #[test]
    fn a_fault_in_a_rule_is_found_behind_escapes(prefix in "[a-zü %&]{0,10}") {
        let rule = format!("unix:/{prefix}-:22x");
        let position = rule.parse::<HostForward>().unwrap_err().position();
        let uri = Uri::new("slirp").with_option("hostfwd", &rule);
        let error = SlirpConfig::from_uri(&uri).unwrap_err();
        let written = uri.to_string();
        prop_assert!(written.get(error.position()..).unwrap().starts_with("22x"), "{}", error);
        prop_assert!(rule.get(position..).unwrap().starts_with("22x"));
    }
}
