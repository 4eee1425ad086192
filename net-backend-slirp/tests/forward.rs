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
        let read: T = rule.parse().unwrap();
        assert_eq!(read.to_string(), *printed, "{rule}");
        assert_eq!(printed.parse::<T>().unwrap(), read, "{rule}");
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
const BAD_HOST: &str = r#"
80
^ has no colon; write tcp::2222-:22
tcp
^ has no colon; write tcp::2222-:22
tcp:80
    ^ has no colon in its host side; write ADDRESS:PORT or :PORT
tcp:
    ^ has no colon in its host side; write ADDRESS:PORT or :PORT
tcp:80-:22
    ^ has "80-" for the host address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
tcp::-:22
     ^ has no host port; write a number from 0 to 65535
tcp::80x-:22
     ^ has the host port 80x, which is not a decimal number; write one from 0 to 65535
tcp::0x50-:22
     ^ has the host port 0x50, which is hexadecimal; write it in decimal
tcp::080-:22
     ^ has the host port 080, whose leading zero makes it octal elsewhere; write it without
tcp::00-:22
     ^ has the host port 00, whose leading zero makes it octal elsewhere; write it without
tcp::+80-:22
     ^ has the host port +80, which is not a decimal number; write one from 0 to 65535
tcp::65536-:22
     ^ has the host port 65536, which is above the last port, 65535; write a lower one
tcp::99999999999999999999-:22
     ^ has the host port 99999999999999999999, which is above the last port, 65535; write a lower one
tcp::80
       ^ has no - between host and guest; write tcp::2222-:22
tcp::80:22
       ^ has no - between host and guest; write tcp::2222-:22
tcp::80-
        ^ has no colon in its guest side; write ADDRESS:PORT or :PORT
tcp::80-22
        ^ has no colon in its guest side; write ADDRESS:PORT or :PORT
tcp::80-:
         ^ has no guest port; write a number from 0 to 65535
tcp::80-:0
         ^ has the guest port 0; write one from 1 to 65535
tcp::80-:22x
         ^ has the guest port 22x, which is not a decimal number; write one from 0 to 65535
tcp::80-:22-
           ^ has "-" behind its end; leave it out
tcp::80-:22,udp
           ^ has ",udp" behind its end; leave it out
tcp::80-:22;udp::53-:53
           ^ has ";udp::53-:53" behind its end; leave it out
sctp::80-:22
^ has the unknown protocol "sctp"; write tcp, udp or unix
TCP::80-:22
^ has the protocol TCP in capitals; write tcp
tcp6::80-:22
^ has the unknown protocol "tcp6"; write tcp, udp or unix
tcp:127.1:80-:22
    ^ has "127.1" for the host address, which is no IPv4 address in full; write four decimal numbers without leading zeros, as in 127.0.0.1
tcp:0177.0.0.1:80-:22
    ^ has "0177.0.0.1" for the host address, which is no IPv4 address in full; write four decimal numbers without leading zeros, as in 127.0.0.1
tcp:0x7f.1:80-:22
    ^ has "0x7f.1" for the host address, which is no IPv4 address in full; write four decimal numbers without leading zeros, as in 127.0.0.1
tcp:127.0.0.1.:80-:22
    ^ has "127.0.0.1." for the host address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
tcp:256.0.0.1:80-:22
    ^ has "256.0.0.1" for the host address, which is no IPv4 address in full; write four decimal numbers without leading zeros, as in 127.0.0.1
tcp:localhost:80-:22
    ^ has "localhost" for the host address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
tcp:*:80-:22
    ^ has "*" for the host address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
tcp:::1:80-:22
    ^ has "" for the host address, and more colons behind it; write an IPv6 address in [ ]
tcp:fd00::1:80-:22
    ^ has "fd00" for the host address, and more colons behind it; write an IPv6 address in [ ]
tcp:[::1:80-:22
    ^ has a [ without ] in its host address; write ] behind the address
tcp:[::1]80-:22
         ^ has no colon behind the host address; write [::1]:PORT
tcp:[]:80-:22
     ^ has [] for the host address, which is no IPv6 address; write one as [fd00::2]
