//! The string that selects a backend: what parses, what does not and why, and that it prints back.

use net_backend_core::memory::{LOOPBACK, NULL};
use net_backend_core::{
    AbsentDriver, ConfigProblem, Environment, Error, ErrorKind, OptionSpec, Registry, Spelling, Uri,
};
use proptest::prelude::*;

type Parts<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[test]
fn good_uris_have_these_parts() {
    let good: &[(&str, Parts<'_>)] = &[
        ("null:", ("null", "", &[])),
        ("tap:tap0", ("tap", "tap0", &[])),
        ("tap:vm%d", ("tap", "vm%d", &[])),
        ("tap:tap0?mtu=9000", ("tap", "tap0", &[("mtu", "9000")])),
        ("netmap:vale0:1{3/T", ("netmap", "vale0:1{3/T", &[])),
        ("unix:/run/a&b=c#d", ("unix", "/run/a&b=c#d", &[])),
        ("a-2:t?k-1=", ("a-2", "t", &[("k-1", "")])),
        (
            "slirp:?fwd=a&fwd=b",
            ("slirp", "", &[("fwd", "a"), ("fwd", "b")]),
        ),
        ("x:?k=a=b?c:d/e", ("x", "", &[("k", "a=b?c:d/e")])),
        ("x:?k=%26%25%3d%0A", ("x", "", &[("k", "&%=\n")])),
        ("x:?k=%c3%BC+ü", ("x", "", &[("k", "ü+ü")])),
        ("x: spaced ?k= v ", ("x", " spaced ", &[("k", " v ")])),
    ];
    for (text, (scheme, target, pairs)) in good {
        let uri: Uri = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(uri.scheme(), *scheme, "{text}");
        assert_eq!(uri.target(), *target, "{text}");
        assert_eq!(uri.pairs().collect::<Vec<_>>(), *pairs, "{text}");
        assert_eq!(uri.to_string().parse::<Uri>().unwrap(), uri, "{text}");
    }
}

#[test]
fn bad_uris_say_where_and_what_instead() {
    let option = "an option is missing; write KEY=VALUE, or leave out the separator";
    let key = "a key is made of lower-case letters, digits and -";
    let scheme = "a scheme is made of lower-case letters, digits and -";
    let percent = "k: % is followed by two hexadecimal digits; write %25 for a percent sign";
    let bad = [
        ("", 0, "no scheme; write SCHEME:TARGET, as in tap:tap0"),
        ("tap0", 0, "no scheme; write SCHEME:TARGET, as in tap:tap0"),
        (
            ":tap0",
            0,
            "no scheme before the colon; write one, as in tap:tap0",
        ),
        ("Tap:tap0", 0, scheme),
        ("tap0,mac=52:54", 4, scheme),
        ("t ap:", 1, scheme),
        ("tüp:", 1, scheme),
        ("tap:tap0?", 9, option),
        ("tap:tap0?&mtu=1", 9, option),
        ("tap:tap0?mtu=1&", 15, option),
        ("tap:tap0?mtu=1&&k=2", 15, option),
        ("tap:tap0?mtu", 9, "mtu has no value; write mtu=VALUE"),
        ("tap:tap0?mtu=1&up", 15, "up has no value; write up=VALUE"),
        ("tap:?=1", 5, key),
        ("tap:?MTU=1", 5, key),
        ("tap:?k=1&m_u=1", 9, key),
        ("x:?k=%", 5, percent),
        ("x:?k=ab%2", 7, percent),
        ("x:?k=%+1", 5, percent),
        ("x:?k=%zz&l=1", 5, percent),
        ("x:?k=ü%ü", 7, percent),
        ("x:?k=a%ff", 5, "k: the escapes do not make UTF-8"),
    ];
    for (text, position, message) in bad {
        let error = text.parse::<Uri>().expect_err(text);
        assert_eq!(error.problem(), ConfigProblem::Syntax, "{text}");
        assert_eq!(
            error.to_string(),
            format!("{message} (at byte {position} of \"{text}\")")
        );
        assert_eq!(
            (error.position(), error.message()),
            (position, message),
            "{text}"
        );
    }
}

/// Text, problem, position, message.
const REFUSED: &[(&str, ConfigProblem, usize, &str)] = &[
    (
        "null:x",
        ConfigProblem::BadTarget,
        5,
        "null takes no target; write null:",
    ),
    (
        "null:?mtu=1500",
        ConfigProblem::UnknownKey,
        6,
        "unknown option mtu; null takes none",
    ),
    (
        "loopback:?mtu=1500&queue=2",
        ConfigProblem::UnknownKey,
        19,
        "unknown option queue; loopback takes queues, capacity, mtu",
    ),
    (
        "loopback:?mtu=1500&queues=2&mtu=1400",
        ConfigProblem::DuplicateKey,
        28,
        "mtu was given before; give it once",
    ),
    (
        "loopback:?queues=0",
        ConfigProblem::BadValue,
        17,
        "queues=0 is not a number from 1 to 64",
    ),
    (
        "loopback:?mtu=1500&queues=65",
        ConfigProblem::BadValue,
        26,
        "queues=65 is not a number from 1 to 64",
    ),
    (
        "loopback:?queues=99999999999999999999",
        ConfigProblem::BadValue,
        17,
        "queues=99999999999999999999 is not a number from 1 to 64",
    ),
    (
        "loopback:?capacity=+1",
        ConfigProblem::BadValue,
        19,
        "capacity=+1 is not a number from 1 to 65536",
    ),
    (
        "loopback:?mtu=",
        ConfigProblem::BadValue,
        14,
        "mtu= is not a number from 68 to 65535",
    ),
    (
        "loopback:?mtu=0x600",
        ConfigProblem::BadValue,
        14,
        "mtu=0x600 is not a number from 68 to 65535",
    ),
    (
        "loopback:?mtu=67",
        ConfigProblem::BadValue,
        14,
        "mtu=67 is not a number from 68 to 65535",
    ),
];

#[test]
fn options_are_refused_where_they_stand() {
    let registry = Registry::new([&NULL, &LOOPBACK]);
    for (text, problem, position, message) in REFUSED {
        let error = registry.open(text, &Environment::default()).unwrap_err();
        expect_config(&error, text, *problem, *position, message);
    }
}

const LIST: &[OptionSpec] = &[OptionSpec::new("rule", "RULE", "a rule").repeatable()];

#[test]
fn an_error_inside_a_value_points_to_what_was_written() {
    let uri: Uri = "x:?rule=%41%C3%BCü%25b&rule=ab".parse().unwrap();
    let options = uri.options(LIST).unwrap();
    let first = options.value("rule").unwrap();
    assert_eq!(first.text(), "Aüü%b");
    // The last two are in the middle of a character, and behind the end.
    let places = [
        (0, 8),
        (1, 11),
        (3, 17),
        (5, 19),
        (6, 22),
        (7, 23),
        (4, 17),
        (9, 23),
    ];
    for (offset, position) in places {
        let error = first.error_at(offset, "is wrong");
        assert_eq!(error.position(), position, "{offset}");
        assert_eq!(error.message(), "rule=Aüü%b is wrong");
    }
    let second = options.values("rule").nth(1).unwrap();
    assert_eq!(second.error_at(1, "is wrong").position(), 30);
    assert_eq!(second.error_at(2, "is wrong").position(), 31);
    assert_eq!(second.error("is wrong").position(), 29);
}

fn expect_config(
    error: &Error,
    text: &str,
    problem: ConfigProblem,
    position: usize,
    message: &str,
) {
    assert_eq!(error.kind(), ErrorKind::Config, "{text}");
    if let Error::Config(config) = error {
        assert_eq!(config.problem(), problem, "{text}");
    }
    assert_eq!(
        error.to_string(),
        format!("{message} (at byte {position} of \"{text}\")")
    );
}

#[test]
fn a_registry_tells_what_there_is() {
    let tap = AbsentDriver {
        scheme: "tap",
        feature: "tap",
    };
    let slirp = AbsentDriver {
        scheme: "slirp",
        feature: "user-mode",
    };
    let few = Registry::new([&NULL, &LOOPBACK]);
    let more = few.clone().with_absent([tap, slirp]);
    let refused = [
        (
            &few,
            "tap:tap0",
            ConfigProblem::UnknownScheme,
            "unknown scheme tap; there are: null, loopback",
        ),
        (
            &more,
            "tap:tap0",
            ConfigProblem::NotCompiledIn,
            "tap is not compiled in; enable the cargo feature tap of net-backend (there are: null, loopback)",
        ),
        (
            &more,
            "slirp:?net=10.0.2.0/24",
            ConfigProblem::NotCompiledIn,
            "slirp is not compiled in; enable the cargo feature user-mode of net-backend (there are: null, loopback)",
        ),
        (
            &more,
            "nul:",
            ConfigProblem::UnknownScheme,
            "unknown scheme nul; there are: null, loopback, tap (with the cargo feature tap), \
             slirp (with the cargo feature user-mode)",
        ),
    ];
    for (registry, text, problem, message) in refused {
        let error = registry.open(text, &Environment::default()).unwrap_err();
        expect_config(&error, text, problem, 0, message);
    }
}

#[test]
fn a_registry_replaces_a_scheme() {
    let registry = Registry::new([&NULL, &LOOPBACK]).with(&NULL);
    let schemes: Vec<_> = registry.drivers().iter().map(|it| it.scheme).collect();
    assert_eq!(schemes, ["loopback", "null"]);
    let opened = registry.open("null:", &Environment::default()).unwrap();
    assert_eq!(opened.describe().to_string(), "null:");
}

#[test]
fn another_spelling_is_for_schemes_that_nobody_has() {
    let respell: Spelling = |text| {
        text.strip_prefix("echo")
            .map(|rest| format!("loopback{rest}"))
    };
    let hijack: Spelling = |_| Some("null:".to_owned());
    let registry = Registry::new([&NULL, &LOOPBACK]).with_spelling(respell);
    let environment = Environment::default();
    let uri: Uri = "echo:?mtu=9000".parse().unwrap();
    for opened in [
        registry.open("echo:?mtu=9000", &environment),
        registry.open_uri(&uri, &environment),
    ] {
        assert_eq!(opened.unwrap().describe().to_string(), "loopback:?mtu=9000");
    }
    let error = registry.open("echo:a", &environment).unwrap_err();
    let expected = "loopback takes no target; write loopback:";
    expect_config(&error, "loopback:a", ConfigProblem::BadTarget, 9, expected);
    let error = registry.open("Echo:", &environment).unwrap_err();
    assert!(
        error.to_string().starts_with("a scheme is made of"),
        "{error}"
    );

    let absent = AbsentDriver {
        scheme: "tap",
        feature: "tap",
    };
    let registry = registry.with_absent([absent]).with_spelling(hijack);
    assert!(registry.open("tap:tap0", &environment).is_err());
    let opened = registry.open("loopback:", &environment).unwrap();
    assert_eq!(opened.describe().to_string(), "loopback:");
    let opened = registry.open("echo:", &environment).unwrap();
    assert_eq!(opened.describe().to_string(), "loopback:");
    let opened = registry.open("other:", &environment).unwrap();
    assert_eq!(opened.describe().to_string(), "null:");
}

#[test]
fn options_that_were_left_out_are_left_out_of_the_description() {
    let registry = Registry::new([&LOOPBACK]);
    for text in [
        "loopback:",
        "loopback:?queues=4",
        "loopback:?queues=4&capacity=2&mtu=9000",
    ] {
        let opened = registry.open(text, &Environment::default()).unwrap();
        assert_eq!(opened.describe().to_string(), text);
    }
}

fn scheme_or_key() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,8}"
}

