use std::io;
use std::sync::Arc;

use net_backend_core::{Error, Result};

use crate::abi::{self, Register, RequestKind, flag, mode};
use crate::gate::{Control, Kernel};
use crate::persist;
use crate::remedies::Operation;
use crate::ring_table::{RingOffsets, RingTable};
use crate::spares::Spares;
use crate::sys::{Region, RingMemory};
use crate::{Directions, Monitor, NetmapConfig, PortKind, Rings};

/// A registered port: the descriptors that are bound to it, and where its rings are.
#[derive(Debug)]
pub(crate) struct Port {
    /// As in error messages.
    pub(crate) label: String,
    pub(crate) name: [u8; abi::NAME_BYTES],
    /// What the first registration said.
    pub(crate) facts: Register,
    /// Bound to all rings, so that they all change to netmap mode at once.
    anchor: Option<Arc<dyn Control>>,
    pairs: Vec<RingPair>,
}

/// Rings that are served together: one transmit and one receive ring, as a rule.
#[derive(Debug)]
struct RingPair {
    control: Arc<dyn Control>,
    region: Arc<Region>,
    /// Where they begin in the region, in bytes.
    receive: Vec<usize>,
    transmit: Option<usize>,
}

/// Rings of a port, and what binds them.
pub(crate) struct PairRings {
    pub(crate) control: Arc<dyn Control>,
    pub(crate) receive: Vec<RingMemory>,
    pub(crate) transmit: Option<RingMemory>,
}

impl Port {
    /// Registers what the config names.
    ///
    /// # Errors
    ///
    /// [`Error::System`] with the request that the system refused.
    pub(crate) fn open(kernel: &dyn Kernel, config: &NetmapConfig) -> Result<Self> {
        let registrar = Registrar::new(kernel, config);
        let first = registrar.open()?;
        if config.persist {
            persist::make_persistent(&*first, config)?;
        }
        let (first_mode, first_ring) = registrar.first_mode();
        let extra = config.extra_buffers.unwrap_or(0);
        let facts = registrar.register(&*first, first_mode, first_ring, extra)?;
        let plan = registrar.plan(&facts);
        let region = registrar.map(&*first, &facts)?;
        let mut port = Self {
            name: registrar.name,
            anchor: None,
            pairs: Vec::new(),
            label: registrar.label.clone(),
            facts,
        };
        if plan.len() <= 1 {
            let rings = registrar.rings(&region, &facts, first_mode, first_ring)?;
            port.pairs.push(rings.bound_to(first, region));
            return Ok(port);
        }
        let mut first = Some(first);
        if first_mode != mode::ONE_NIC && first_mode != mode::ONE_SW {
            port.anchor = first.take();
        }
        for (mode, ring) in plan {
            let (control, facts) = match first.take() {
                Some(first) => (first, facts),
                None => {
                    let control = registrar.open()?;
                    let facts = registrar.register(&*control, mode, ring, 0)?;
                    (control, facts)
                }
            };
            let rings = registrar.rings(&region, &facts, mode, ring)?;
            port.pairs
                .push(rings.bound_to(control, Arc::clone(&region)));
        }
        Ok(port)
    }

    /// Leaves the descriptors no more rights than the port needs from when it is open.
    ///
    /// # Errors
    ///
    /// [`Error::System`].
    pub(crate) fn limit(&self) -> Result<()> {
        let limited = self.controls().try_for_each(Control::limit);
        limited.map_err(|cause| Error::system("cap_rights_limit", &self.label, cause, None))
    }

    /// Every descriptor that is bound to the port.
    pub(crate) fn controls(&self) -> impl Iterator<Item = &dyn Control> {
        let pairs = self.pairs.iter().map(|pair| &*pair.control);
        self.anchor.as_deref().into_iter().chain(pairs)
    }

    /// The rings, as they are now.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when what stands in the memory makes no sense.
    pub(crate) fn rings(&self) -> Result<Vec<PairRings>> {
        self.pairs.iter().map(|pair| self.pair(pair)).collect()
    }

    /// A descriptor that is bound to the port as long as somebody has it.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when the kernel said that the port has no rings.
    pub(crate) fn control(&self) -> Result<Arc<dyn Control>> {
        let pair = self.pairs.first().map(|pair| &pair.control);
        let control = self.anchor.as_ref().or(pair).cloned();
        control.ok_or_else(|| strange_memory(&self.label))
    }