tcp:[127.0.0.1]:80-:22
     ^ has [127.0.0.1] for the host address, which is no IPv6 address; write one as [fd00::2]
tcp:[fe80::1%eth0]:80-:22
     ^ has [fe80::1%eth0] for the host address, which has a zone; write an address without %
tcp:127.0.0.1:80-[::]:22
                 ^ leads from one IP version to the other, which libslirp cannot translate; give both addresses in one version
tcp:[::1]:80-10.0.2.15:22
             ^ leads from one IP version to the other, which libslirp cannot translate; give both addresses in one version
tcp::80-10.0.2.15
        ^ has no colon in its guest side; write ADDRESS:PORT or :PORT
tcp::80-10.0.2.15:22:23
                    ^ has ":23" behind its end; leave it out
tcp::80-guest:22
        ^ has "guest" for the guest address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
tcp::80-70-:22
     ^ has the host ports 80-70, which run backwards; write 70-80
tcp::0-10-:22
     ^ has a range of host ports from 0 on; let it begin at 1
tcp::1-3-:22-23
          ^ leads 3 host ports to 2 guest ports; give as many, or only the first
tcp::80-:22-23
         ^ leads 1 host ports to 2 guest ports; give as many, or only the first
tcp::80-:23-22
         ^ has the guest ports 23-22, which run backwards; write 22-23
tcp::80-:0-1
         ^ has a range of guest ports from 0 on; let it begin at 1
tcp::1-3-:65534
          ^ needs 3 guest ports from 65534 on, which run past 65535; begin lower
tcp::80-90
        ^ has no colon in its guest side; write ADDRESS:PORT or :PORT
tcp::80-90x-:22
        ^ has the host port 90x, which is not a decimal number; write one from 0 to 65535
unix
^ has no colon; write tcp::2222-:22
unix:
     ^ has no - between path and guest; write unix:/PATH-:22
unix:/tmp/a
           ^ has no - between path and guest; write unix:/PATH-:22
unix:/tmp/a:22
              ^ has no - between path and guest; write unix:/PATH-:22
unix:tmp/a-:22
     ^ has the path "tmp/a", which does not begin with a slash; write it in full
unix:-:22
     ^ has the path "", which does not begin with a slash; write it in full
unix:/tmp/a-22
            ^ has no colon in its guest side; write ADDRESS:PORT or :PORT
unix:/tmp/a-b:22
            ^ has "b" for the guest address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
unix:/tmp/a-:22-23
                ^ leads a socket to a range of guest ports; give one of them
unix:/tmp/a-:0
             ^ has the guest port 0; write one from 1 to 65535
unix:/tmp/a-:22x
             ^ has the guest port 22x, which is not a decimal number; write one from 0 to 65535
"#;

const BAD_GUEST: &str = r#"
80
^ has no colon; write tcp::80-cmd:COMMAND
tcp
^ has no colon; write tcp::80-cmd:COMMAND
tcp:80-cmd:a
    ^ has "80-cmd" for the server address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
udp::80-cmd:a
^ has the protocol udp; the guest's side is always tcp
tcp:[fd00::100]:80-cmd:a
    ^ has an IPv6 server; libslirp has guestfwd for IPv4 only: write an IPv4 address
tcp:10.0.2:80-cmd:a
    ^ has "10.0.2" for the server address, which is no IPv4 address in full; write four decimal numbers without leading zeros, as in 127.0.0.1
tcp::0-cmd:a
     ^ has the server port 0; write one from 1 to 65535
tcp::x-cmd:a
     ^ has the server port x, which is not a decimal number; write one from 0 to 65535
tcp::80
       ^ has no - between server and target; write tcp::80-cmd:COMMAND
tcp::80-
        ^ has an unknown target; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
tcp::80-chardev0
        ^ has an unknown target; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
tcp::80-pty:a
        ^ has an unknown target; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
tcp::80-8080-cmd:a
        ^ has an unknown target; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
tcp::80-cmd:
            ^ has no command; write cmd:/PATH/PROGRAM
tcp::80-cmd:a 'b
              ^ has a quotation mark in its command that is not closed
tcp::80-cmd:a "b\"
              ^ has a quotation mark in its command that is not closed
