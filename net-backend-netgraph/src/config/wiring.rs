//! What is connected with what: the path, `bridge=`, `mkpeer=` and `fd=`.

use net_backend_core::{ConfigError, ConfigProblem, OptionValue, Options, Uri};

use super::options::LONGEST_INTERFACE;
use super::{Wiring, read, write};
use crate::ng::{HookName, NodeName, Path, TypeName};

/// Options that are about wiring, which a passed descriptor has already.
const WIRING: &[&str] = &["peerhook", "hook", "socket"];

pub(super) fn read(uri: &Uri, options: &Options<'_>) -> Result<Wiring, ConfigError> {
    if let Some(place) = uri.target().find('?') {
        let message = "has a question mark in front of the options, where a URI has none; write [ID]: instead of the name";
        return Err(uri.target_error_at(ConfigProblem::BadTarget, place, message));
    }
    options.exclusive("bridge", "mkpeer")?;
    options.exclusive("bridge", "fd")?;
    options.exclusive("mkpeer", "fd")?;
    bridges_only(options)?;
    if let Some(value) = options.value("fd") {
        connected(uri, options, &value)
    } else if let Some(value) = options.value("bridge") {
        bridge(uri, options, &value)
    } else if let Some(value) = options.value("mkpeer") {
        make_peer(uri, options, &value)
    } else {
        path(uri, options)
    }
}

pub(super) fn uri(wiring: &Wiring) -> Uri {
    let uri = Uri::new("netgraph");
    match wiring {
        Wiring::Path { path, peer_hook } => uri
            .with_target(path.as_str())
            .with_option("peerhook", peer_hook),
        Wiring::MakePeer {
            type_name,
            peer_hook,
            name,
        } => uri
            .with_target(name.as_ref().map_or("", NodeName::as_str))
            .with_option("mkpeer", type_name)
            .with_option("peerhook", peer_hook),
        Wiring::Bridge {
            name,
            uplink,
            persistent,
        } => {
            let options = [
                ("bridge", write::text(Some(name))),
                ("uplink", write::text(uplink.as_ref())),
                ("persist", write::on(*persistent)),
            ];
            write::with_options(uri, options)
        }
        Wiring::Connected => uri,
    }
}

/// The name of our own node, which no other in the wiring may have.
pub(super) fn socket(value: &OptionValue<'_>, wiring: &Wiring) -> Result<NodeName, ConfigError> {
    let name: NodeName = read::name(value)?;
    let text = name.as_str();
    let is_taken = match wiring {
        Wiring::Path { path, .. } => path.as_str().split(':').next() == Some(text),
        Wiring::MakePeer { name, .. } => name.as_ref().map(NodeName::as_str) == Some(text),
        Wiring::Bridge { name, uplink, .. } => {
            name.as_str() == text || uplink.as_deref().map(name_of_ether).as_deref() == Some(text)
        }
        Wiring::Connected => false,
    };
    if is_taken {
        let complaint = "is the name of the node to connect with; ours needs another, or none";
        return Err(value.error(complaint));
    }
    Ok(name)
}

fn bridges_only(options: &Options<'_>) -> Result<(), ConfigError> {
    if options.value("bridge").is_some() {
        return Ok(());
    }
    let persists = options.value("persist");
    let persists = persists.filter(|value| value.text() != "off");
    match options.value("uplink").or(persists) {
        Some(value) => Err(value.error("is for bridge=NAME only; leave it out")),
        None => Ok(()),
    }
}

fn connected(
    uri: &Uri,
    options: &Options<'_>,
    descriptor: &OptionValue<'_>,
) -> Result<Wiring, ConfigError> {
    let number = read::descriptor(descriptor)?;
    let lingers = options.value("linger");
    let lingers = lingers.filter(|value| value.text() != "off");
    let mut wiring = WIRING.iter().filter_map(|key| options.value(key));
    if let Some(value) = wiring.next().or(lingers) {
        return Err(value.error(format!(
            "is about a node of our own, but descriptor {number} has one that is connected; leave it out"
        )));
    }
    if !uri.target().is_empty() {
        let message =
            format!("descriptor {number} is connected already; leave out the path, or fd={number}");
        return Err(uri.target_error(ConfigProblem::BadTarget, message));
    }
    Ok(Wiring::Connected)
}

