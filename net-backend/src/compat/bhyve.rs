//! bhyve: `tap0,mac=00:a0:98:12:34:56`, `mydevice,type=tap`, as in bhyve(8) and bhyve_config(5).

use net_backend_core::{ConfigError, Mtu, Uri};

use super::words::{Keys, Program, Rule, Words};
use super::{Backend, Translate};

/// What bhyve calls a backend. Its own match is by prefix throughout; here only names of devices have a rest.
/// The last two are none of bhyve's, but may be written in its way.
pub(super) const BACKENDS: &[Backend] = &[
    device("tap", Some(tap)),
    device("vmnet", Some(tap)),
    device("ngd", None),
    device("netmap:", None),
    device("vale", None),
    word("netgraph", None),
    word("slirp", None),
    word("null", Some(null)),
    word("loopback", Some(loopback)),
];

const fn device(name: &'static str, translate: Option<Translate>) -> Backend {
    Backend {
        program: Program::Bhyve,
        name,
        is_prefix: true,
        translate,
    }
}

const fn word(name: &'static str, translate: Option<Translate>) -> Backend {
    Backend {
        program: Program::Bhyve,
        name,
        is_prefix: false,
        translate,
    }
}

const TAP: Keys = Keys {
    of: "bhyve's tap",
    rules: &[
        ("type", Rule::Ignored),
        ("mac", Rule::Translated),
        ("mtu", Rule::Translated),
    ],
};

const NULL: Keys = Keys {
    of: "null",
    rules: &[("type", Rule::Ignored)],
};

const LOOPBACK: Keys = Keys {
    of: "loopback",
    rules: &[("type", Rule::Ignored), ("mtu", Rule::Translated)],
};

fn tap(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&TAP)?;
    let mut uri = Uri::new("tap");
    if let Some(name) = words.name() {
        uri = uri.with_target(name.device()?);
    }
    if let Some(mac) = words.option("mac") {
        uri = uri.with_option("mac", mac.mac()?);
    }
    with_mtu(uri, words)
}

fn null(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&NULL)?;
    Ok(Uri::new("null"))
}

fn loopback(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&LOOPBACK)?;
    with_mtu(Uri::new("loopback"), words)
}

fn with_mtu(uri: Uri, words: &Words<'_>) -> Result<Uri, ConfigError> {
    let range = Mtu::MIN.bytes()..=Mtu::MAX.bytes();
    Ok(match words.option("mtu") {
        Some(mtu) => uri.with_option("mtu", mtu.number(range)?),
        None => uri,
    })
}
