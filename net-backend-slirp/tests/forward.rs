//! The rules of `hostfwd` and `guestfwd` as text: what is read, what is printed, what is refused and where.

use std::fmt::{Debug, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use net_backend_core::ConfigError;
use net_backend_slirp::{
    GuestForward, GuestForwardTarget, HostForward, HostForwardKey, HostSide, Transport,
};
use proptest::prelude::*;

/// Rules of the host with the spelling that they print back as.
const HOST: &[(&str, &str)] = &[
    ("tcp::2222-:22", "tcp::2222-:22"),
    ("::2222-:22", "tcp::2222-:22"),
    ("udp::53-:53", "udp::53-:53"),
    ("tcp::0-:22", "tcp::0-:22"),
    ("tcp:127.0.0.1:2222-:22", "tcp:127.0.0.1:2222-:22"),
    ("tcp:0.0.0.0:2222-0.0.0.0:22", "tcp:0.0.0.0:2222-0.0.0.0:22"),
    (
        "udp:127.0.0.1:5353-10.0.2.15:53",
        "udp:127.0.0.1:5353-10.0.2.15:53",
    ),
    (
        "tcp:[::1]:80-[fd00::15]:8080",
        "tcp:[::1]:80-[fd00::15]:8080",
    ),
    ("tcp:[0:0::1]:80-:80", "tcp:[::1]:80-:80"),
    ("tcp::80-[::]:80", "tcp::80-[::]:80"),
    ("tcp::8000-8010-:9000-9010", "tcp::8000-8010-:9000-9010"),
    ("tcp::8000-8010-:9000", "tcp::8000-8010-:9000-9010"),
    (
        "tcp::8000-8010-10.0.2.15:9000",
        "tcp::8000-8010-10.0.2.15:9000-9010",
    ),
    (
        "udp:[::1]:8000-8001-[fd00::15]:1",
        "udp:[::1]:8000-8001-[fd00::15]:1-2",
    ),
    ("tcp::80-80-:80-80", "tcp::80-:80"),
    ("tcp::65535-:65535", "tcp::65535-:65535"),
    ("tcp::1-65535-:1", "tcp::1-65535-:1-65535"),
    ("unix:/tmp/ssh.sock-:22", "unix:/tmp/ssh.sock-:22"),
    (
        "unix:/tmp/a-b:c-[x]-10.0.2.15:22",
        "unix:/tmp/a-b:c-[x]-10.0.2.15:22",
    ),
    ("unix:/a--:22", "unix:/a--:22"),
    ("unix:/a b-[::]:22", "unix:/a b-[::]:22"),
];

/// The same for those of the guest.
const GUEST: &[(&str, &str)] = &[
    (
        "tcp:10.0.2.100:80-cmd:/bin/echo hello",
        "tcp:10.0.2.100:80-cmd:/bin/echo hello",
    ),
    (":10.0.2.100:80-cmd:a", "tcp:10.0.2.100:80-cmd:a"),
    ("::80-cmd:a", "tcp::80-cmd:a"),
    (
        "tcp::80-cmd:a 'b c' \"d'e\" f\\ g '\\'",
        "tcp::80-cmd:a 'b c' \"d'e\" f\\ g '\\'",
    ),
    ("tcp::80-tcp:localhost:8080", "tcp::80-tcp:localhost:8080"),
    ("tcp::80-tcp:127.0.0.1:8080", "tcp::80-tcp:127.0.0.1:8080"),
    ("tcp::80-tcp:[0::1]:8080", "tcp::80-tcp:[::1]:8080"),
    (
        "tcp::80-tcp:a-b.example.com.:1",
        "tcp::80-tcp:a-b.example.com.:1",
    ),
    ("tcp::80-tcp:a.0xb:1", "tcp::80-tcp:a.0xb:1"),
    ("tcp::80-unix:/run/a-b:c", "tcp::80-unix:/run/a-b:c"),
];

#[test]
fn rules_are_read_and_printed() {
    reads_and_prints::<HostForward>(HOST);
    reads_and_prints::<GuestForward>(GUEST);
}

fn reads_and_prints<T>(rules: &[(&str, &str)])
where
    T: FromStr<Err = ConfigError> + Display + PartialEq + Debug,
{
    for (rule, printed) in rules {
        let read = rule.parse::<T>();
        let text = read.as_ref().map(ToString::to_string);
        assert_eq!(text.as_deref(), Ok(*printed), "{rule}");
        assert_eq!(printed.parse::<T>(), read, "{rule}");
    }
}

#[test]
fn a_rule_means_what_it_says() {
    let rule: HostForward = "udp:127.0.0.1:8000-8010-10.0.2.15:9000".parse().unwrap();
    let host = HostSide::Ip {
        address: Some(Ipv4Addr::LOCALHOST.into()),
        ports: 8000..=8010,
    };
    let mut expected = HostForward::new(Transport::Udp, host, 9000);
    expected.guest_address = Some(Ipv4Addr::new(10, 0, 2, 15).into());
    assert_eq!(rule, expected);

    let rule: HostForward = "unix:/run/a-b-:22".parse().unwrap();
    let host = HostSide::Unix("/run/a-b".into());
    assert_eq!(rule, HostForward::new(Transport::Tcp, host, 22));

    let rule: GuestForward = "tcp::80-tcp:[::1]:8080".parse().unwrap();
    let target = GuestForwardTarget::Tcp("::1".to_owned(), 8080);
    assert_eq!(rule, GuestForward::new(80, target));
}

/// Each rule with what is wrong below the place where it is wrong.
const BAD_HOST: &str = include_str!("refused/hostfwd.txt");
const BAD_GUEST: &str = include_str!("refused/guestfwd.txt");
const BAD_KEY: &str = include_str!("refused/host-side.txt");

#[test]
fn rules_are_refused_with_place_and_remedy() {
    refuses::<HostForward>(BAD_HOST);
    refuses::<GuestForward>(BAD_GUEST);
    refuses::<HostForwardKey>(BAD_KEY);
}

fn refuses<T: FromStr<Err = ConfigError> + Debug>(cases: &str) {
    let lines: Vec<_> = cases.lines().collect();
    assert_eq!(lines.len() % 2, 0, "half a case");
    let (texts, complaints) = (lines.iter().step_by(2), lines.iter().skip(1).step_by(2));
    for (text, complaint) in texts.zip(complaints) {
        let found = match text.parse::<T>() {
            Err(error) => {
                let place = " ".repeat(error.position());
                format!("{place}^{}", error.message().replacen(text, "", 1))
            }
            Ok(read) => format!("{read:?}"),
        };
        assert_eq!(found, *complaint, "{text}");
    }
}

#[test]
fn paths_that_no_socket_has_are_refused() {
    let longest = format!("/{}", "x".repeat(102));
    let rule: HostForward = format!("unix:{longest}-:22").parse().unwrap();
    assert_eq!(rule.host, HostSide::Unix(longest.clone().into()));
    let rule: GuestForward = format!("tcp::1-unix:{longest}").parse().unwrap();
    assert_eq!(
        rule.target,
        GuestForwardTarget::Unix(longest.clone().into())
    );

    let error = format!("unix:{longest}x-:22")
        .parse::<HostForward>()
        .unwrap_err();
    assert_eq!(error.position(), 5 + 103);
    assert!(
        error
            .message()
            .ends_with("has a path of 104 bytes; the path of a unix socket has at most 103")
    );
    let error = format!("tcp::1-unix:/{}", "ü".repeat(60))
        .parse::<GuestForward>()
        .unwrap_err();
    assert_eq!(error.position(), 12 + 103);
    let error = format!("tcp::1-unix://{}", "ü".repeat(60))
        .parse::<GuestForward>()
        .unwrap_err();
    assert_eq!(error.position(), 12 + 102, "not inside of a character");

    let error = "unix:/a\0b-:22".parse::<HostForward>().unwrap_err();
    assert_eq!(error.position(), 7);
    assert!(error.to_string().contains("has a zero byte in its path"));
    let error = "tcp::1-cmd:a\0b".parse::<GuestForward>().unwrap_err();
    assert_eq!(error.position(), 12);
}

/// Host sides, rules, where these are bound, and whether the one means the other.
const KEYS: &[(&str, &str, &str, bool)] = &[
    (":2222", "tcp::2222-:22", "0.0.0.0:2222", true),
    ("::2222", "tcp::2222-:22", "0.0.0.0:2222", true),
    ("tcp::2222", "tcp::2222-:22", "0.0.0.0:2222", true),
    ("tcp:0.0.0.0:2222", "tcp::2222-:22", "0.0.0.0:2222", true),
    ("tcp::2222", "tcp:0.0.0.0:2222-:22", "0.0.0.0:2222", true),
    (
        "tcp::2222",
        "tcp:127.0.0.1:2222-:22",
        "127.0.0.1:2222",
        false,
    ),
    (
        "tcp:127.0.0.1:2222",
        "tcp:127.0.0.1:2222-:22",
        "127.0.0.1:2222",
        true,
    ),
    (
        "udp:127.0.0.1:2222",
        "tcp:127.0.0.1:2222-:22",
        "127.0.0.1:2222",
        false,
    ),
    (
        "tcp:127.0.0.1:2223",
        "tcp:127.0.0.1:2222-:22",
        "127.0.0.1:2222",
        false,
    ),
    ("udp:[::1]:53", "udp:[::1]:53-:53", "[::1]:53", true),
    ("udp:[::]:53", "udp::53-[fd00::15]:53", "[::]:53", true),
    ("udp::53", "udp:[::]:53-:53", "[::]:53", false),
    ("tcp::0", "tcp::0-:22", "0.0.0.0:40000", true),
    ("tcp::40000", "tcp::0-:22", "0.0.0.0:40000", true),
    ("tcp::40001", "tcp::0-:22", "0.0.0.0:40000", false),
    ("tcp:127.0.0.1:40000", "tcp::0-:22", "0.0.0.0:40000", false),
    ("tcp::1-2", "tcp::1-2-:22", "0.0.0.0:1,0.0.0.0:2", true),
    ("tcp::1", "tcp::1-2-:22", "0.0.0.0:1,0.0.0.0:2", false),
    ("unix:/a", "tcp::1-:22", "0.0.0.0:1", false),
    ("unix:/run/a-b", "unix:/run/a-b-:22", "", true),
    ("unix:/run/a", "unix:/run/a-b-:22", "", false),
    ("::22", "unix:/run/a-b-:22", "", false),
];

#[test]
fn a_host_side_names_a_rule() {
    for (key, rule, bound, expected) in KEYS {
        let named: HostForwardKey = key.parse().unwrap();
        let rule: HostForward = rule.parse().unwrap();
        let bound = bound.split(',').filter(|it| !it.is_empty());
        let bound: Vec<SocketAddr> = bound.map(|it| it.parse().unwrap()).collect();
        assert_eq!(named.matches(&rule, &bound), *expected, "{key} and {rule}");
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
        any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
    ]
}

/// Paths that a rule can have, with the characters that separate in them.
fn path() -> impl Strategy<Value = String> {
    "/([-:/ a-c\\[\\]ü]|\\PC){0,20}"
}

fn host_forward() -> impl Strategy<Value = HostForward> {
    let udp = any::<bool>();
    let ports = prop_oneof![
        Just(0..=0),
        (1..=u16::MAX, 0..20_u16).prop_map(|(first, more)| first..=first.saturating_add(more)),
    ];
    let host = (prop::option::of(address()), ports)
        .prop_map(|(address, ports)| HostSide::Ip { address, ports });
    let host = prop_oneof![4 => host, 1 => path().prop_map(|path| HostSide::Unix(path.into()))];
    (udp, host, prop::option::of(address()), 1..=u16::MAX).prop_map(|(udp, host, guest, port)| {
        let (protocol, length) = match &host {
            HostSide::Unix(_) => (Transport::Tcp, 0),
            HostSide::Ip { ports, .. } if udp => (Transport::Udp, ports.end() - ports.start()),
            HostSide::Ip { ports, .. } => (Transport::Tcp, ports.end() - ports.start()),
        };
        let address = match &host {
            HostSide::Ip { address, .. } => *address,
            HostSide::Unix(_) => None,
        };
        let mut rule = HostForward::new(protocol, host, port.min(u16::MAX - length));
        rule.guest_address = guest
            .filter(|guest| address.is_none_or(|address| address.is_ipv4() == guest.is_ipv4()));
        rule
    })
}

fn guest_forward() -> impl Strategy<Value = GuestForward> {
    let name = prop_oneof![
        address().prop_map(|it| it.to_string()),
        "[a-z][a-z0-9_.-]{0,20}[a-z]"
    ];
    let target = prop_oneof![
        "/[ -!#-&(-\\[\\]-~]{0,20}".prop_map(GuestForwardTarget::Command),
        (name, 1..=u16::MAX).prop_map(|(name, port)| GuestForwardTarget::Tcp(name, port)),
        path().prop_map(|path| GuestForwardTarget::Unix(path.into())),
    ];
    let server = prop::option::of(any::<u32>().prop_map(Ipv4Addr::from_bits));
    (server, 1..=u16::MAX, target).prop_map(|(server, port, target)| {
        let mut rule = GuestForward::new(port, target);
        rule.server = server;
        rule
    })
}

/// Texts out of the pieces that rules are made of.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "tcp",
        "udp",
        "unix",
        "cmd",
        ":",
        ":",
        ":",
        "-",
        "-",
        "[",
        "]",
        "0",
        "22",
        "080",
        "0x50",
        "65535",
        "65536",
        "99999999999999999999",
        "10.0.2.15",
        "127.1",
        "::",
        "::1",
        "fd00::1%eth0",
        "/",
        "/tmp/a-b",
        " ",
        "'",
        "\"",
        "\\",
        "ü",
        "\0",
        "+",
        "localhost",
        "8000-8010",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..14)
        .prop_map(|pieces| pieces.concat())
}

fn is_read_or_refused<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = ConfigError> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(read) => {
            let printed = read.to_string();
            prop_assert_eq!(printed.parse::<T>().ok(), Some(read), "{}", printed);
        }
        Err(error) => {
            prop_assert!(text.is_char_boundary(error.position()), "{}", error);
            prop_assert!(error.message().starts_with(text));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn what_is_printed_is_read_back(host in host_forward(), guest in guest_forward()) {
        prop_assert_eq!(host.to_string().parse::<HostForward>().unwrap(), host);
        prop_assert_eq!(guest.to_string().parse::<GuestForward>().unwrap(), guest);
    }

    #[test]
    fn the_key_of_a_rule_names_it(rule in host_forward()) {
        let key = HostForwardKey::from(&rule);
        prop_assert!(key.matches(&rule, &[]));
        prop_assert_eq!(key.to_string().parse::<HostForwardKey>().unwrap(), key);
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), pieces()]) {
        is_read_or_refused::<HostForward>(&text)?;
        is_read_or_refused::<GuestForward>(&text)?;
        is_read_or_refused::<HostForwardKey>(&text)?;
    }
}
