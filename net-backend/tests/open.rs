//! Opening by text: what works, and what is said when it does not.

use net_backend::{Activation, ConfigProblem, Environment, Error, Features, HeaderLength, Sent};

/// What is wrong with the text, if anything is.
fn complaint(text: &str) -> Option<(ConfigProblem, String)> {
    match net_backend::open(text) {
        Err(Error::Config(error)) => Some((error.problem(), error.to_string())),
        _ => None,
    }
}

#[test]
fn what_is_in_memory_opens_everywhere() {
    for uri in ["null:", "loopback:", "loopback:?queues=4&mtu=9000"] {
        let backend = net_backend::open(uri).unwrap();
        assert_eq!(backend.describe().to_string(), uri);
        let again = net_backend::open_in(uri, &Environment::default()).unwrap();
        assert_eq!(again.capabilities(), backend.capabilities());
    }
}

#[test]
fn connects_with_header_and_offloads() {
    let with = Activation {
        header: HeaderLength::Twelve,
        features: Features::CSUM,
        ..Activation::plain()
    };
    let mut nic = net_backend::connect_with("loopback:", &with).unwrap();
    let frame = [0; 12 + 60];
    assert_eq!(nic.send(&frame).unwrap(), Sent::Queued);
    assert_eq!(nic.peek().unwrap(), Some(frame.len()));
}

#[test]
fn an_activation_that_cannot_be_is_refused() {
    let with = Activation {
        features: Features::CSUM,
        ..Activation::plain()
    };
    let error = net_backend::connect_with("loopback:", &with).unwrap_err();
    assert!(matches!(error, Error::NoHeader { .. }), "{error}");
}

#[test]
fn every_driver_has_its_own_scheme_and_help() {
    let registry = net_backend::registry();
    let schemes: Vec<_> = net_backend::drivers().iter().map(|d| d.scheme).collect();
    for driver in net_backend::drivers() {
        let scheme = driver.scheme;
        assert_eq!(schemes.iter().filter(|known| **known == scheme).count(), 1);
        assert!(
            registry
                .drivers()
                .iter()
                .any(|known| known.scheme == scheme)
        );
        for text in [driver.summary, driver.platforms, driver.privilege] {
            assert!(!text.is_empty() && !text.contains('\n'), "{scheme}: {text}");
        }
        for option in driver.options {
            assert!(!option.summary.is_empty(), "{scheme}: {}", option.key);
        }
    }
}

#[test]
fn unknown_options_are_named() {
    assert_eq!(
        complaint("loopback:?mtv=9000"),
        Some((
            ConfigProblem::UnknownKey,
            "unknown option mtv; loopback takes queues, capacity, mtu \
             (at byte 10 of \"loopback:?mtv=9000\")"
                .to_owned()
        ))
    );
}

#[test]
fn unknown_schemes_are_named_with_the_known_ones() {
    let (problem, text) = complaint("lopback:").unwrap();
    assert_eq!(problem, ConfigProblem::UnknownScheme);
    assert!(
        text.starts_with("unknown scheme lopback; there are: "),
        "{text}"
    );
    for driver in net_backend::drivers() {
        assert!(text.contains(driver.scheme), "{text}");
    }
}

#[test]
fn other_spellings_are_sent_to_their_translator() {
    let (problem, text) = complaint("tap,ifname=tap0").unwrap();
    assert_eq!(problem, ConfigProblem::Syntax);
    assert_eq!(
        text,
        "no scheme; write SCHEME:TARGET, as in tap:tap0; for bhyve or QEMU this is tap:tap0, \
         and compat::parse translates it (at byte 0 of \"tap,ifname=tap0\")"
    );
    let (_, text) = complaint("slirp,hostfwd=tcp::2222-:22").unwrap();
    assert!(text.contains("compat::parse"), "{text}");
    for text in ["tap:tap0?mtu", "eth0", "", "loopback:?mtu", "tap0:a"] {
        let (_, text) = complaint(text).unwrap();
        assert!(!text.contains("compat::parse"), "{text}");
    }
}

#[test]
fn a_port_of_a_switch_needs_no_scheme() {
    let with_options = [
        ("vale0:vm1?mtv=9000", "netmap:vale0:vm1?mtv=9000", 17),
        (
            "valeA_b:vm1{1?mtv=9000",
            "netmap:valeA_b:vm1{1?mtv=9000",
            21,
        ),
    ];
    for (text, meant, position) in with_options {
        let (problem, message) = complaint(text).unwrap();
        let place = format!("(at byte {position} of \"{meant}\")");
        match cfg!(feature = "netmap") {
            true => {
                assert_eq!(problem, ConfigProblem::UnknownKey);
                assert!(message.ends_with(&place), "{message}");
            }
            false => assert_eq!(problem, ConfigProblem::NotCompiledIn),
        }
    }
    let (problem, message) = complaint("vale0:vm1,mac=00:a0:98:12:34:56").unwrap();
    assert_eq!(problem, ConfigProblem::UnknownScheme);
    let hint =
        "for bhyve or QEMU this is netmap:vale0:vm1?mac=00:a0:98:12:34:56, and compat::parse";
    assert!(message.contains(hint), "{message}");
    for text in ["eval0:a", "valet-0:a", "vale.0:a", "vale0", "Vale0:a"] {
        let (_, message) = complaint(text).unwrap();
        assert!(!message.contains("netmap:vale"), "{message}");
    }
}

#[test]
fn netgraph_is_asked_for_by_its_schemes_only() {
    let texts = [
        ("netgraph:em0?peerhook=lower", "has no colon", 9),
        ("netgraph:?bridge=vmbr0&queues=2", "one queue pair", 30),
        ("ngd:ngd1000", "is no device of ng_device(4)", 4),
    ];
    for (text, part, position) in texts {
        let (problem, message) = complaint(text).unwrap();
        if cfg!(feature = "netgraph") {
            let place = format!("(at byte {position} of \"{text}\")");
            assert!(message.contains(part), "{message}");
            assert!(message.ends_with(&place), "{message}");
        } else {
            assert_eq!(problem, ConfigProblem::NotCompiledIn);
            assert!(message.contains("cargo feature netgraph"), "{message}");
        }
    }
    let others = [
        ("ngd0", "ngd:ngd0"),
        (
            "netgraph,path=em0:,peerhook=lower",
            "netgraph:em0:?peerhook=lower",
        ),
    ];
    for (text, meant) in others {
        let (problem, message) = complaint(text).unwrap();
        assert_eq!(problem, ConfigProblem::Syntax);
        let hint = format!("for bhyve or QEMU this is {meant}, and compat::parse");
        assert!(message.contains(&hint), "{message}");
    }
}

#[cfg(not(feature = "tap"))]
#[test]
fn a_driver_that_was_left_out_is_known_by_its_feature() {
    let (problem, text) = complaint("tap:tap0").unwrap();
    assert_eq!(problem, ConfigProblem::NotCompiledIn);
    let others: Vec<_> = net_backend::drivers().iter().map(|d| d.scheme).collect();
    let others = others.join(", ");
    assert_eq!(
        text,
        format!(
            "tap is not compiled in; enable the cargo feature tap of net-backend (there are: {others}) \
             (at byte 0 of \"tap:tap0\")"
        )
    );
}