fn target() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('?', ""))
}

/// Any text, with what has a meaning in URIs more often than by chance.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[%&=?:+ \\x00-\\x1f\u{85}\u{2028}a-fA-F0-9ü]{0,12}"
    ]
}

proptest! {
    #[test]
    fn prints_back_what_was_built(
        scheme in scheme_or_key(),
        target in target(),
        pairs in prop::collection::vec((scheme_or_key(), value()), 0..5),
    ) {
        let mut uri = Uri::new(&scheme).with_target(&target);
        for (key, value) in &pairs {
            uri = uri.with_option(key, value);
        }
        let text = uri.to_string();
        let parsed: Uri = text.parse().map_err(|error| TestCaseError::fail(format!("{error}")))?;
        prop_assert_eq!(&parsed, &uri);
        prop_assert_eq!(parsed.scheme(), scheme);
        prop_assert_eq!(parsed.target(), target);
        let given = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        prop_assert!(parsed.pairs().eq(given));
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn any_text_parses_or_says_where_not(
        text in prop_oneof![any::<String>(), "[a-c:?&=%ü01 -]{0,24}", "x:\\?k=[%0-9a-f]{0,12}"],
    ) {
        match text.parse::<Uri>() {
            Ok(uri) => prop_assert_eq!(uri.to_string().parse::<Uri>().unwrap(), uri),
            Err(error) => {
                prop_assert!(error.position() <= text.len());
                prop_assert!(text.is_char_boundary(error.position()));
            }
        }
    }

    #[test]
    fn any_options_open_or_are_refused(options in "(queues|mtu|capacity|x)=[0-9+ -]{0,6}") {
        let registry = Registry::new([&LOOPBACK]);
        let text = format!("loopback:?{options}");
        // Bounded, since each queue takes descriptors.
        prop_assume!(!text.contains("queues=2") && !text.contains("queues=1"));
        if let Err(error) = registry.open(&text, &Environment::default()) {
            prop_assert_eq!(error.kind(), ErrorKind::Config);
        }
    }
}
