use net_backend_core::{ConfigError, ConfigProblem, OptionValue, Options, Uri};

use super::options::{MOST_EXTRA_BUFFERS, MOST_PIPE_RINGS, MOST_SLOTS, MOST_VALE_RINGS, OPTIONS};
use super::{NetmapConfig, VirtioHeader};
use crate::abi::MAX_FRAGMENTS;
use crate::{Monitor, PortKind, PortName, Rings};

/// What the kernel does with the numbers of a port.
enum Made {
    /// Opening it makes it, with at most so many ring pairs.
    ByOpening { most_rings: u16 },
    /// It has what it watches, and slots of its own.
    Monitor,
    /// Its driver made it.
    Interface,
}

pub(super) fn config(uri: &Uri) -> Result<NetmapConfig, ConfigError> {
    let options = uri.options(OPTIONS)?;
    let port = port(uri, &options)?;
    let mut config = NetmapConfig::new(port);
    config.persist =
        given(&options, "persist", |value| persist(value, &config.port))?.unwrap_or(false);
    let made = made(&config.port);
    config.rings = given(&options, "rings", |value| {
        rings(value, &made, config.port.rings())
    })?;
    config.slots = given(&options, "slots", |value| slots(value, &made))?;
    config.extra_buffers = given(&options, "extra-bufs", |value| {
        value.number(1..=MOST_EXTRA_BUFFERS)
    })?;
    config.virtio_header =
        given(&options, "vnet-hdr", |value| header(value, &config.port))?.unwrap_or_default();
    config.fragments = given(&options, "fragments", |value| {
        value.number(1..=MAX_FRAGMENTS)
    })?;
    config.mac = given(&options, "mac", OptionValue::mac)?;
    config.descriptors = descriptors(&options)?;
    Ok(config)
}

fn given<'u, T>(
    options: &Options<'u>,
    key: &str,
    read: impl FnOnce(&OptionValue<'u>) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    options.value(key).as_ref().map(read).transpose()
}

fn port(uri: &Uri, options: &Options<'_>) -> Result<PortName, ConfigError> {
    let text = uri.target();
    let refuse = |message: String| Err(uri.target_error(ConfigProblem::BadTarget, message));
    if text.is_empty() && options.value("fd").is_some() {
        let message = "a descriptor does not say which port; write one, as netmap:vale0:vm1?fd=N";
        return refuse(message.to_owned());
    }
    if let Some(name) = text.strip_prefix("netmap:") {
        return refuse(format!(
            "the scheme says netmap already; write netmap:{name}"
        ));
    }
    let port = PortName::read(text).map_err(|complaint| {
        uri.target_error_at(ConfigProblem::BadTarget, complaint.offset, complaint.text)
    })?;
    match options.value("monitor") {
        Some(value) => watched(&value, port),
        None => Ok(port),
    }
}

fn watched(value: &OptionValue<'_>, port: PortName) -> Result<PortName, ConfigError> {
    let monitor = match value.text() {
        "tx" => Monitor::Transmit,
        "rx" => Monitor::Receive,
        "both" => Monitor::Both,
        "zero-copy" => Monitor::ZeroCopy,
        _ => return Err(value.error("is none of tx, rx, both and zero-copy")),
    };
    port.with_monitor(monitor)
        .map_err(|complaint| value.error(complaint))
}

fn persist(value: &OptionValue<'_>, port: &PortName) -> Result<bool, ConfigError> {
    let persist = value.switch()?;
    if persist && port.monitor().is_some() {
        return Err(
            value.error("makes a port, but a monitor watches one that is open; leave it out")
        );
    }
    if persist && (port.kind() == PortKind::Interface || port.pipe().is_some()) {
        return Err(value.error(
            "is for ports of VALE switches, which are made when they are opened; write vale0:NAME, or leave it out",
        ));
    }
    Ok(persist)
}

fn made(port: &PortName) -> Made {
    match port.kind() {
        _ if port.monitor().is_some() => Made::Monitor,
        _ if port.pipe().is_some() => Made::ByOpening {
            most_rings: MOST_PIPE_RINGS,
        },
        PortKind::Interface => Made::Interface,
        PortKind::Vale => Made::ByOpening {
            most_rings: MOST_VALE_RINGS,
        },
    }
}

fn rings(value: &OptionValue<'_>, made: &Made, wanted: Rings) -> Result<u16, ConfigError> {
    let most_rings = match made {
        Made::ByOpening { most_rings } => *most_rings,
        Made::Monitor => {
            return Err(value.error(
                "is for what is made, but a monitor has as many as what it watches; leave it out",
            ));
        }
        Made::Interface => {
            return Err(value.error(
                "is for ports of VALE and pipes; an interface has the rings of its driver (ethtool -L, or a sysctl); leave it out",
            ));
        }
    };
    let rings = value.number(1..=most_rings)?;
    match wanted {
        Rings::One(number) if number >= rings => Err(value.error(format!(
            "has no ring {number}, which the port's name asks for; its last is {}",
            rings - 1
        ))),
        _ => Ok(rings),
    }
}

fn slots(value: &OptionValue<'_>, made: &Made) -> Result<u32, ConfigError> {
    match made {
        Made::ByOpening { .. } | Made::Monitor => value.number(2..=MOST_SLOTS),
        Made::Interface => Err(value.error(
            "is for ports of VALE, pipes and monitors; an interface has the slots of its driver (ethtool -G, or a sysctl); leave it out",
        )),
    }
}

fn header(value: &OptionValue<'_>, port: &PortName) -> Result<VirtioHeader, ConfigError> {
    match value.text() {
        "auto" => Ok(VirtioHeader::Auto),
        "on" if port.monitor().is_some() => Err(value.error(
            "is not for monitors, which see frames as the port that they watch has them; leave it out",
        )),
        "on" => Ok(VirtioHeader::On),
        "off" => Ok(VirtioHeader::Off),
        _ => Err(value.error("is none of auto, on and off")),
    }
}

fn descriptors(options: &Options<'_>) -> Result<Vec<i32>, ConfigError> {
    let mut numbers = Vec::new();
    for value in options.values("fd") {
        let number = value.number(3..=i32::MAX)?;
        if numbers.contains(&number) {
            return Err(value.error("was given before; each is bound to rings of its own"));
        }
        numbers.push(number);
    }
    Ok(numbers)
}
