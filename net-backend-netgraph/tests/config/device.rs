//! `ngd:`

use std::time::Duration;

use net_backend_core::{ConfigError, Error};
use net_backend_netgraph::{Ngd, NgdConfig};
use proptest::prelude::*;

use super::refusals::refuses;

fn read(text: &str) -> Result<NgdConfig, ConfigError> {
    NgdConfig::from_uri(&text.parse()?)
}

#[test]
fn without_options_nothing_is_asked_for() {
    for name in ["ngd0", "ngd7", "ngd10", "ngd999"] {
        let config = read(&format!("ngd:{name}")).unwrap();
        assert_eq!(config, NgdConfig::new(name));
        assert_eq!(config.patience, Duration::from_millis(100));
        assert!(config.offloads);
        assert_eq!((config.mac, config.descriptor), (None, None));
    }
}

#[test]
fn every_option_is_read() {
    let text = "ngd:ngd3?patience=0&offloads=off&mac=52:54:00:12:34:56";
    let config = read(text).unwrap();
    assert_eq!(config.name, "ngd3");
    assert_eq!(config.patience, Duration::ZERO);
    assert!(!config.offloads);
    assert_eq!(config.mac, "52:54:00:12:34:56".parse().ok());
    assert_eq!(config.to_uri().to_string(), text);
    let config = read("ngd:?fd=9").unwrap();
    assert_eq!((config.name.as_str(), config.descriptor), ("", Some(9)));
    assert_eq!(config.to_uri().to_string(), "ngd:?fd=9");
}

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
ngd:
    ^ BadTarget: no device; write ngd:ngd0, or ngd:?fd=N
ngd:0
    ^ BadTarget: 0 is no device of ng_device(4); write ngd0 to ngd999
ngd:ngd
    ^ BadTarget: ngd is no device of ng_device(4); write ngd0 to ngd999
ngd:ngd00
    ^ BadTarget: ngd00 is no device of ng_device(4); write ngd0 to ngd999
ngd:ngd+1
    ^ BadTarget: ngd+1 is no device of ng_device(4); write ngd0 to ngd999
ngd:ngd1000
    ^ BadTarget: ngd1000 is no device of ng_device(4); write ngd0 to ngd999
ngd:../ngd0
    ^ BadTarget: ../ngd0 is no device of ng_device(4); write ngd0 to ngd999
ngd:/dev/ngd0
    ^ BadTarget: the device is in /dev anyway; write ngd:ngd0
ngd:/dev/mem
    ^ BadTarget: /dev/mem is no device of ng_device(4); write ngd0 to ngd999
ngd:ngd0?fd=9
    ^ BadTarget: descriptor 9 is a device already; leave ngd0 out, or fd=9
ngd:?fd=2
        ^ BadValue: fd=2 is not a number from 3 to 2147483647
ngd:ngd0?queues=2
                ^ BadValue: queues=2 cannot be had: netgraph hands frames to one socket or device, which is one queue pair; leave it out
ngd:ngd0?patience=60001
                  ^ BadValue: patience=60001 is not a number from 0 to 60000
ngd:ngd0?offloads=yes
                  ^ BadValue: offloads=yes is neither on nor off
ngd:ngd0?mac=01:00:5e:00:00:01
             ^ BadValue: mac=01:00:5e:00:00:01 is a multicast address; a NIC's own address has an even first byte
ngd:ngd0?sndbuf=4096
         ^ UnknownKey: unknown option sndbuf; ngd takes fd, patience, offloads, mac
ngd:ngd0?hook=a&queues=2
         ^ UnknownKey: unknown option hook; ngd takes fd, patience, offloads, mac
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD, |text| read(text).map(drop));
}

#[test]
fn what_no_uri_says_is_refused_before_anything_is_opened() {
    let mut config = NgdConfig::new("ngd0");
    config.descriptor = Some(1);
    for config in [config, NgdConfig::new(""), NgdConfig::new("ngd0?fd=5")] {
        let refused = Ngd::open(&config);
        assert!(matches!(refused, Err(Error::Config(_))), "{refused:?}");
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_the_same(number in 0..=999_u16, passed: bool, patience in 0..=60_000_u64, offloads: bool) {
        let mut config = NgdConfig::new(format!("ngd{number}"));
        if passed {
            config.name = String::new();
            config.descriptor = Some(i32::from(number) + 3);
        }
        config.patience = Duration::from_millis(patience);
        config.offloads = offloads;
        let printed = config.to_uri().to_string();
        prop_assert_eq!(read(&printed), Ok(config), "{}", printed);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(ngd)?[0-9+ -]{0,5}.{0,3}") {
        if let Ok(config) = read(&format!("ngd:{text}")) {
            prop_assert_eq!(NgdConfig::from_uri(&config.to_uri()), Ok(config));
        }
    }
}
