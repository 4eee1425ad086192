//! `netmap:` URIs: what is read, what is printed, what is refused and where.

mod names;

use net_backend_core::{ConfigError, Error, Uri};
use net_backend_netmap::{Monitor, Netmap, NetmapConfig, VirtioHeader};
use proptest::prelude::*;

fn read(text: &str) -> Result<NetmapConfig, ConfigError> {
    NetmapConfig::from_uri(&text.parse()?)
}

#[test]
fn without_options_nothing_is_asked_for() {
    let config = read("netmap:vale0:vm1").unwrap();
    assert_eq!(config, NetmapConfig::new("vale0:vm1".parse().unwrap()));
    assert_eq!((config.rings, config.slots), (None, None));
    assert_eq!((config.extra_buffers, config.fragments), (None, None));
    assert_eq!(config.virtio_header, VirtioHeader::Auto);
    assert!(!config.persist && config.mac.is_none() && config.descriptors.is_empty());
    assert_eq!(config.port.monitor(), None);
}

#[test]
fn every_option_is_read() {
    let text = "netmap:vale0:vm1?rings=4&slots=512&extra-bufs=64&vnet-hdr=on&fragments=33&persist=on&mac=52:54:00:12:34:56&fd=7&fd=5";
    let config = read(text).unwrap();
    assert_eq!((config.rings, config.slots), (Some(4), Some(512)));
    assert_eq!(
        (config.extra_buffers, config.fragments),
        (Some(64), Some(33))
    );
    assert_eq!(config.virtio_header, VirtioHeader::On);
    assert!(config.persist);
    assert_eq!(config.mac, "52:54:00:12:34:56".parse().ok());
    assert_eq!(config.descriptors, [7, 5]);
    assert_eq!(config.to_uri().to_string(), text);
}

#[test]
fn a_monitor_is_spelled_in_two_ways() {
    let pairs = [
        ("tx", "t", Monitor::Transmit),
        ("rx", "r", Monitor::Receive),
        ("both", "tr", Monitor::Both),
        ("zero-copy", "z", Monitor::ZeroCopy),
    ];
    for (option, flags, monitor) in pairs {
        let config = read(&format!("netmap:em0?monitor={option}&slots=64")).unwrap();
        assert_eq!(config.port.monitor(), Some(monitor));
        let same = format!("netmap:em0/{flags}?slots=64");
        assert_eq!(config.to_uri().to_string(), same);
        assert_eq!(read(&same).unwrap(), config);
    }
}