fn bridge(
    uri: &Uri,
    options: &Options<'_>,
    value: &OptionValue<'_>,
) -> Result<Wiring, ConfigError> {
    let name: NodeName = read::name(value)?;
    if let Some(hook) = options.value("peerhook") {
        return Err(hook.error(format!(
            "is not for bridge={name}, where a link that is free is taken; leave it out, or write netgraph:{name}:?peerhook=link0"
        )));
    }
    if !uri.target().is_empty() {
        let message = format!(
            "bridge={name} says already what to connect with; write netgraph:?bridge={name}"
        );
        return Err(uri.target_error(ConfigProblem::BadTarget, message));
    }
    let uplink = read::given(options, "uplink", |value| uplink(value, &name))?;
    let persistent = read::given(options, "persist", OptionValue::switch)?.unwrap_or(false);
    Ok(Wiring::Bridge {
        name,
        uplink,
        persistent,
    })
}

fn uplink(value: &OptionValue<'_>, bridge: &NodeName) -> Result<String, ConfigError> {
    let name = value.text();
    let length = name.len();
    if name.is_empty() || name.contains('\0') {
        return Err(value.error("is no name of an interface; write one, as em0"));
    }
    if length > LONGEST_INTERFACE {
        return Err(value.error(format!(
            "has {length} bytes; an interface's name has at most {LONGEST_INTERFACE}"
        )));
    }
    if name_of_ether(name) == bridge.as_str() {
        return Err(value
            .error("has a node of this name already; give the bridge another, as bridge=vmbr0"));
    }
    Ok(name.to_owned())
}

/// What ng_ether(4) calls the node of an interface.
fn name_of_ether(interface: &str) -> String {
    interface.replace(['.', ':'], "_")
}

fn make_peer(
    uri: &Uri,
    options: &Options<'_>,
    value: &OptionValue<'_>,
) -> Result<Wiring, ConfigError> {
    let type_name: TypeName = read::name(value)?;
    can_be_made(value, &type_name)?;
    let name = uri.target();
    let refuse = |message| Err(uri.target_error(ConfigProblem::BadTarget, message));
    if let Some(bare) = name.strip_suffix(':') {
        return refuse(format!(
            "mkpeer={type_name} makes a node, so that this is its name; write netgraph:{bare}?mkpeer={type_name}"
        ));
    }
    let name = match name {
        "" => None,
        _ => Some(read::target(uri)?),
    };
    let peer_hook = match options.value("peerhook") {
        Some(hook) => read::name(&hook)?,
        None => usual_hook(&type_name).ok_or_else(|| {
            value.error("needs the hook of the new node as well; write peerhook=HOOK")
        })?,
    };
    Ok(Wiring::MakePeer {
        type_name,
        peer_hook,
        name,
    })
}

fn can_be_made(value: &OptionValue<'_>, type_name: &TypeName) -> Result<(), ConfigError> {
    match type_name.as_str() {
        "ether" => Err(value.error(
            "cannot be made: every Ethernet interface has such a node when ng_ether is loaded; write netgraph:em0:?peerhook=lower",
        )),
        "socket" => Err(value.error(
            "cannot be made: such a node belongs to a program; write its name, as netgraph:NAME:?peerhook=HOOK",
        )),
        name => match name.strip_prefix("ng_") {
            Some(bare) => Err(value.error(format!(
                "is the name of a module; the type is {bare}"
            ))),
            None => Ok(()),
        },
    }
}

/// The hook of a new node that frames go through, for types where there is no question.
fn usual_hook(type_name: &TypeName) -> Option<HookName> {
    let hook = match type_name.as_str() {
        // The last three take any name.
        "bridge" | "hub" | "echo" | "device" => "link0",
        "eiface" => "ether",
        "tee" => "left",
        _ => return None,
    };
    Some(HookName::known(hook))
}

fn path(uri: &Uri, options: &Options<'_>) -> Result<Wiring, ConfigError> {
    let refuse = |message: String| Err(uri.target_error(ConfigProblem::BadTarget, message));
    let text = uri.target();
    if text.is_empty() {
        let message = "no node to connect with; write netgraph:em0:?peerhook=lower, netgraph:?bridge=vmbr0, netgraph:?mkpeer=eiface or netgraph:?fd=N";
        return refuse(message.to_owned());
    }
    let path: Path = read::target(uri)?;
    match text.split_once(':') {
        None => {
            let example = text.split('.').next().unwrap_or_default();
            refuse(format!(
                "{text} has no colon, so that it is a hook of our own node, which has none yet; write {example}: for a node"
            ))
        }
        Some((".", _)) => {
            refuse(".: is our own node; write the name of another, as em0:".to_owned())
        }
        Some(_) => match options.value("peerhook") {
            Some(hook) => Ok(Wiring::Path {
                path,
                peer_hook: read::name(&hook)?,
            }),
            None => refuse(format!(
                "{text} needs the hook that is to be ours; write netgraph:{text}?peerhook=HOOK, as lower, link1 or ether"
            )),
        },
    }
}