    /// The buffers that are in no ring, if any were asked for.
    ///
    /// # Errors
    ///
    /// As [`rings`](Self::rings).
    pub(crate) fn spares(&self) -> Result<Option<Arc<Spares>>> {
        let Some(pair) = self.pairs.first().filter(|_| self.facts.extra_buffers > 0) else {
            return Ok(None);
        };
        let rings = self.pair(pair)?;
        let memory = rings.receive.into_iter().chain(rings.transmit).next();
        let interface = usize::try_from(self.facts.offset).ok();
        // Those of the first registration.
        let control = self.control()?;
        let spares = memory.zip(interface).and_then(|(memory, interface)| {
            let region = Arc::clone(&pair.region);
            let count = self.facts.extra_buffers;
            Spares::new(memory, region, interface, count, control)
        });
        match spares {
            Some(spares) => Ok(Some(spares)),
            None => Err(strange_memory(&self.label)),
        }
    }

    /// Length in bytes of the virtio-net header that the kernel expects.
    ///
    /// # Errors
    ///
    /// [`Error::System`].
    pub(crate) fn header_length(&self) -> Result<u32> {
        let told = self.control()?.header_length(self.name);
        told.map_err(|cause| Operation::HeaderGet.error(self.label.as_str(), cause))
    }

    /// Sets the length in bytes of the virtio-net header.
    ///
    /// # Errors
    ///
    /// [`Error::System`].
    pub(crate) fn set_header_length(&self, length: u32) -> Result<()> {
        let set = self.control()?.set_header_length(self.name, length);
        set.map_err(|cause| Operation::HeaderSet.error(self.label.as_str(), cause))
    }

    fn pair(&self, pair: &RingPair) -> Result<PairRings> {
        let ring = |offset: &usize| {
            RingMemory::new(&pair.region, *offset)
                .filter(|ring| !ring.has_offsets())
                .ok_or_else(|| strange_memory(&self.label))
        };
        Ok(PairRings {
            control: Arc::clone(&pair.control),
            receive: pair.receive.iter().map(ring).collect::<Result<_>>()?,
            transmit: pair.transmit.as_ref().map(ring).transpose()?,
        })
    }
}

/// Opens and registers descriptors for one port.
struct Registrar<'k> {
    kernel: &'k dyn Kernel,
    config: &'k NetmapConfig,
    name: [u8; abi::NAME_BYTES],
    label: String,
}

impl<'k> Registrar<'k> {
    fn new(kernel: &'k dyn Kernel, config: &'k NetmapConfig) -> Self {
        Self {
            kernel,
            config,
            name: match config.persist {
                true => abi::name(persist::interface(&config.port)),
                false => config.port.kernel_name(),
            },
            label: format!("netmap:{}", config.port),
        }
    }

    fn open(&self) -> Result<Arc<dyn Control>> {
        let opened = self.kernel.open();
        let control = opened.map_err(|cause| Operation::Open.error("/dev/netmap", cause))?;
        Ok(control.into())
    }

    /// All rings at once, so that a NIC is reset once; or the first one where the others could not be had any more
    /// then, because nobody else may have them, not even we again.
    fn first_mode(&self) -> (u32, u16) {
        let exclusive = self.config.port.is_exclusive() && self.config.port.monitor().is_none();
        match (self.config.port.rings(), exclusive) {
            (Rings::One(ring), _) => (mode::ONE_NIC, ring),
            (Rings::OneHost(ring), _) => (mode::ONE_SW, ring),
            (Rings::All | Rings::AllAndHost, true) => (mode::ONE_NIC, 0),
            (Rings::Host, true) => (mode::ONE_SW, 0),
            (Rings::All, false) => (mode::ALL_NIC, 0),
            (Rings::Host, false) => (mode::SW, 0),
            (Rings::AllAndHost, false) => (mode::NIC_SW, 0),
        }
    }

    /// The registrations that serve every ring by itself.
    fn plan(&self, facts: &Register) -> Vec<(u32, u16)> {
        let nic = facts.transmit_rings.max(facts.receive_rings);
        let host = facts.host_transmit_rings.max(facts.host_receive_rings);
        let nic = (0..nic).map(|ring| (mode::ONE_NIC, ring));
        let host = (0..host).map(|ring| (mode::ONE_SW, ring));
        match self.config.port.rings() {
            // Each registration of a monitor is another monitor.
            _ if self.config.port.monitor().is_some() => Vec::new(),
            Rings::One(_) | Rings::OneHost(_) => Vec::new(),
            Rings::All => nic.collect(),
            Rings::Host => host.collect(),
            Rings::AllAndHost => nic.chain(host).collect(),
        }
    }

