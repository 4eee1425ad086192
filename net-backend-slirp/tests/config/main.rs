//! The options of `slirp:` URIs: what is read, what is printed, what is refused and where.

mod arbitrary;

use std::net::Ipv4Addr;

use net_backend_core::{ConfigError, MacAddr, Mtu};
use net_backend_slirp::{Ipv4Config, Ipv6Config, SlirpConfig, Threading};

fn read(text: &str) -> Result<SlirpConfig, ConfigError> {
    SlirpConfig::from_uri(&text.parse()?)
}

#[test]
fn without_options_it_is_the_network_that_users_know() {
    let config = read("slirp:").unwrap();
    assert_eq!(config, SlirpConfig::default());
    let ipv4 = config.ipv4.unwrap();
    assert_eq!(ipv4.network, Ipv4Addr::new(10, 0, 2, 0));
    assert_eq!(ipv4.mask(), Ipv4Addr::new(255, 255, 255, 0));
    assert_eq!(ipv4.host, Ipv4Addr::new(10, 0, 2, 2));
    assert_eq!(ipv4.dns, Ipv4Addr::new(10, 0, 2, 3));
    assert_eq!(ipv4.dhcp_start, Ipv4Addr::new(10, 0, 2, 15));
    let ipv6 = config.ipv6.unwrap();
    assert_eq!(
        (ipv6.prefix.to_string(), ipv6.prefix_length),
        ("fd00::".to_owned(), 64)
    );
    assert_eq!(ipv6.host.to_string(), "fd00::2");
    assert_eq!(ipv6.dns.to_string(), "fd00::3");
    assert_eq!(config.mtu, Mtu::ETHERNET);
    assert!(!config.restrict && config.dns && config.dhcp && config.host_loopback);
    assert_eq!(config.thread, Threading::Own);
}

/// URIs with what they print back as.
const GOOD: &[(&str, &str)] = &[
    ("slirp:10.0.2.0/24", "slirp:"),
    (
        "slirp:?host=10.0.2.2&dns=10.0.2.3&dhcpstart=10.0.2.15",
        "slirp:",
    ),
    ("slirp:?ipv4=on&ipv6=on&restrict=off&mtu=1500", "slirp:"),
    ("slirp:?ipv6-net=fd00:0::/64&ipv6-host=fd00::0:2", "slirp:"),
    ("slirp:?thread=own&host-loopback=on", "slirp:"),
    ("slirp:192.168.7.0/24", "slirp:192.168.7.0/24"),
    (
        "slirp:192.168.7.0/24?host=192.168.7.1",
        "slirp:192.168.7.0/24?host=192.168.7.1",
    ),
    ("slirp:10.0.0.0/8?host=10.0.2.2", "slirp:10.0.0.0/8"),
    ("slirp:10.0.2.0/27", "slirp:10.0.2.0/27"),
    (
        "slirp:10.0.2.0/30?dhcpstart=10.0.2.1&dns=9.9.9.9&disable-dns=on&disable-dhcp=on",
        "slirp:10.0.2.0/30?dhcpstart=10.0.2.1&dns=9.9.9.9&disable-dns=on&disable-dhcp=on",
    ),
    ("slirp:?dhcpstart=10.0.2.239", "slirp:?dhcpstart=10.0.2.239"),
    (
        "slirp:10.0.0.0/8?dhcpstart=10.0.3.240",
        "slirp:10.0.0.0/8?dhcpstart=10.0.3.240",
    ),
    (
        "slirp:?disable-dns=on&dns=9.9.9.9",
        "slirp:?dns=9.9.9.9&disable-dns=on",
    ),
    ("slirp:?ipv6=off", "slirp:?ipv6=off"),
    ("slirp:?ipv4=off", "slirp:?ipv4=off"),
    ("slirp:?ipv6-net=fec0::/64", "slirp:?ipv6-net=fec0::/64"),
    (
        "slirp:?ipv6-net=2001:DB8::/126",
        "slirp:?ipv6-net=2001:db8::/126",
    ),
    ("slirp:?ipv6-net=::/0", "slirp:?ipv6-net=::/0"),
    (
        "slirp:?disable-dns=on&ipv6-dns=2001:db8::53",
        "slirp:?ipv6-dns=2001:db8::53&disable-dns=on",
    ),
    (
        "slirp:?dnssearch=b.example&dnssearch=a.example.&domainname=example&hostname=vm",
        "slirp:?hostname=vm&domainname=example&dnssearch=b.example&dnssearch=a.example.",
    ),
    (
        "slirp:?tftp=/srv/a%20b%26c&bootfile=/pxe linux.0&tftp-server-name=boot",
        "slirp:?tftp=/srv/a%20b%26c&tftp-server-name=boot&bootfile=/pxe%20linux.0",
    ),
    (
        "slirp:?restrict=on&host-loopback=off",
        "slirp:?restrict=on&host-loopback=off",
    ),
    ("slirp:?mtu=32768", "slirp:?mtu=32768"),
    ("slirp:?mtu=1280", "slirp:?mtu=1280"),
    ("slirp:?mtu=68&ipv6=off", "slirp:?ipv6=off&mtu=68"),
    (
        "slirp:?outbound-addr=2001:db8::1&outbound-addr=192.0.2.1",
        "slirp:?outbound-addr=192.0.2.1&outbound-addr=2001:db8::1",
    ),
    (
        "slirp:?hostfwd=::2222-:22&hostfwd=udp:[::1]:53-:53",
        "slirp:?hostfwd=tcp::2222-:22&hostfwd=udp:[::1]:53-:53",
    ),
    (
        "slirp:?hostfwd=tcp::80-[fd00::15]:80",
        "slirp:?hostfwd=tcp::80-[fd00::15]:80",
    ),
    (
        "slirp:?ipv4=off&hostfwd=tcp::80-:80",
        "slirp:?ipv4=off&hostfwd=tcp::80-:80",
    ),
    (
        "slirp:?ipv4=off&hostfwd=unix:/a-[::]:80",
        "slirp:?ipv4=off&hostfwd=unix:/a-[::]:80",
    ),
    (
        "slirp:?guestfwd=:10.0.2.100:80-cmd:/bin/a%20%26&guestfwd=::80-unix:/a",
        "slirp:?guestfwd=tcp:10.0.2.100:80-cmd:/bin/a%20%26&guestfwd=tcp::80-unix:/a",
    ),
    (
        "slirp:?thread=none&library=/opt/libslirp.so.0&mac=52:54:00:12:34:56",
        "slirp:?mac=52:54:00:12:34:56&library=/opt/libslirp.so.0&thread=none",
    ),
];

