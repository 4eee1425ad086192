use crate::abi;

/// Which rings of an interface a VALE switch gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttachedRings {
    /// The NIC's: the switch reaches the wire, the host is cut off.
    Nic,
    /// The NIC's, and those to the host's network stack, as a port of their own.
    NicAndHost,
}

/// A VALE switch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Switch {
    /// `vale0`. Not known when its ports are persistent interfaces that were opened since they were attached: netmap
    /// forgets their names in the switch, and has the switch's name nowhere else.
    pub name: Option<String>,
    /// Its number.
    pub index: u16,
    /// Its ports, in the order of their numbers.
    pub ports: Vec<SwitchPort>,
}

impl Switch {
    /// Without ports.
    pub(super) fn new(index: u16) -> Self {
        Self {
            name: None,
            index,
            ports: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, port: SwitchPort) {
        if let (None, Some((name, _))) = (&self.name, port.name.split_once(':')) {
            self.name = Some(name.to_owned());
        }
        self.ports.push(port);
    }
}

/// A port of a VALE switch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SwitchPort {
    /// `vale0:vm1`. The host's side of an attached interface has a `^` behind its name; a persistent interface that was
    /// opened since it was attached has no switch in front of it.
    pub name: String,
    /// Its number in the switch.
    pub index: u32,
}

/// One direction of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingShape {
    /// How many rings.
    pub rings: u16,
    /// Slots of each.
    pub slots: u32,
}

/// What a persistent VALE interface has. 0 leaves a number to the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceShape {
    /// Rings that it transmits from: 1 to 16 of 1 to 4096 slots, 1 of 1024 if nothing is said.
    pub transmit: RingShape,
    /// Rings that it receives into, likewise.
    pub receive: RingShape,
    /// The number of its memory region; a new one if nothing is said.
    pub memory: u16,
}

impl InterfaceShape {
    pub(super) fn encode(&self) -> abi::ValeInterface {
        abi::ValeInterface {
            transmit_slots: self.transmit.slots,
            receive_slots: self.receive.slots,
            transmit_rings: self.transmit.rings,
            receive_rings: self.receive.rings,
            memory: self.memory,
        }
    }

    pub(super) fn decode(body: &abi::ValeInterface) -> Self {
        Self {
            transmit: RingShape {
                rings: body.transmit_rings,
                slots: body.transmit_slots,
            },
            receive: RingShape {
                rings: body.receive_rings,
                slots: body.receive_slots,
            },
            memory: body.memory,
        }
    }
}

/// What a port has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortInfo {
    /// Rings that it transmits from.
    pub transmit: RingShape,
    /// Rings that it receives into.
    pub receive: RingShape,
    /// Rings to the host's network stack, with as many slots as the others.
    pub host_transmit_rings: u16,
    /// Rings from it.
    pub host_receive_rings: u16,
    /// The number of its memory region. Ports in one region pass frames on without a copy.
    pub memory: u16,
    /// Bytes of the memory region.
    pub memory_size: u64,
}

impl PortInfo {
    pub(super) fn decode(body: &abi::PortInfo) -> Self {
        Self {
            transmit: RingShape {
                rings: body.transmit_rings,
                slots: body.transmit_slots,
            },
            receive: RingShape {
                rings: body.receive_rings,
                slots: body.receive_slots,
            },
            host_transmit_rings: body.host_transmit_rings,
            host_receive_rings: body.host_receive_rings,
            memory: body.memory,
            memory_size: body.memory_size,
        }
    }
}

/// How kernel threads poll a NIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PollingThreads {
    /// One thread polls all rings.
    One {
        /// The CPU that it runs on.
        cpu: u32,
    },
    /// Each ring is polled by a thread on the CPU of the same number.
    PerRing {
        /// The first ring and CPU.
        first: u32,
        /// How many.
        count: u32,
    },
}
