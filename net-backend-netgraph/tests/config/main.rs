//! `netgraph:` and `ngd:` URIs: what is read, what is printed, what is refused and where.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may fail as the test itself"
)]

mod device;
mod refusals;

use std::time::Duration;

use net_backend_core::{ConfigError, Error, Uri};
use net_backend_netgraph::{Netgraph, NetgraphConfig, Wiring};
use proptest::prelude::*;

fn read(text: &str) -> Result<NetgraphConfig, ConfigError> {
    NetgraphConfig::from_uri(&text.parse()?)
}

fn wiring(text: &str) -> Wiring {
    read(text).unwrap().wiring
}

#[test]
fn without_options_nothing_is_asked_for() {
    let config = read("netgraph:em0:?peerhook=lower").unwrap();
    let wiring = Wiring::Path {
        path: "em0:".parse().unwrap(),
        peer_hook: "lower".parse().unwrap(),
    };
    assert_eq!(config, NetgraphConfig::new(wiring));
    assert_eq!((config.hook.as_str(), config.socket), ("vmlink", None));
    assert_eq!((config.send_buffer, config.receive_buffer), (None, None));
    assert_eq!(config.patience, Duration::from_millis(100));
    assert!(config.offloads && !config.lingers);
    assert_eq!((config.mac, config.descriptor), (None, None));
}

#[test]
fn every_option_is_read() {
    let text = "netgraph:vmbr0:?peerhook=link1&hook=eth&socket=vm1&linger=on&sndbuf=65536&rcvbuf=1048576&patience=0&offloads=off&mac=52:54:00:12:34:56";
    let config = read(text).unwrap();
    assert_eq!(config.hook.as_str(), "eth");
    assert_eq!(config.socket, "vm1".parse().ok());
    assert!(config.lingers && !config.offloads);
    assert_eq!(config.send_buffer, Some(65536));
    assert_eq!(config.receive_buffer, Some(1_048_576));
    assert_eq!(config.patience, Duration::ZERO);
    assert_eq!(config.mac, "52:54:00:12:34:56".parse().ok());
    assert_eq!(config.to_uri().to_string(), text);
}

#[test]
fn a_bridge_is_named_by_an_option() {
    let expected = Wiring::Bridge {
        name: "vmbr0".parse().unwrap(),
        uplink: Some("em0.5".to_owned()),
        persistent: true,
    };
    assert_eq!(
        wiring("netgraph:?bridge=vmbr0&uplink=em0.5&persist=on"),
        expected
    );
    let expected = Wiring::Bridge {
        name: "vmbr0".parse().unwrap(),
        uplink: None,
        persistent: false,
    };
    assert_eq!(wiring("netgraph:?bridge=vmbr0"), expected);
}

#[test]
fn a_new_node_is_named_in_front_and_has_the_usual_hook() {
    let hooks = [
        ("bridge", "link0"),
        ("hub", "link0"),
        ("echo", "link0"),
        ("device", "link0"),
        ("eiface", "ether"),
        ("tee", "left"),
    ];
    for (type_name, hook) in hooks {
        let expected = Wiring::MakePeer {
            type_name: type_name.parse().unwrap(),
            peer_hook: hook.parse().unwrap(),
            name: "new".parse().ok(),
        };
        let text = format!("netgraph:new?mkpeer={type_name}");
        assert_eq!(wiring(&text), expected);
    }
    let expected = Wiring::MakePeer {
        type_name: "vlan".parse().unwrap(),
        peer_hook: "nomatch".parse().unwrap(),
        name: None,
    };
    assert_eq!(wiring("netgraph:?mkpeer=vlan&peerhook=nomatch"), expected);
}

#[test]
fn a_descriptor_is_connected_already() {
    let config = read("netgraph:?fd=7&sndbuf=2048&linger=off").unwrap();
    assert_eq!(config.wiring, Wiring::Connected);
    assert_eq!(
        (config.descriptor, config.send_buffer),
        (Some(7), Some(2048))
    );
}

/// URIs with what they print back as.
const GOOD: &[(&str, &str)] = &[
    (
        "netgraph:em0:?peerhook=lower",
        "netgraph:em0:?peerhook=lower",
    ),
    (
        "netgraph:[1f]:?peerhook=a&hook=vmlink",
        "netgraph:[1f]:?peerhook=a",
    ),
    (
        "netgraph:em0:lower.link2?linger=off&peerhook=link3&patience=100&offloads=on",
        "netgraph:em0:lower.link2?peerhook=link3",
    ),
    (
        "netgraph:a%b:?peerhook=a%26b&persist=off",
        "netgraph:a%b:?peerhook=a%26b",
    ),
    (
        "netgraph:?persist=off&bridge=vmbr0",
        "netgraph:?bridge=vmbr0",
    ),
    (
        "netgraph:?hook=h&uplink=em0&bridge=b&patience=60000",
        "netgraph:?bridge=b&uplink=em0&hook=h&patience=60000",
    ),
    (
        "netgraph:?bridge=1234567890123456789012345678901&uplink=123456789012345",
        "netgraph:?bridge=1234567890123456789012345678901&uplink=123456789012345",
    ),
    (
        "netgraph:vm1?mkpeer=eiface",
        "netgraph:vm1?mkpeer=eiface&peerhook=ether",
    ),
    (
        "netgraph:?peerhook=link7&mkpeer=hub&rcvbuf=2147483647",
        "netgraph:?mkpeer=hub&peerhook=link7&rcvbuf=2147483647",
    ),
    (
        "netgraph:?fd=3&mac=52:54:00:12:34:56&patience=1",
        "netgraph:?fd=3&patience=1&mac=52:54:00:12:34:56",
    ),
];

