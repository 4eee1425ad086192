//! A port for a program that does without the library: its rings by address, and the two synchronisations.

use std::fmt;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::io::Errno;

use super::model::Model;
use crate::abi::{PortHeader, Register, RequestKind, flag, interface, mode};
use crate::gate::{Control, Kernel};
use crate::sys::Region;
use crate::{NetmapConfig, PortName};

/// A port with one ring pair, bound and mapped. Its rings are `struct netmap_ring`s, for a loop written by hand.
pub struct Bare {
    control: Box<dyn Control>,
    /// Keeps the rings mapped.
    _region: Arc<Region>,
    transmit: NonNull<u8>,
    receive: NonNull<u8>,
}

impl Model {
    /// Binds a port for a program that handles its first transmit and its first receive ring by itself.
    ///
    /// # Errors
    ///
    /// The errno of what the kernel refused.
    pub fn bare(&self, config: &NetmapConfig) -> io::Result<Bare> {
        Bare::new(&*self.kernel(), config)
    }
}

impl Bare {
    fn new(kernel: &dyn Kernel, config: &NetmapConfig) -> io::Result<Self> {
        let control = kernel.open()?;
        let mut register = Register {
            mode: mode::ALL_NIC,
            transmit_slots: config.slots.unwrap_or(0),
            receive_slots: config.slots.unwrap_or(0),
            flags: flag::ACCEPT_VNET_HDR,
            ..Register::default()
        };
        let name = config.port.kernel_name();
        control.ask(RequestKind::Register, name, &mut register)?;
        let length = usize::try_from(register.memory_size).map_err(|_| Errno::NOMEM)?;
        let region = control.map(length)?;
        let first = usize::try_from(register.offset).map_err(|_| Errno::INVAL)?;
        let count = |place| region.load_u32(first + place).unwrap_or(0) as usize;
        let rings = count(interface::TX_RINGS) + count(interface::HOST_TX_RINGS);
        let ring = |number: usize| {
            let place = first + interface::RING_OFFSETS + size_of::<u64>() * number;
            let offset = usize::try_from(region.load_u64(place)?).ok()?;
            region.at(first.wrapping_add(offset), 0)
        };
        Ok(Self {
            transmit: ring(0).ok_or(Errno::INVAL)?,
            receive: ring(rings).ok_or(Errno::INVAL)?,
            _region: Arc::clone(&region),
            control,
        })
    }

    /// Sets the length of the virtio-net header of the port with that name.
    ///
    /// # Errors
    ///
    /// The errno of the request.
    pub fn set_header(&self, name: &PortName, length: u32) -> io::Result<()> {
        let mut body = PortHeader { length };
        self.control
            .ask(RequestKind::PortHeaderSet, name.kernel_name(), &mut body)
    }

    /// The first transmit ring, mapped as long as this lives.
    pub fn transmit_ring(&self) -> NonNull<u8> {
        self.transmit
    }

    /// The first receive ring, mapped as long as this lives.
    pub fn receive_ring(&self) -> NonNull<u8> {
        self.receive
    }

    /// `NIOCTXSYNC`.
    ///
    /// # Errors
    ///
    /// The errno of the synchronisation.
    pub fn transmit_sync(&self) -> io::Result<()> {
        self.control.transmit_sync()
    }

    /// `NIOCRXSYNC`.
    ///
    /// # Errors
    ///
    /// The errno of the synchronisation.
    pub fn receive_sync(&self) -> io::Result<()> {
        self.control.receive_sync()
    }
}

impl fmt::Debug for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bare")
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}
