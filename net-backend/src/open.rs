use net_backend_core::{
    Activation, ConfigError, ConfigProblem, Environment, Error, NetBackend, Nic, Result, Uri,
};

use crate::{compat, registry};

/// Opens the backend that a URI names, `tap:tap0?queues=2`. This is the step that may need privilege.
///
/// # Errors
///
/// [`Error::Config`] for a text that is not right, before anything is touched: it says where, and what would be.
/// Otherwise what the driver says, [`Error::System`] above all.
pub fn open(uri: &str) -> Result<Box<dyn NetBackend>> {
    open_in(uri, &Environment::default())
}

/// The same, with what the VMM lends to its backends.
///
/// # Errors
///
/// As [`open`].
pub fn open_in(uri: &str, environment: &Environment) -> Result<Box<dyn NetBackend>> {
    let opened = registry().open(uri, environment);
    opened.map_err(|error| with_hint(error, uri))
}

/// The same with a URI that was parsed, built, or translated by [`compat::parse`].
///
/// # Errors
///
/// As [`open`].
pub fn open_uri(uri: &Uri, environment: &Environment) -> Result<Box<dyn NetBackend>> {
    registry().open_uri(uri, environment)
}

/// Opens a backend and activates one queue pair of plain Ethernet frames: no header, no offloads.
///
/// # Errors
///
/// As [`open`] and [`NetBackend::activate`].
pub fn connect(uri: &str) -> Result<Nic> {
    connect_with(uri, &Activation::plain())
}

/// Opens a backend and activates one queue pair with this header and these offloads.
///
/// # Errors
///
/// As [`open`] and [`NetBackend::activate`].
pub fn connect_with(uri: &str, with: &Activation) -> Result<Nic> {
    Nic::activate(open(uri)?, with)
}

/// Tells those who wrote it in bhyve's or QEMU's way that this can be had too.
fn with_hint(error: Error, text: &str) -> Error {
    let Error::Config(config) = error else {
        return error;
    };
    let hint = match (config.problem(), compat::parse(text)) {
        (ConfigProblem::Syntax | ConfigProblem::UnknownScheme, Ok(uri)) => {
            format!("for bhyve or QEMU this is {uri}, and compat::parse translates it")
        }
        (ConfigProblem::Syntax, Err(_)) if compat::recognizes(text) => {
            "what is written for bhyve or QEMU is translated by compat::parse".to_owned()
        }
        _ => return config.into(),
    };
    let message = format!("{}; {hint}", config.message());
    ConfigError::new(config.problem(), text, config.position(), message).into()
}
