//! `tap,id=n0,ifname=tap0,script=no`

use net_backend_core::{ConfigError, Uri};

use super::{OFF, switch};
use crate::compat::words::{Keys, Rule, Word, Words, decimal};

const TAP: Keys = Keys {
    of: "QEMU's tap",
    rules: &[
        ("ifname", Rule::Translated),
        ("fd", Rule::Translated),
        ("fds", Rule::Translated),
        ("queues", Rule::Translated),
        ("vnet_hdr", Rule::Switch),
        ("sndbuf", Rule::Translated),
        ("id", Rule::Ignored),
        (
            "type",
            Rule::Only(&["tap"], "the first word says tap already; leave type out"),
        ),
        ("script", Rule::Only(NO_SCRIPT, SET_UP_BEFORE)),
        ("downscript", Rule::Only(NO_SCRIPT, SET_UP_BEFORE)),
        ("br", Rule::Only(&[], USE_A_BRIDGE)),
        ("helper", Rule::Only(&[], USE_A_HELPER)),
        ("vhost", Rule::Only(OFF, NO_VHOST)),
        ("vhostforce", Rule::Only(OFF, NO_VHOST)),
        ("vhostfd", Rule::Only(&[], NO_VHOST_DESCRIPTOR)),
        ("vhostfds", Rule::Only(&[], NO_VHOST_DESCRIPTOR)),
        (
            "poll-us",
            Rule::Only(&["0"], "it is about vhost, which is not used; leave it out"),
        ),
    ],
};

/// What QEMU takes for a path that is none.
const NO_SCRIPT: &[&str] = &["no", ""];
const SET_UP_BEFORE: &str = "no script is run here; set the interface up beforehand, and write no";
const USE_A_BRIDGE: &str =
    "no interface is put into a bridge here; make one that is in it, and give it as ifname";
const USE_A_HELPER: &str =
    "no helper is run here; run it beforehand, and give the descriptor that it returns as fd";
const NO_VHOST: &str =
    "frames pass through this process, not through the kernel's vhost; write off";
const NO_VHOST_DESCRIPTOR: &str =
    "frames pass through this process, not through the kernel's vhost; leave it out";

/// The name that QEMU gives when it is told none: the kernel puts a number there.
const ANY_NAME: &str = "tap%d";

pub(super) fn translate(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&TAP)?;
    for (one, other) in [
        ("ifname", "fd"),
        ("ifname", "fds"),
        ("fd", "fds"),
        ("queues", "fd"),
        ("queues", "fds"),
    ] {
        words.exclusive(one, other)?;
    }
    let mut uri = Uri::new("tap");
    if let Some(number) = words.option("fd") {
        uri = uri.with_option("fd", descriptor(number, 0, number.value())?);
    } else if let Some(list) = words.option("fds") {
        uri = uri.with_option("fds", descriptors(list)?);
    } else {
        let name = words.option("ifname").map(Word::device).transpose()?;
        uri = uri.with_target(name.unwrap_or(ANY_NAME));
    }
    if let Some(queues) = words.option("queues") {
        uri = uri.with_option("queues", queues.number(1..=1024_u16)?);
    }
    if let Some(header) = words.option("vnet_hdr") {
        uri = uri.with_option("header", if switch(header)? { "on" } else { "off" });
    }
    match words
        .option("sndbuf")
        .map(send_buffer)
        .transpose()?
        .flatten()
    {
        Some(bytes) => Ok(uri.with_option("sndbuf", bytes)),
        None => Ok(uri),
    }
}

/// `7:8:9` as `7,8,9`.
fn descriptors(list: &Word<'_>) -> Result<String, ConfigError> {
    let mut numbers = Vec::new();
    let mut offset = 0;
    for part in list.value().split(':') {
        numbers.push(descriptor(list, offset, part)?.to_string());
        offset += part.len() + 1;
    }
    Ok(numbers.join(","))
}

/// The descriptor that `part` names, which stands `offset` bytes into the value of `word`.
fn descriptor(word: &Word<'_>, offset: usize, part: &str) -> Result<i32, ConfigError> {
    decimal(part).ok_or_else(|| {
        let complaint =
            format!("has \"{part}\" for a descriptor; write the number of one that is open");
        word.error_at(offset, complaint)
    })
}

/// Bytes, with or without a unit; `None` for those that mean no limit, which is what there is without the option.
fn send_buffer(word: &Word<'_>) -> Result<Option<u64>, ConfigError> {
    let value = word.value();
    let (digits, unit) = value.split_at(value.bytes().take_while(u8::is_ascii_digit).count());
    let shift = match unit {
        "" | "B" | "b" => Some(0),
        "K" | "k" => Some(10),
        "M" | "m" => Some(20),
        "G" | "g" => Some(30),
        _ => None,
    };
    let number = decimal::<u32>(digits).map(u64::from);
    match number.zip(shift) {
        Some((number, shift)) => {
            let limit = number << shift;
            let unlimited = limit == 0 || limit > i32::MAX.unsigned_abs().into();
            Ok((!unlimited).then_some(limit))
        }
        None => Err(word.error("is not a size in bytes, as 65536 or 64K")),
    }
}
