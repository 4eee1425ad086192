//! Wiring of ports: VALE switches and what is attached to them, persistent VALE interfaces, and questions about ports.
//!
//! What `vale-ctl` does from the command line:
//!
//! ```no_run
//! use net_backend_core::HeaderLength;
//! use net_backend_netmap::control::{AttachedRings, ControlDevice};
//!
//! # fn main() -> net_backend_core::Result<()> {
//! let netmap = ControlDevice::open()?;
//! netmap.attach("vale0:em0", AttachedRings::NicAndHost)?;
//! for switch in netmap.switches()? {
//!     for port in &switch.ports {
//!         println!("{} at {}", port.name, port.index);
//!     }
//! }
//! netmap.detach("vale0:em0")?;
//! # Ok(())
//! # }
//! ```

mod names;
#[cfg(test)]
mod tests;
mod types;

use std::io;
use std::num::NonZeroU16;

use net_backend_core::{HeaderLength, Result};

use crate::abi::{self, Body, Header, NAME_BYTES, RequestKind, mode, polling_mode};
use crate::gate::{Control, Kernel};
use crate::remedies::Operation;
use crate::sys::SystemKernel;

pub use types::{
    AttachedRings, InterfaceShape, PollingThreads, PortInfo, RingShape, Switch, SwitchPort,
};

/// A descriptor of `/dev/netmap` that is bound to no port, for requests about any of them.
///
/// Requests do not wait for frames, but the system may take a while for those that reset a NIC. Every name is checked
/// before the system is asked; none is ever cut to fit.
#[derive(Debug)]
pub struct ControlDevice(Box<dyn Control>);

impl ControlDevice {
    /// Opens `/dev/netmap`.
    ///
    /// # Errors
    ///
    /// [`Error::System`](net_backend_core::Error::System) when there is no netmap in the kernel or no permission,
    /// [`Error::Unsupported`](net_backend_core::Error::Unsupported) on systems without netmap.
    pub fn open() -> Result<Self> {
        Self::on(&SystemKernel)
    }

    /// The same, of a model of a kernel.
    ///
    /// # Errors
    ///
    /// [`Error::System`](net_backend_core::Error::System) when no descriptor can be had.
    #[cfg(feature = "testing")]
    pub fn of_model(model: &crate::testing::Model) -> Result<Self> {
        Self::on(model.kernel().as_ref())
    }

    /// The same, of another kernel.
    pub(crate) fn on(kernel: &dyn Kernel) -> Result<Self> {
        let control = kernel
            .open()
            .map_err(|cause| Operation::Open.error("/dev/netmap", cause))?;
        control
            .limit()
            .map_err(|cause| Operation::Open.error("/dev/netmap", cause))?;
        Ok(Self(control))
    }

    /// Attaches an interface to a VALE switch, which is made if it does not exist: `vale0:em0`. Until it is detached, a
    /// NIC is in netmap mode and its frames go to the switch; the host does not see them unless its rings are attached
    /// too.
    ///
    /// Gives the number of the port in the switch.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_ATTACH`): the
    /// interface does not exist, is open or attached already, or has an MTU larger than netmap's buffers.
    pub fn attach(&self, port: &str, rings: AttachedRings) -> Result<u32> {
        self.attach_in(port, rings, None)
    }

    /// [`attach`](Self::attach), with the memory region that the interface is to use instead of the one that it has.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach).
    pub fn attach_in(
        &self,
        port: &str,
        rings: AttachedRings,
        memory: Option<NonZeroU16>,
    ) -> Result<u32> {
        let name = names::switch_port(port)?;
        let mut body = abi::ValeAttach::default();
        body.register.memory = memory.map_or(0, NonZeroU16::get);
        body.register.mode = match rings {
            AttachedRings::Nic => mode::ALL_NIC,
            AttachedRings::NicAndHost => mode::NIC_SW,
        };
        self.ask(RequestKind::ValeAttach, name, &mut body)
            .map_err(|cause| Operation::Attach.error(port, cause))?;
        Ok(body.port_index)
    }