/// URIs with what they print back as.
const GOOD: &[(&str, &str)] = &[
    ("netmap:em0", "netmap:em0"),
    ("netmap:em0^", "netmap:em0^"),
    ("netmap:em0/rx@3", "netmap:em0@3/xr"),
    (
        "netmap:vale0:vm1?vnet-hdr=auto&persist=off",
        "netmap:vale0:vm1",
    ),
    ("netmap:vale0:vm1?rings=1", "netmap:vale0:vm1?rings=1"),
    ("netmap:vale0:vm1?rings=16", "netmap:vale0:vm1?rings=16"),
    ("netmap:vale0:vm1-3?rings=4", "netmap:vale0:vm1-3?rings=4"),
    ("netmap:em0{a?rings=256", "netmap:em0{a?rings=256"),
    ("netmap:em0*?monitor=rx", "netmap:em0*/r"),
    ("netmap:em0/x?monitor=both", "netmap:em0/xtr"),
    (
        "netmap:vale0:a?persist=on&rings=2&slots=2",
        "netmap:vale0:a?rings=2&slots=2&persist=on",
    ),
    (
        "netmap:em0?fd=3&fragments=1&extra-bufs=524288&vnet-hdr=off",
        "netmap:em0?extra-bufs=524288&vnet-hdr=off&fragments=1&fd=3",
    ),
    (
        "netmap:em0/z?slots=4096&fragments=64",
        "netmap:em0/z?slots=4096&fragments=64",
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

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
netmap:
       ^ BadTarget: no port; write netmap:em0 for an interface, netmap:vale0:vm1 for a VALE port
netmap:?fd=5
       ^ BadTarget: a descriptor does not say which port; write one, as netmap:vale0:vm1?fd=N
netmap:netmap:em0
       ^ BadTarget: the scheme says netmap already; write netmap:em0
netmap:vale0?persist=on
            ^ BadTarget: the port name vale0 begins with vale, as VALE ports do, but has no colon; write vale0:vm1
netmap:em0?queues=2
           ^ UnknownKey: unknown option queues; netmap takes rings, slots, extra-bufs, vnet-hdr, fragments, monitor, persist, mac, fd
netmap:vale0:a?rings=2&rings=2
                       ^ DuplicateKey: rings was given before; give it once
netmap:vale0:a?rings=0
                     ^ BadValue: rings=0 is not a number from 1 to 16
netmap:vale0:a?rings=17
                     ^ BadValue: rings=17 is not a number from 1 to 16
netmap:vale0:a?rings=+1
                     ^ BadValue: rings=+1 is not a number from 1 to 16
netmap:vale0:a{1?rings=257
                       ^ BadValue: rings=257 is not a number from 1 to 256
netmap:vale0:a-4?rings=4
                       ^ BadValue: rings=4 has no ring 4, which the port's name asks for; its last is 3
netmap:em0?rings=2
                 ^ BadValue: rings=2 is for ports of VALE and pipes; an interface has the rings of its driver (ethtool -L, or a sysctl); leave it out
netmap:vale0:a/t?rings=2
                       ^ BadValue: rings=2 is for what is made, but a monitor has as many as what it watches; leave it out
netmap:vale0:a?slots=1
                     ^ BadValue: slots=1 is not a number from 2 to 4096
netmap:vale0:a?slots=4097
                     ^ BadValue: slots=4097 is not a number from 2 to 4096
netmap:em0?slots=512
                 ^ BadValue: slots=512 is for ports of VALE, pipes and monitors; an interface has the slots of its driver (ethtool -G, or a sysctl); leave it out
netmap:em0?extra-bufs=0
                      ^ BadValue: extra-bufs=0 is not a number from 1 to 524288
netmap:em0?extra-bufs=524289
                      ^ BadValue: extra-bufs=524289 is not a number from 1 to 524288
netmap:em0?vnet-hdr=12
                    ^ BadValue: vnet-hdr=12 is none of auto, on and off
netmap:vale0:a/z?vnet-hdr=on
                          ^ BadValue: vnet-hdr=on is not for monitors, which see frames as the port that they watch has them; leave it out
netmap:em0?fragments=0
                     ^ BadValue: fragments=0 is not a number from 1 to 64
netmap:em0?fragments=65
                     ^ BadValue: fragments=65 is not a number from 1 to 64
netmap:em0?fragments=256
                     ^ BadValue: fragments=256 is not a number from 1 to 64
netmap:em0?monitor=all
                   ^ BadValue: monitor=all is none of tx, rx, both and zero-copy
netmap:em0?monitor=rx&monitor=tx
                      ^ DuplicateKey: monitor was given before; give it once
netmap:em0/t?monitor=tx
                     ^ BadValue: monitor=tx says again what the flags in the port's name say; give one of them
netmap:em0/R?monitor=rx
                     ^ BadValue: monitor=rx watches a port, but its name has R or T; leave R and T out
netmap:em0?persist=yes
                   ^ BadValue: persist=yes is neither on nor off
netmap:em0/r?persist=on
                     ^ BadValue: persist=on makes a port, but a monitor watches one that is open; leave it out
netmap:em0?persist=on
                   ^ BadValue: persist=on is for ports of VALE switches, which are made when they are opened; write vale0:NAME, or leave it out
netmap:vale0:a{1?persist=on
                         ^ BadValue: persist=on is for ports of VALE switches, which are made when they are opened; write vale0:NAME, or leave it out
netmap:em0?mac=01:00:5e:00:00:01
               ^ BadValue: mac=01:00:5e:00:00:01 is a multicast address; a NIC's own address has an even first byte
netmap:em0?fd=2
              ^ BadValue: fd=2 is not a number from 3 to 2147483647
netmap:em0?fd=-1
              ^ BadValue: fd=-1 is not a number from 3 to 2147483647
netmap:em0?fd=5&fd=6&fd=5
                        ^ BadValue: fd=5 was given before; each is bound to rings of its own
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD, |text| read(text).map(drop));
}

/// A change that no URI could ask for.
type Change = fn(&mut NetmapConfig);

#[test]
fn what_no_uri_says_is_refused_before_anything_is_opened() {
    let changes: [(Change, &str); 6] = [
        (|config| config.rings = Some(0), "rings=0 is not"),
        (|config| config.slots = Some(1), "slots=1 is not"),
        (
            |config| config.extra_buffers = Some(0),
            "extra-bufs=0 is not",
        ),
        (|config| config.fragments = Some(65), "fragments=65 is not"),
        (|config| config.descriptors = vec![-1], "fd=-1 is not"),
        (|config| config.descriptors = vec![9, 9], "fd=9 was given"),
    ];
    for (change, expected) in changes {
        let mut config = NetmapConfig::new("vale0:vm1".parse().unwrap());
        change(&mut config);
        match Netmap::open(&config) {
            Err(Error::Config(error)) => {
                assert!(error.message().starts_with(expected), "{error}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

/// Tries lines of texts, each with its complaint in the next.
pub(crate) fn refuses(cases: &str, read: impl Fn(&str) -> Result<(), ConfigError>) {
    let lines: Vec<_> = cases.trim().lines().collect();
    assert_eq!(lines.len() % 2, 0, "half a case");
    let (texts, complaints) = (lines.iter().step_by(2), lines.iter().skip(1).step_by(2));
    for (text, complaint) in texts.zip(complaints) {
        let found = match read(text) {
            Err(error) => {
                let (place, problem) = (" ".repeat(error.position()), error.problem());
                format!("{place}^ {problem:?}: {}", error.message())
            }
            Ok(()) => "accepted".to_owned(),
        };
        assert_eq!(found, *complaint, "{text}");
    }
}

const PIECES: &[&str] = &[
    "em0",
    "vale0:vm1",
    "vale:a",
    "{",
    "}",
    "1",
    "a",
    "^",
    "*",
    "-",
    "0",
    "@",
    "7",
    "/",
    "x",
    "t",
    "r",
    "z",
    "R",
    "T",
    "?",
    "&",
    "rings=",
    "slots=",
    "extra-bufs=",
    "vnet-hdr=",
    "fragments=",
    "monitor=",
    "persist=",
    "fd=",
    "on",
    "off",
    "auto",
    "tx",
    "both",
    "zero-copy",
    "12",
    "4096",
    "mac=",
    "65536",
    "%",
    "ü",
    " ",
];

proptest! {
    #[test]
    fn what_is_read_prints_as_what_reads_the_same(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12),
    ) {
        let text = format!("netmap:{}", pieces.concat());
        let Ok(uri) = text.parse::<Uri>() else {
            return Ok(());
        };
        match NetmapConfig::from_uri(&uri) {
            Ok(config) => {
                let printed = config.to_uri();
                prop_assert_eq!(printed.to_string().parse::<Uri>().unwrap(), printed.clone());
                prop_assert_eq!(NetmapConfig::from_uri(&printed).unwrap(), config);
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.position()), "{}", error);
            }
        }
    }
}
