//! Ports (`struct netmap_adapter`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use rustix::io::Errno;

use super::engine::Engine;
use super::memory::Memory;
use super::parking::{Lock, Shared};
use super::ring::{Direction, Ring};
use super::settings::Settings;
use super::vale::Switch;

/// The largest frame that a VALE port without a header is given when super-frames are cut (`NM_BDG_MFS_DEFAULT`).
const LARGEST_FRAME: u32 = 1514;

/// How many rings and slots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    pub(super) transmit_rings: u16,
    pub(super) receive_rings: u16,
    pub(super) transmit_slots: u32,
    pub(super) receive_slots: u32,
    pub(super) host_transmit_rings: u16,
    pub(super) host_receive_rings: u16,
}

impl Shape {
    /// Rings of the port itself, without the host's.
    pub(super) fn rings(&self, direction: Direction) -> u16 {
        match direction {
            Direction::Transmit => self.transmit_rings,
            Direction::Receive => self.receive_rings,
        }
    }

    /// The host's rings, which are there (as fakes) also where there is no host (`netmap_all_rings`).
    pub(super) fn host_rings(&self, direction: Direction) -> u16 {
        let count = match direction {
            Direction::Transmit => self.host_transmit_rings,
            Direction::Receive => self.host_receive_rings,
        };
        count.max(1)
    }

    pub(super) fn slots(&self, direction: Direction) -> u32 {
        match direction {
            Direction::Transmit => self.transmit_slots,
            Direction::Receive => self.receive_slots,
        }
    }
}

/// What kind of port.
#[derive(Debug)]
pub(super) enum Kind {
    /// In a VALE switch, made by registering; or a persistent one, which is an interface.
    Vale { is_interface: bool },
    /// One end of a pipe.
    Pipe(super::pipe::End),
    /// An interface on a wire.
    Nic(super::nic::Nic),
    /// Such an interface in a switch.
    Wrap(super::wrap::Wrap),
    /// Sees what another port sees.
    Monitor(super::monitor::Monitor),
    /// Takes everything at once, or always has frames of that length.
    Generator(Option<u16>),
    /// Rings without anything behind them.
    Null,
}

/// The rings of a port, the host's at the end.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) transmit: Vec<Arc<Ring>>,
    pub(super) receive: Vec<Arc<Ring>>,
}

impl Rings {
    pub(super) fn of(&self, direction: Direction) -> &[Arc<Ring>] {
        match direction {
            Direction::Transmit => &self.transmit,
            Direction::Receive => &self.receive,
        }
    }

    /// All of them, in the order in which they get memory: receive rings first (`for_rx_tx`).
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Ring>> {
        self.receive.iter().chain(&self.transmit)
    }
}

/// A place in a switch.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) switch: Arc<Switch>,
    pub(super) index: usize,
}

/// A port.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) name: Lock<String>,
    pub(super) kind: Kind,
    pub(super) settings: Arc<Settings>,
    pub(super) shape: Lock<Shape>,
    pub(super) has_host_rings: bool,
    pub(super) memory: Lock<Arc<Memory>>,
    /// The region of its own, while a registration chose another one.
    pub(super) own_memory: Lock<Option<Arc<Memory>>>,
    /// Bytes of virtio-net header in front of each frame.
    pub(super) header: AtomicU32,
    pub(super) largest: AtomicU32,
    /// The source address of its last frame, which need not be learned again.
    pub(super) last_source: AtomicU64,
    pub(super) place: Shared<Option<Place>>,
    pub(super) rings: Shared<Option<Arc<Rings>>>,
    /// Descriptors that are bound to it.
    pub(super) active: AtomicU32,
    /// Everybody who holds it; the port goes with the last.
    pub(super) references: AtomicU32,
    pub(super) is_on: AtomicBool,
    /// The interface went away (`nm_iszombie`).
    pub(super) is_gone: AtomicBool,
    /// In a switch, and not to be registered (`NETMAP_OWNED_BY_KERN`).
    pub(super) is_busy: AtomicBool,
    pub(super) pipes: Lock<Vec<super::pipe::Known>>,
    pub(super) monitors_made: AtomicU32,
}