    /// Detaches an interface from a VALE switch, its host rings too. A NIC then belongs to the host again. A port that
    /// programs have made by opening it (`vale0:vm1`) goes with the last of them, and cannot be detached.
    ///
    /// A persistent VALE interface that was opened, or asked about, since it was attached cannot be detached any more:
    /// netmap then forgets its name in the switch (its issue 882).
    ///
    /// Gives the number that the port had in the switch.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_DETACH`): it is not
    /// attached under this name, or is polled.
    pub fn detach(&self, port: &str) -> Result<u32> {
        let name = names::switch_port(port)?;
        let mut body = abi::ValeDetach::default();
        self.ask(RequestKind::ValeDetach, name, &mut body)
            .map_err(|cause| Operation::Detach.error(port, cause))?;
        Ok(body.port_index)
    }

    /// All VALE switches that have ports, and their ports. What changes meanwhile may be missing or be there still.
    ///
    /// # Errors
    ///
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_LIST`).
    pub fn switches(&self) -> Result<Vec<Switch>> {
        let mut switches: Vec<Switch> = Vec::new();
        let mut next = abi::ValeList::default();
        while let Some((found, name)) = self.next_port(next)? {
            let port = SwitchPort {
                index: found.port,
                name: text(&name),
            };
            if switches.last().is_none_or(|it| it.index != found.bridge) {
                switches.push(Switch::new(found.bridge));
            }
            if let Some(switch) = switches.last_mut() {
                switch.push(port);
            }
            match found.port.checked_add(1) {
                Some(port) => next = abi::ValeList { port, ..found },
                None => break,
            }
        }
        Ok(switches)
    }

    /// Makes a persistent VALE interface: a port that the host has as an interface too, and that stays until it is
    /// deleted. It is in no switch before it is attached to one.
    ///
    /// Gives what it has; numbers that are out of bounds (16 rings, 4096 slots each) are cut.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none or begins with `vale`,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_NEWIF`): there is
    /// such an interface already, or no such memory region.
    pub fn create_interface(
        &self,
        interface: &str,
        wanted: &InterfaceShape,
    ) -> Result<InterfaceShape> {
        let name = names::new_interface(interface)?;
        let mut body = wanted.encode();
        self.ask(RequestKind::ValeInterfaceNew, name, &mut body)
            .map_err(|cause| Operation::InterfaceNew.error(interface, cause))?;
        Ok(InterfaceShape::decode(&body))
    }

    /// Deletes a persistent VALE interface.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_DELIF`): there is
    /// none of this name, it is another kind of interface, or it is open or attached.
    pub fn delete_interface(&self, interface: &str) -> Result<()> {
        let name = names::new_interface(interface)?;
        let mut header = Header::new(RequestKind::ValeInterfaceDelete, name).encode();
        self.0
            .request(&mut header, &mut [0; abi::BODY_BYTES])
            .map_err(|cause| Operation::InterfaceDelete.error(interface, cause))
    }
}

/// Of ports.
impl ControlDevice {
    /// Rings, slots and memory of a port: an interface, `em0`, or a VALE port, `vale0:vm1`. A VALE port that nobody has
    /// open is made and freed again to answer.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_PORT_INFO_GET`): there
    /// is no such interface.
    pub fn port_info(&self, port: &str) -> Result<PortInfo> {
        let name = names::port(port)?;
        let mut body = abi::PortInfo::default();
        self.ask(RequestKind::PortInfoGet, name, &mut body)
            .map_err(|cause| Operation::PortInfo.error(port, cause))?;
        Ok(PortInfo::decode(&body))
    }

    /// Bytes of a memory region. Region 1 is the one that NICs share.
    ///
    /// # Errors
    ///
    /// [`Error::System`](net_backend_core::Error::System) when there is none of this number
    /// (`NETMAP_REQ_PORT_INFO_GET`).
    pub fn memory_size(&self, memory: NonZeroU16) -> Result<u64> {
        let mut body = abi::PortInfo {
            memory: memory.get(),
            ..abi::PortInfo::default()
        };
        self.ask(RequestKind::PortInfoGet, [0; NAME_BYTES], &mut body)
            .map_err(|cause| Operation::PortInfo.error(format!("memory region {memory}"), cause))?;
        Ok(body.memory_size)
    }