#[test]
fn what_is_not_default_is_printed_and_read_back() {
    for (text, printed) in GOOD {
        let config = read(text).unwrap();
        assert_eq!(config.to_uri().to_string(), *printed, "{text}");
        assert_eq!(read(printed).unwrap(), config, "{text}");
    }
}

#[test]
fn options_arrive_where_they_belong() {
    let text = "slirp:192.168.0.0/16?host=192.168.0.1&dns=192.168.0.9&dhcpstart=192.168.1.0&ipv6-net=fd01::/48\
                &ipv6-host=fd01::9&ipv6-dns=fd01::a&hostname=a&domainname=b&dnssearch=c&dnssearch=d&tftp=e\
                &tftp-server-name=f&bootfile=g&restrict=on&mtu=9000&outbound-addr=192.0.2.1\
                &outbound-addr=2001:db8::1&disable-dns=on&disable-dhcp=on&host-loopback=off&hostfwd=tcp::1-:2\
                &guestfwd=tcp::3-cmd:h&mac=52:54:00:12:34:56&library=i&thread=none";
    let mut expected = SlirpConfig::default();
    let mut ipv4 = Ipv4Config::new(Ipv4Addr::new(192, 168, 0, 0), 16);
    ipv4.host = Ipv4Addr::new(192, 168, 0, 1);
    ipv4.dns = Ipv4Addr::new(192, 168, 0, 9);
    ipv4.dhcp_start = Ipv4Addr::new(192, 168, 1, 0);
    let mut ipv6 = Ipv6Config::new("fd01::".parse().unwrap(), 48);
    ipv6.host = "fd01::9".parse().unwrap();
    ipv6.dns = "fd01::a".parse().unwrap();
    expected.ipv4 = Some(ipv4);
    expected.ipv6 = Some(ipv6);
    expected.hostname = Some("a".to_owned());
    expected.domain_name = Some("b".to_owned());
    expected.dns_search = vec!["c".to_owned(), "d".to_owned()];
    expected.tftp = Some("e".into());
    expected.tftp_server_name = Some("f".to_owned());
    expected.bootfile = Some("g".to_owned());
    expected.restrict = true;
    expected.mtu = Mtu::new(9000).unwrap();
    expected.outbound_ipv4 = Some(Ipv4Addr::new(192, 0, 2, 1));
    expected.outbound_ipv6 = Some("2001:db8::1".parse().unwrap());
    expected.dns = false;
    expected.dhcp = false;
    expected.host_loopback = false;
    expected.host_forwards = vec!["tcp::1-:2".parse().unwrap()];
    expected.guest_forwards = vec!["tcp::3-cmd:h".parse().unwrap()];
    expected.mac = Some(MacAddr::new([0x52, 0x54, 0, 0x12, 0x34, 0x56]));
    expected.library = Some("i".into());
    expected.thread = Threading::None;
    assert_eq!(read(text).unwrap(), expected);
}