#[test]
fn prints_what_reads_the_same() {
    for (text, printed) in GOOD {
        let config = read(text).unwrap();
        assert_eq!(config.to_uri().to_string(), *printed, "{text}");
        assert_eq!(read(printed).unwrap(), config, "{text}");
    }
}

#[test]
fn patience_of_less_than_a_millisecond_is_not_none() {
    let mut config = read("netgraph:?bridge=b").unwrap();
    config.patience = Duration::from_nanos(1);
    assert_eq!(config.to_uri().to_string(), "netgraph:?bridge=b&patience=1");
}

/// A change that no URI could ask for.
type Change = fn(&mut NetgraphConfig);

#[test]
fn what_no_uri_says_is_refused_before_anything_is_opened() {
    let changes: [(Change, &str); 6] = [
        (|config| config.descriptor = Some(-1), "fd=-1 is not"),
        (
            |config| config.descriptor = Some(7),
            "peerhook=lower is about a node of our own",
        ),
        (|config| config.send_buffer = Some(0), "sndbuf=0 is not"),
        (
            |config| config.patience = Duration::from_secs(61),
            "patience=61000 is not",
        ),
        (|config| config.wiring = Wiring::Connected, "no node to"),
        (
            |config| {
                config.wiring = Wiring::Path {
                    path: "a?b:".parse().unwrap(),
                    peer_hook: "lower".parse().unwrap(),
                };
            },
            "has a question mark",
        ),
    ];
    for (change, expected) in changes {
        let mut config = read("netgraph:em0:?peerhook=lower").unwrap();
        change(&mut config);
        match Netgraph::open(&config) {
            Err(Error::Config(error)) => {
                assert!(error.message().starts_with(expected), "{error}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

/// Configs of every kind of wiring.
fn configs() -> impl Strategy<Value = NetgraphConfig> {
    let switches = (any::<bool>(), any::<bool>());
    let buffer = || prop::option::of(2048..=i32::MAX.unsigned_abs());
    let socket = prop::option::of("s[a-z%&=, ü-]{0,15}");
    let numbers = (buffer(), buffer(), 0..=60_000_u64);
    let mac = prop::option::of(0..=255_u8);
    (
        wirings(),
        "[a-z%&=?ü]{1,15}",
        socket,
        switches,
        numbers,
        mac,
    )
        .prop_map(
            |(wiring, hook, socket, (lingers, offloads), (send, receive, patience), mac)| {
                let mut config = NetgraphConfig::new(wiring);
                if config.wiring == Wiring::Connected {
                    config.descriptor = i32::try_from(patience + 3).ok();
                } else {
                    config.hook = hook.parse().unwrap();
                    config.socket = socket.map(|name| name.parse().unwrap());
                    config.lingers = lingers;
                }
                config.offloads = offloads;
                (config.send_buffer, config.receive_buffer) = (send, receive);
                config.patience = Duration::from_millis(patience);
                config.mac = mac.map(|last| format!("52:54:00:12:34:{last:02x}").parse().unwrap());
                config
            },
        )
}

/// No name begins as those of sockets.
fn wirings() -> impl Strategy<Value = Wiring> {
    let name = || "[a-r0-9%&=_ü-][a-z%&=,_ ü-]{0,14}";
    let path = (
        "(\\[[1-9a-f]{1,8}\\]|[a-r0-9%&=_ü-]{1,15}):",
        "([a-z&]{1,9}(\\.[a-z%]{1,9}){0,9})?",
    );
    let path = (path, name()).prop_map(|((node, hooks), hook)| Wiring::Path {
        path: format!("{node}{hooks}").parse().unwrap(),
        peer_hook: hook.parse().unwrap(),
    });
    let made = (name(), name(), prop::option::of(name())).prop_map(|(type_name, hook, name)| {
        Wiring::MakePeer {
            type_name: format!("t{type_name}").parse().unwrap(),
            peer_hook: hook.parse().unwrap(),
            name: name.map(|name| name.parse().unwrap()),
        }
    });
    let uplink = prop::option::of("e[a-z0-9.:&%]{0,14}");
    let bridge = ("[a-d][a-z%&=, ü-]{0,15}", uplink, any::<bool>());
    let bridge = bridge.prop_map(|(name, uplink, persistent)| Wiring::Bridge {
        name: name.parse().unwrap(),
        uplink,
        persistent,
    });
    prop_oneof![path, made, bridge, Just(Wiring::Connected)]
}

const PIECES: &[&str] = &[
    "em0",
    ":",
    ".",
    "[1f]",
    "lower",
    "?",
    "&",
    "peerhook=",
    "hook=",
    "socket=",
    "linger=",
    "sndbuf=",
    "rcvbuf=",
    "patience=",
    "offloads=",
    "mac=",
    "fd=",
    "mkpeer=",
    "bridge=",
    "uplink=",
    "persist=",
    "queues=",
    "eiface",
    "bridge",
    "socket",
    "ng_",
    "on",
    "off",
    "2048",
    "7",
    "0",
    "52:54:00:12:34:56",
    "%",
    "%26",
    "ü",
    " ",
    "/",
];

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(config in configs()) {
        let printed = config.to_uri().to_string();
        prop_assert_eq!(read(&printed), Ok(config), "{}", printed);
    }

    #[test]
    fn what_is_read_prints_as_what_reads_the_same(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..14),
    ) {
        let text = format!("netgraph:{}", pieces.concat());
        let Ok(uri) = text.parse::<Uri>() else {
            return Ok(());
        };
        match NetgraphConfig::from_uri(&uri) {
            Ok(config) => prop_assert_eq!(read(&config.to_uri().to_string()), Ok(config)),
            Err(error) => prop_assert!(text.is_char_boundary(error.position()), "{}", error),
        }
    }
}
