use std::io;

use net_backend_core::Result;

use crate::abi::{self, Register, RequestKind, ValeAttach, ValeInterface, mode};
use crate::gate::Control;
use crate::remedies::Operation;
use crate::{NetmapConfig, PortName};

/// The interface of a persistent port, `vm1` of `vale0:vm1`. It is opened by this name: at its first registration the kernel
/// renames the port in the switch to that (`netmap_update_config` in netmap.c), and finds it by the other no more, so that
/// it has no header either.
pub(crate) fn interface(port: &PortName) -> &str {
    let base = port.base();
    base.split_once(':')
        .map_or(base, |(_, interface)| interface)
}

/// Makes the persistent VALE interface of a port and attaches it to the switch. One that exists already is left where it
/// is: attached again, it would be taken for a NIC, which the switch would own.
///
/// # Errors
///
/// [`Error::System`](net_backend_core::Error::System) with the request that the system refused; what was made until then
/// is taken away again.
pub(crate) fn make_persistent(control: &dyn Control, config: &NetmapConfig) -> Result<()> {
    let interface = interface(&config.port);
    if !create(control, config, interface)? {
        return Ok(());
    }
    let attached = attach(control, config);
    if attached.is_err() {
        // The error that is told is the first one.
        let name = abi::name(interface);
        let _ = control.ask(
            RequestKind::ValeInterfaceDelete,
            name,
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
    match control.ask(
        RequestKind::ValeInterfaceNew,
        abi::name(interface),
        &mut body,
    ) {
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
    let attached = control.ask(RequestKind::ValeAttach, name, &mut body);
    attached.map_err(|cause| Operation::Attach.error(config.port.base(), cause))
}
