use net_backend_core::{Activation, Environment, NetBackend, Nic, Result};

use crate::registry;

/// Opens the backend that a URI names, `tap:tap0?queues=2`. This is the step that may need privilege.
///
/// # Errors
///
/// [`Error::Config`](crate::Error::Config) for a text that is not right, before anything is touched: it says where, and what would be.
/// Otherwise what the driver says, [`Error::System`](crate::Error::System) above all.
pub fn open(uri: &str) -> Result<Box<dyn NetBackend>> {
    open_in(uri, &Environment::default())
}

/// The same, with what the VMM lends to its backends.
///
/// # Errors
///
/// As [`open`].
pub fn open_in(uri: &str, environment: &Environment) -> Result<Box<dyn NetBackend>> {
    registry().open(uri, environment)
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
