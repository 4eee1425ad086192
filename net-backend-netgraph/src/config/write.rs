use std::fmt::Display;
use std::time::Duration;

use net_backend_core::Uri;

use super::options::PATIENCE;

/// The URI with those options that have a value.
pub(super) fn with_options<const N: usize>(
    uri: Uri,
    options: [(&'static str, Option<String>); N],
) -> Uri {
    let mut uri = uri;
    for (key, value) in options {
        if let Some(value) = value {
            uri = uri.with_option(key, value);
        }
    }
    uri
}

pub(super) fn text(value: Option<&impl Display>) -> Option<String> {
    value.map(ToString::to_string)
}

/// A switch that is off unless something is said.
pub(super) fn on(is_on: bool) -> Option<String> {
    is_on.then(|| "on".to_owned())
}

/// A switch that is on unless something is said.
pub(super) fn off(is_on: bool) -> Option<String> {
    (!is_on).then(|| "off".to_owned())
}

/// What is less than a millisecond counts as one, so that it does not become "at once".
pub(super) fn patience(patience: Duration) -> Option<String> {
    let milliseconds = patience.as_nanos().div_ceil(1_000_000);
    (patience != PATIENCE).then(|| milliseconds.to_string())
}