tcp::80-cmd:a\
             ^ ends in a backslash; write two, or none
tcp::80-tcp:localhost
            ^ has no port behind the target; write tcp:HOST:PORT
tcp::80-tcp::80
            ^ has "" for the target, which is empty; write a name, 127.0.0.1 or [::1]
tcp::80-tcp:127.1:80
            ^ has "127.1" for the target, which is no IPv4 address in full; write a name, 127.0.0.1 or [::1]
tcp::80-tcp:0x7f000001:80
            ^ has "0x7f000001" for the target, which is no IPv4 address in full; write a name, 127.0.0.1 or [::1]
tcp::80-tcp:a b:80
            ^ has "a b" for the target, which is neither a name nor an address; write a name, 127.0.0.1 or [::1]
tcp::80-tcp:fd00::1:80
                 ^ has the target port :1:80, which is not a decimal number; write one from 0 to 65535
tcp::80-tcp:[fd00::1]
                     ^ has no colon behind the target address; write [fd00::1]:PORT
tcp::80-tcp:[x]:80
             ^ has [x] for the target address, which is no IPv6 address; write one as [fd00::2]
tcp::80-tcp:localhost:0
                      ^ has the target port 0; write one from 1 to 65535
tcp::80-tcp:localhost:http
                      ^ has the target port http, which is not a decimal number; write one from 0 to 65535
tcp::80-tcp:localhost:80,nodelay
                      ^ has the target port 80,nodelay, which is not a decimal number; write one from 0 to 65535
tcp::80-unix:
             ^ has the path "", which does not begin with a slash; write it in full
tcp::80-unix:a
             ^ has the path "a", which does not begin with a slash; write it in full
"#;

const BAD_KEY: &str = r#"
2222
^ has no colon; write tcp::2222
tcp
^ has no colon; write tcp::2222
tcp:
    ^ has no colon in its host side; write ADDRESS:PORT or :PORT
tcp:2222
    ^ has no colon in its host side; write ADDRESS:PORT or :PORT
127.0.0.1:2222
^ has the unknown protocol "127.0.0.1"; write tcp, udp or unix
sctp::22
^ has the unknown protocol "sctp"; write tcp, udp or unix
tcp::22-:22
       ^ has "-:22" behind its end; leave it out
tcp::22x
     ^ has the host port 22x, which is not a decimal number; write one from 0 to 65535
tcp:localhost:22
    ^ has "localhost" for the host address, which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing
unix:a
     ^ has the path "a", which does not begin with a slash; write it in full
unix:
     ^ has the path "", which does not begin with a slash; write it in full
"#;

#[test]
fn rules_are_refused_with_place_and_remedy() {
    refuses::<HostForward>(BAD_HOST);
    refuses::<GuestForward>(BAD_GUEST);
    refuses::<HostForwardKey>(BAD_KEY);
}

fn refuses<T: FromStr<Err = ConfigError> + Debug>(cases: &str) {
    let lines: Vec<_> = cases.trim().lines().collect();
    for case in lines.chunks(2) {
        let [text, complaint] = case else {
            panic!("half a case: {case:?}");
        };
        let found = match text.parse::<T>() {
            Err(error) => {
                let message = error.message().strip_prefix(text).unwrap();
                format!("{}^{message}", " ".repeat(error.position()))
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

#[test]
fn a_host_side_names_a_rule() {
    let at =
        |text: &str| -> Vec<SocketAddr> { text.split(',').map(|it| it.parse().unwrap()).collect() };
    let cases = [
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
    ];
    for (key, rule, bound, expected) in cases {
        let named: HostForwardKey = key.parse().unwrap();
        let rule: HostForward = rule.parse().unwrap();
        assert_eq!(
            named.matches(&rule, &at(bound)),
            expected,
            "{key} and {rule}"
        );
    }
    let rule: HostForward = "unix:/run/a-b-:22".parse().unwrap();
    for (key, expected) in [
        ("unix:/run/a-b", true),
        ("unix:/run/a", false),
        ("::22", false),
    ] {
        let named: HostForwardKey = key.parse().unwrap();
        assert_eq!(named.matches(&rule, &[]), expected, "{key}");
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
