use std::str::FromStr;
use std::time::Duration;

use net_backend_core::{ConfigError, ConfigProblem, OptionSpec, OptionValue, Options, Uri};

use super::options::{BUFFER_RANGE, OPTIONS, OPTIONS_AND_QUEUES, PATIENCE, PATIENCE_RANGE};
use super::{NetgraphConfig, wiring};
use crate::ng::NameError;

pub(super) fn config(uri: &Uri) -> Result<NetgraphConfig, ConfigError> {
    let options = options(uri, OPTIONS, OPTIONS_AND_QUEUES)?;
    let mut config = NetgraphConfig::new(wiring::read(uri, &options)?);
    config.descriptor = given(&options, "fd", descriptor)?;
    if let Some(hook) = given(&options, "hook", name)? {
        config.hook = hook;
    }
    config.socket = given(&options, "socket", |value| {
        wiring::socket(value, &config.wiring)
    })?;
    config.lingers = given(&options, "linger", OptionValue::switch)?.unwrap_or(false);
    let buffer = |value: &OptionValue<'_>| value.number(BUFFER_RANGE);
    config.send_buffer = given(&options, "sndbuf", buffer)?;
    config.receive_buffer = given(&options, "rcvbuf", buffer)?;
    config.patience = given(&options, "patience", patience)?.unwrap_or(PATIENCE);
    config.offloads = given(&options, "offloads", OptionValue::switch)?.unwrap_or(true);
    config.mac = given(&options, "mac", OptionValue::mac)?;
    Ok(config)
}

/// The options of a URI. `queues` is one of the second table only: it is refused with the reason.
pub(super) fn options<'u>(
    uri: &'u Uri,
    known: &'static [OptionSpec],
    with_queues: &'static [OptionSpec],
) -> Result<Options<'u>, ConfigError> {
    let queues = uri.options(with_queues).ok();
    match queues.and_then(|options| options.value("queues")) {
        Some(value) => Err(value.error(
            "cannot be had: netgraph hands frames to one socket or device, which is one queue pair; leave it out",
        )),
        None => uri.options(known),
    }
}

pub(super) fn given<'u, T>(
    options: &Options<'u>,
    key: &str,
    read: impl FnOnce(&OptionValue<'u>) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    options.value(key).as_ref().map(read).transpose()
}

pub(super) fn descriptor(value: &OptionValue<'_>) -> Result<i32, ConfigError> {
    value.number(3..=i32::MAX)
}

pub(super) fn patience(value: &OptionValue<'_>) -> Result<Duration, ConfigError> {
    value.number(PATIENCE_RANGE).map(Duration::from_millis)
}

/// A name of netgraph's, in an option.
pub(super) fn name<N>(value: &OptionValue<'_>) -> Result<N, ConfigError>
where
    N: FromStr<Err = NameError>,
{
    let name = value.text().parse();
    name.map_err(|error: NameError| value.error_at(error.position(), error.problem()))
}

/// The same, in front of the options.
pub(super) fn target<N>(uri: &Uri) -> Result<N, ConfigError>
where
    N: FromStr<Err = NameError>,
{
    uri.target().parse().map_err(|error: NameError| {
        let message = error.to_string();
        uri.target_error_at(ConfigProblem::BadTarget, error.position(), message)
    })
}