    fn register(
        &self,
        control: &dyn Control,
        mode: u32,
        ring: u16,
        extra_buffers: u32,
    ) -> Result<Register> {
        let config = self.config;
        let mut body = Register {
            transmit_slots: config.slots.unwrap_or(0),
            receive_slots: config.slots.unwrap_or(0),
            transmit_rings: config.rings.unwrap_or(0),
            receive_rings: config.rings.unwrap_or(0),
            memory: config.port.memory().map_or(0, |memory| memory.get()),
            ring,
            mode,
            extra_buffers,
            flags: self.flags(),
            ..Register::default()
        };
        control
            .ask(RequestKind::Register, self.name, &mut body)
            .map_err(|cause| {
                let operation = Operation::Register((&config.port).into());
                operation.error(self.label.as_str(), cause)
            })?;
        Ok(body)
    }

    fn flags(&self) -> u64 {
        let port = &self.config.port;
        let monitor = match port.monitor() {
            None => 0,
            Some(Monitor::Transmit) => flag::MONITOR_TX,
            Some(Monitor::Receive) => flag::MONITOR_RX,
            Some(Monitor::Both) => flag::MONITOR_TX | flag::MONITOR_RX,
            Some(Monitor::ZeroCopy) => flag::ZERO_COPY_MONITOR,
        };
        let directions = match port.directions() {
            Directions::Both => 0,
            Directions::Receive => flag::RX_RINGS_ONLY,
            Directions::Transmit => flag::TX_RINGS_ONLY,
        };
        let exclusive = match port.is_exclusive() {
            true => flag::EXCLUSIVE,
            false => 0,
        };
        // Waiting for frames leaves the transmit rings alone: a synchronisation of theirs would have the transmit half's
        // `NIOCTXSYNC` at the same moment do nothing, and say nothing of it.
        flag::NO_TX_POLL | flag::ACCEPT_VNET_HDR | monitor | directions | exclusive
    }

    fn map(&self, control: &dyn Control, facts: &Register) -> Result<Arc<Region>> {
        let length = usize::try_from(facts.memory_size).unwrap_or(usize::MAX);
        let mapped = control.map(length);
        mapped.map_err(|cause| Operation::Map.error(self.label.as_str(), cause))
    }

    /// Finds the rings of one registration in the memory.
    fn rings(
        &self,
        region: &Arc<Region>,
        facts: &Register,
        mode: u32,
        ring: u16,
    ) -> Result<RingOffsets> {
        let table = RingTable::new(region, facts.offset);
        let table = table.ok_or_else(|| strange_memory(&self.label))?;
        let port = &self.config.port;
        let monitor = port.monitor().is_some();
        let (receive, transmit) = match port.directions() {
            Directions::Both => (true, !monitor),
            Directions::Receive => (true, false),
            Directions::Transmit => (false, true),
        };
        let found = table.find(mode, u32::from(ring), receive, transmit);
        found.ok_or_else(|| strange_memory(&self.label))
    }
}

impl RingOffsets {
    fn bound_to(self, control: Arc<dyn Control>, region: Arc<Region>) -> RingPair {
        RingPair {
            control,
            region,
            receive: self.receive,
            transmit: self.transmit,
        }
    }
}

#[cold]
fn strange_memory(label: &str) -> Error {
    let why = "what it says about its rings is not inside of its memory, or packets have offsets, which another program asked for";
    Error::Gone {
        object: label.to_owned(),
        cause: io::Error::new(io::ErrorKind::InvalidData, why),
    }
}

/// Whether PORT_HDR_SET works: for the ports of VALE switches, not for persistent ones, pipes on them, or their monitors.
pub(crate) fn has_header(config: &NetmapConfig) -> bool {
    is_of_switch(config) && !config.persist && config.port.monitor().is_none()
}

/// Whether the frames that a monitor sees may have a header.
pub(crate) fn is_monitor_of_header(config: &NetmapConfig) -> bool {
    is_of_switch(config) && config.port.monitor().is_some()
}

/// Whether it is about the port of a switch, and not about a pipe on it.
pub(crate) fn is_of_switch(config: &NetmapConfig) -> bool {
    config.port.kind() == PortKind::Vale && config.port.pipe().is_none()
}