#[test]
fn the_addresses_of_larger_networks_are_those_of_qemu() {
    let network = Ipv4Config::new(Ipv4Addr::new(172, 16, 0, 0), 12);
    assert_eq!(network.host, Ipv4Addr::new(172, 16, 2, 2));
    assert_eq!(network.dns, Ipv4Addr::new(172, 16, 2, 3));
    assert_eq!(network.dhcp_start, Ipv4Addr::new(172, 16, 2, 15));
    let network = Ipv4Config::new(Ipv4Addr::new(192, 168, 1, 32), 27);
    assert_eq!(network.host, Ipv4Addr::new(192, 168, 1, 34));
    assert_eq!(network.dhcp_start, Ipv4Addr::new(192, 168, 1, 47));
    let network = Ipv6Config::new("2001:db8::4".parse().unwrap(), 126);
    assert_eq!(network.host.to_string(), "2001:db8::6");
    assert_eq!(network.dns.to_string(), "2001:db8::7");
}

/// Each URI with what is wrong below the place where it is wrong.
const BAD: &str = include_str!("../refused/options.txt");

#[test]
fn options_are_refused_with_place_and_remedy() {
    let lines: Vec<_> = BAD.lines().collect();
    assert_eq!(lines.len() % 2, 0, "half a case");
    let (texts, complaints) = (lines.iter().step_by(2), lines.iter().skip(1).step_by(2));
    for (text, complaint) in texts.zip(complaints) {
        let found = match read(text) {
            Err(error) => {
                let place = " ".repeat(error.position());
                format!("{place}^ {:?}: {}", error.problem(), error.message())
            }
            Ok(config) => format!("{config:?}"),
        };
        assert_eq!(found, *complaint, "{text}");
    }
}

#[test]
fn names_have_the_length_that_libslirp_has_room_for() {
    for (key, longest) in [
        ("hostname", 32),
        ("domainname", 255),
        ("tftp-server-name", 255),
        ("bootfile", 127),
    ] {
        let text = format!("slirp:?{key}={}", "x".repeat(longest));
        read(&text).unwrap();
        let error = read(&format!("{text}x")).unwrap_err();
        let complaint = format!("has {} bytes; it may have {longest}", longest + 1);
        assert!(error.message().ends_with(&complaint), "{error}");
        assert_eq!(error.position(), "slirp:?=".len() + key.len());
    }
}

#[test]
fn names_that_do_not_fit_into_one_answer_are_refused() {
    // 37 bytes for what every answer has, 2 + 255 for the domain, and 2 for the header of the name leave 15 of 311.
    let text = |name: &str| format!("slirp:?domainname={}&hostname={name}", "x".repeat(255));
    read(&text(&"y".repeat(15))).unwrap();
    let error = read(&text(&"y".repeat(16))).unwrap_err();
    let complaint = "makes the answer of DHCP 1 bytes too long, with the other names; shorten or leave out some";
    assert!(error.message().ends_with(complaint), "{error}");
    let longer = text(&"y".repeat(28));
    read(&format!("{longer}&restrict=on")).unwrap_err();
    // A restricted network names no gateway and no name server.
    read(&format!("{}&restrict=on", text(&"y".repeat(27)))).unwrap();
    read(&format!("{}&disable-dhcp=on", text(&"y".repeat(32)))).unwrap();
    // Domains that share their end take little.
    let domains = (10..50).fold(String::new(), |domains, it| {
        domains + &format!("&dnssearch={it}.example.com")
    });
    read(&format!("slirp:?hostname=vm{domains}")).unwrap();
    let domains = (10..50).fold(String::new(), |domains, it| {
        domains + &format!("&dnssearch=example{it}.com")
    });
    let error = read(&format!("slirp:?hostname=vm{domains}")).unwrap_err();
    assert!(
        error.message().starts_with("dnssearch=example49.com makes"),
        "{error}"
    );
}