impl Port {
    pub(super) fn new(
        name: &str,
        kind: Kind,
        shape: Shape,
        memory: Arc<Memory>,
        settings: &Arc<Settings>,
    ) -> Arc<Self> {
        let has_host_rings = matches!(kind, Kind::Nic(_));
        Arc::new(Self {
            name: Lock::new(name.to_owned()),
            kind,
            settings: settings.clone(),
            shape: Lock::new(shape),
            has_host_rings,
            memory: Lock::new(memory),
            own_memory: Lock::default(),
            header: AtomicU32::new(0),
            largest: AtomicU32::new(LARGEST_FRAME),
            last_source: AtomicU64::new(u64::MAX),
            place: Shared::default(),
            rings: Shared::default(),
            active: AtomicU32::new(0),
            references: AtomicU32::new(0),
            is_on: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            is_busy: AtomicBool::new(false),
            pipes: Lock::default(),
            monitors_made: AtomicU32::new(0),
        })
    }

    pub(super) fn name(&self) -> String {
        self.name.lock().clone()
    }

    pub(super) fn memory(&self) -> Arc<Memory> {
        self.memory.lock().clone()
    }

    pub(super) fn shape(&self) -> Shape {
        *self.shape.lock()
    }

    pub(super) fn rings(&self) -> Option<Arc<Rings>> {
        self.rings.read().clone()
    }

    pub(super) fn is_owned(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 0 || self.is_busy.load(Ordering::Relaxed)
    }

    pub(super) fn hold(&self) {
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    /// `true` when nobody holds it any more.
    pub(super) fn release(&self) -> bool {
        self.references.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Makes the rings as the kernel sees them, without memory (`netmap_krings_create`).
    pub(super) fn make_rings(self: &Arc<Self>, engines: &dyn Fn(Direction, u16, bool) -> Engine) {
        let mut rings = self.rings.write();
        if rings.is_some() {
            return;
        }
        let (shape, memory) = (self.shape(), self.memory());
        let make = |direction: Direction| {
            let (own, slots) = (shape.rings(direction), shape.slots(direction));
            let all = own.saturating_add(shape.host_rings(direction));
            let ring = |id| {
                let engine = engines(direction, id, id >= own);
                Ring::new(id, direction, slots, &memory, engine, &self.settings)
            };
            (0..all).map(ring).collect()
        };
        *rings = Some(Arc::new(Rings {
            transmit: make(Direction::Transmit),
            receive: make(Direction::Receive),
        }));
    }

    /// Gives memory to all rings that have users and none (`netmap_mem2_rings_create`).
    pub(super) fn create_rings(&self) -> Result<(), Errno> {
        let Some(rings) = self.rings() else {
            return Ok(());
        };
        for ring in rings.all() {
            let state = ring.state.lock();
            let is_needed = state.users > 0 || state.is_kept;
            if is_needed && ring.place().is_none() && !ring.create(&state) {
                return Err(Errno::NOMEM);
            }
        }
        Ok(())
    }

    /// Takes it from those that nobody uses (`netmap_mem2_rings_delete`).
    pub(super) fn delete_rings(&self) {
        let Some(rings) = self.rings() else {
            return;
        };
        for ring in rings.all() {
            let state = ring.state.lock();
            if state.users == 0 && !state.is_kept {
                ring.delete(&state);
            }
        }
    }

    /// From here on nothing works any more, as after a NIC was pulled out.
    pub(super) fn remove(&self) {
        self.is_gone.store(true, Ordering::SeqCst);
        if let Some(rings) = self.rings() {
            rings.all().for_each(|ring| ring.gone());
        }
    }
}