    /// Bytes of the virtio-net header in front of each frame of a port. 0 for all but VALE ports, which have to be open
    /// or attached.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_PORT_HDR_GET`): there
    /// is no such port.
    pub fn header_length(&self, port: &str) -> Result<u32> {
        let name = names::port(port)?;
        let told = self.0.header_length(name);
        told.map_err(|cause| Operation::HeaderGet.error(port, cause))
    }

    /// Sets it, of a VALE port, at once and for everybody who has the port open. A header also raises the longest frame
    /// from 1514 bytes to a whole buffer; that stays when the header is taken away.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is no VALE port's,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_PORT_HDR_SET`): there
    /// is no such port.
    pub fn set_header_length(&self, port: &str, length: HeaderLength) -> Result<()> {
        let name = names::switch_port(port)?;
        let length = u32::try_from(length.bytes()).unwrap_or_default();
        let set = self.0.set_header_length(name, length);
        set.map_err(|cause| Operation::HeaderSet.error(port, cause))
    }

    /// Lets kernel threads poll a NIC that is attached to a VALE switch, `vale0:em0`, instead of waiting for its
    /// interrupts. On Linux only.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_POLLING_ENABLE`):
    /// it is not attached, is polled already, or has not that many rings or CPUs.
    pub fn start_polling(&self, port: &str, threads: PollingThreads) -> Result<()> {
        let name = names::switch_port(port)?;
        let (mode, first_cpu, cpus) = match threads {
            PollingThreads::One { cpu } => (polling_mode::SINGLE_CPU, cpu, 1),
            PollingThreads::PerRing { first, count } => (polling_mode::MULTI_CPU, first, count),
        };
        let mut body = abi::Polling {
            mode,
            first_cpu,
            cpus,
        };
        self.ask(RequestKind::PollingEnable, name, &mut body)
            .map_err(|cause| Operation::PollingEnable.error(port, cause))
    }

    /// Ends that.
    ///
    /// # Errors
    ///
    /// [`Error::Config`](net_backend_core::Error::Config) for a name that is none,
    /// [`Error::System`](net_backend_core::Error::System) when the system refuses (`NETMAP_REQ_VALE_POLLING_DISABLE`):
    /// it is not attached or not polled.
    pub fn stop_polling(&self, port: &str) -> Result<()> {
        let name = names::switch_port(port)?;
        self.ask(
            RequestKind::PollingDisable,
            name,
            &mut abi::Polling::default(),
        )
        .map_err(|cause| Operation::PollingDisable.error(port, cause))
    }

    fn ask<B: Body>(
        &self,
        kind: RequestKind,
        name: [u8; NAME_BYTES],
        body: &mut B,
    ) -> io::Result<()> {
        self.0.ask(kind, name, body)
    }

    /// The first port at or after a place, where it is and what it is called.
    fn next_port(&self, from: abi::ValeList) -> Result<Option<(abi::ValeList, [u8; NAME_BYTES])>> {
        let mut header = Header::new(RequestKind::ValeList, [0; NAME_BYTES]).encode();
        let mut body = from.encode();
        match self.0.request(&mut header, &mut body) {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(Operation::List.error("all switches", cause)),
        }
        let found = abi::ValeList::decode(&body);
        // Whatever the kernel says, this ends.
        let advances = (found.bridge, found.port) >= (from.bridge, from.port);
        Ok(advances.then(|| (found, Header::decode(&header).name)))
    }
}

/// What stands before the NUL.
fn text(name: &[u8; NAME_BYTES]) -> String {
    let end = name.iter().position(|byte| *byte == 0);
    let bytes = name.get(..end.unwrap_or(NAME_BYTES)).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}
