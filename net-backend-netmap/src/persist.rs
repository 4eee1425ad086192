use std::io;

use net_backend_core::Result;

use crate::NetmapConfig;
use crate::abi::{NAME_BYTES, Register, RequestKind, ValeAttach, ValeInterface, mode};
use crate::gate::Control;
use crate::remedies::Operation;

/// Makes a persistent VALE interface and attaches it to the switch, as far as that has not been done before: both by the
/// name of a port, `vale0:vm1`.
///
/// # Errors
///
/// [`Error::System`](net_backend_core::Error::System) with the request that the system refused; what was made until then
/// is taken away again.
pub(crate) fn make_persistent(control: &dyn Control, config: &NetmapConfig) -> Result<()> {
    let port = config.port.base();
    let interface = port
        .split_once(':')
        .map_or(port, |(_, interface)| interface);
    let is_new = create(control, config, interface)?;
    let attached = attach(control, config);
    if attached.is_err() && is_new {
        // The error that is told is the first one.
        let _ = control.ask(
            RequestKind::ValeInterfaceDelete,
            padded(interface),
            &mut Nothing::default(),
        );
    }
    attached
}

/// Nobody looks into the body of a request that has none.
type Nothing = ValeInterface;

/// Makes the interface; tells whether there was none.
fn create(control: &dyn Control, config: &NetmapConfig, interface: &str) -> Result<bool> {
    let mut body = ValeInterface {
        transmit_slots: config.slots.unwrap_or(0),
        receive_slots: config.slots.unwrap_or(0),
        transmit_rings: config.rings.unwrap_or(0),
        receive_rings: config.rings.unwrap_or(0),
        memory: config.port.memory().map_or(0, |memory| memory.get()),
    };
    match control.ask(RequestKind::ValeInterfaceNew, padded(interface), &mut body) {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(cause) => Err(Operation::InterfaceNew.error(interface, cause)),
    }
}

fn attach(control: &dyn Control, config: &NetmapConfig) -> Result<()> {
    let mut body = ValeAttach {
        register: Register {
            mode: mode::ALL_NIC,
            ..Register::default()
        },
        port_index: 0,
    };
    let name = config.port.kernel_name();
    match control.ask(RequestKind::ValeAttach, name, &mut body) {
        Ok(()) => Ok(()),
        // It is attached already, or else registering it says what is wrong.
        Err(cause) if cause.kind() == io::ErrorKind::ResourceBusy => Ok(()),
        Err(cause) => Err(Operation::Attach.error(config.port.base(), cause)),
    }
}

fn padded(name: &str) -> [u8; NAME_BYTES] {
    let mut padded = [0; NAME_BYTES];
    for (to, from) in padded.iter_mut().zip(name.bytes().take(NAME_BYTES - 1)) {
        *to = from;
    }
    padded
}
