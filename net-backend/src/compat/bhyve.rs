//! bhyve: `tap0,mac=00:a0:98:12:34:56`, `mydevice,type=tap`, as in bhyve(8) and bhyve_config(5).

use net_backend_core::{ConfigError, ConfigProblem, Mtu, Uri};

use super::words::{Keys, Program, Rule, Word, Words};
use super::{Backend, Translate};

/// What bhyve calls a backend. Its own match is by prefix throughout; here only names of devices have a rest.
/// The last two are none of bhyve's, but may be written in its way.
pub(super) const BACKENDS: &[Backend] = &[
    device("tap", Some(tap)),
    device("vmnet", Some(tap)),
    device("ngd", Some(ngd)),
    device("netmap", Some(netmap)),
    device("vale", Some(netmap)),
    word("netgraph", Some(netgraph)),
    word("slirp", Some(slirp)),
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

const SLIRP: Keys = Keys {
    of: "bhyve's slirp",
    rules: &[
        ("type", Rule::Ignored),
        ("hostfwd", Rule::Translated),
        ("open", Rule::Switch),
        ("mac", Rule::Translated),
        ("mtu", Rule::Translated),
    ],
};

const NETMAP: Keys = Keys {
    of: "bhyve's netmap",
    rules: &[
        ("type", Rule::Ignored),
        ("mac", Rule::Translated),
        ("mtu", Rule::Only(&[], NO_MTU_OF_PORTS)),
    ],
};

const NO_MTU_OF_PORTS: &str =
    "a netmap port has no MTU to set; tell the guest by its NIC, and leave it out";

const NETGRAPH: Keys = Keys {
    of: "bhyve's netgraph",
    rules: &[
        ("path", Rule::Translated),
        ("peerhook", Rule::Translated),
        ("hook", Rule::Translated),
        ("socket", Rule::Translated),
        ("type", Rule::Ignored),
        ("mac", Rule::Translated),
        ("mtu", Rule::Only(&[], NO_MTU_OF_NODES)),
    ],
};

const NGD: Keys = Keys {
    of: "bhyve's ngd",
    rules: &[
        ("type", Rule::Ignored),
        ("mac", Rule::Translated),
        ("mtu", Rule::Only(&[], NO_MTU_OF_NODES)),
    ],
};

const NO_MTU_OF_NODES: &str =
    "a netgraph node has no MTU to set; tell the guest by its NIC, and leave it out";

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
    with_mtu(with_mac(uri, words)?, words)
}

/// bhyve's network has IPv4 only, and lets nothing out but what is forwarded, unless it is `open`.
fn slirp(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&SLIRP)?;
    let mut uri = Uri::new("slirp").with_option("ipv6", "off");
    let open = words.option("open").map(switch).transpose()?;
    if open != Some(true) {
        uri = uri.with_option("restrict", "on");
    }
    if let Some(rules) = words.option("hostfwd") {
        let mut offset = 0;
        for rule in rules.value().split(';') {
            if rule.is_empty() {
                let complaint = "has an empty rule; write one, or leave out the semicolon";
                return Err(rules.error_at(offset, complaint));
            }
            uri = uri.with_option("hostfwd", rule);
            offset += rule.len() + 1;
        }
    }
    with_mtu(with_mac(uri, words)?, words)
}

fn netmap(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&NETMAP)?;
    let mut uri = Uri::new("netmap");
    if let Some(name) = words.name() {
        uri = uri.with_target(name.netmap_port(Program::Bhyve)?);
    }
    with_mac(uri, words)
}

/// The only backend of bhyve whose options say what it is about; it ignores what stands in front of them.
fn netgraph(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&NETGRAPH)?;
    let required = |key, example| {
        words.option(key).ok_or_else(|| {
            let message = format!("bhyve's netgraph needs {key}; write {example}");
            words.error(ConfigProblem::BadTarget, 0, message)
        })
    };
    let path = required("path", "path=em0: for a node")?;
    let peer_hook = required("peerhook", "peerhook=lower for a hook of it")?;
    let mut uri = Uri::new("netgraph")
        .with_target(path.netgraph_path()?)
        .with_option("peerhook", peer_hook.value());
    for key in ["hook", "socket"] {
        if let Some(name) = words.option(key) {
            uri = uri.with_option(key, name.value());
        }
    }
    with_mac(uri, words)
}

fn ngd(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&NGD)?;
    let mut uri = Uri::new("ngd");
    if let Some(name) = words.name() {
        uri = uri.with_target(name.device()?);
    }
    with_mac(uri, words)
}

/// What bhyve takes for true and false.
fn switch(word: &Word<'_>) -> Result<bool, ConfigError> {
    match word.value().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Ok(true),
        "false" | "off" | "no" | "0" => Ok(false),
        _ => Err(word.error("is neither true nor false")),
    }
}

fn null(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&NULL)?;
    Ok(Uri::new("null"))
}

fn loopback(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&LOOPBACK)?;
    with_mtu(Uri::new("loopback"), words)
}

fn with_mac(uri: Uri, words: &Words<'_>) -> Result<Uri, ConfigError> {
    Ok(match words.option("mac") {
        Some(mac) => uri.with_option("mac", mac.mac()?),
        None => uri,
    })
}

fn with_mtu(uri: Uri, words: &Words<'_>) -> Result<Uri, ConfigError> {
    let range = Mtu::MIN.bytes()..=Mtu::MAX.bytes();
    Ok(match words.option("mtu") {
        Some(mtu) => uri.with_option("mtu", mtu.number(range)?),
        None => uri,
    })
}
