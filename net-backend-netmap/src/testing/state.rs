//! What there is in a model: ports, switches, memory; and how names are looked up. All of it is behind one lock, as in
//! the kernel (`NMG_LOCK`).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use rustix::io::Errno;

use super::body::Register;
use super::memory::{Memory, Needs, Objects};
use super::port::{Kind, Place, Port, Shape};
use super::settings::Settings;
use super::vale::{PLACES, Switch};

/// Switches at most (`NM_BRIDGES`).
const SWITCHES: u16 = 8;
/// Bytes of an interface's name, with the NUL (`IFNAMSIZ`).
pub(super) const NAME: usize = 16;
const VALE_RINGS: u32 = 16;
const MOST_SLOTS: u32 = 4096;
const VALE_SLOTS: u32 = 1024;

/// Everything.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Arc<Settings>,
    pub(super) global: Arc<Memory>,
    memories: BTreeMap<u16, Weak<Memory>>,
    last_memory: u16,
    pub(super) switches: Vec<Arc<Switch>>,
    pub(super) interfaces: BTreeMap<String, Arc<Port>>,
}

/// What a name is looked up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    Attach,
    Detach,
}

impl State {
    pub(super) fn new(settings: &Arc<Settings>) -> std::io::Result<Self> {
        let buffers = Objects {
            count: settings.shared_buffers,
            size: settings.buffer_size,
        };
        let global = Memory::global(buffers)?;
        Ok(Self {
            settings: settings.clone(),
            memories: BTreeMap::from([(1, Arc::downgrade(&global))]),
            global,
            last_memory: 1,
            switches: Vec::new(),
            interfaces: BTreeMap::new(),
        })
    }

    /// The memory with that number (`netmap_mem_find`).
    pub(super) fn memory(&self, id: u16) -> Result<Arc<Memory>, Errno> {
        self.memories
            .get(&id)
            .and_then(Weak::upgrade)
            .ok_or(Errno::INVAL)
    }

    /// Memory of a port's own, with the next free number.
    pub(super) fn private_memory(
        &mut self,
        shape: &Shape,
        extra: u32,
        pipes: usize,
    ) -> Result<Arc<Memory>, Errno> {
        let id = self.free_number();
        let needs = Needs {
            transmit_rings: usize::from(shape.transmit_rings),
            transmit_slots: shape.transmit_slots as usize,
            receive_rings: usize::from(shape.receive_rings),
            receive_slots: shape.receive_slots as usize,
            extra_buffers: extra as usize,
            pipes,
            buffer_size: self.settings.buffer_size,
        };
        let memory = Memory::private(id, &needs)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::NOMEM))?;
        self.last_memory = id;
        self.memories.insert(id, Arc::downgrade(&memory));
        Ok(memory)
    }

    /// The first free number behind the last one that was given, and is still in use (`nm_mem_assign_id_locked`).
    fn free_number(&mut self) -> u16 {
        let last = self.last_memory;
        self.memories.retain(|_, memory| memory.strong_count() > 0);
        let last = self.memories.range(..=last).next_back();
        let mut id = last.map_or(1, |(id, _)| *id);
        while self.memories.contains_key(&id) {
            id = id.wrapping_add(1).max(1);
        }
        id
    }

    /// Finds or makes the port of that name, and holds it (`netmap_get_na`).
    pub(super) fn port(
        &mut self,
        name: &str,
        register: &mut Register,
        memory: Option<Arc<Memory>>,
        create: bool,
    ) -> Result<Arc<Port>, Errno> {
        if matches!(register.mode, 5 | 6) {
            return Err(Errno::INVAL);
        }
        let memory = match memory {
            None if register.memory != 0 => Some(self.memory(register.memory)?),
            memory => memory,
        };
        if let Some(port) = self.null_port(name, register, memory.as_ref(), create)? {
            return Ok(port);
        }
        if let Some(port) = self.monitor(name, register, memory.as_ref(), create)? {
            return Ok(port);
        }
        if let Some(port) = self.pipe(name, register, memory.as_ref(), create)? {
            return Ok(port);
        }
        if let Some(port) = self.vale(name, register, memory.as_ref(), create, Purpose::Register)? {
            return Ok(port);
        }
        self.interface(name, register, memory)
    }

    /// Somebody does not need the port any more; with the last it goes (`netmap_adapter_put`).
    pub(super) fn put(&mut self, port: &Arc<Port>) {
        if !port.release() {
            return;
        }
        match &port.kind {
            Kind::Vale { .. } => {
                let place = port.place.write().take();
                if let Some(Place { switch, index }) = place {
                    switch.members.write().remove(index);
                    self.forget_empty();
                }
            }
            Kind::Pipe(end) => {
                self.end_pipe(end);
            }
            Kind::Monitor(monitor) if monitor.is_orphan.load(Ordering::Acquire) => {}
            Kind::Monitor(monitor) => {
                let parent = monitor.parent.clone();
                self.put(&parent);
            }
            Kind::Nic(_) | Kind::Wrap(_) | Kind::Generator(_) | Kind::Null => {}
        }
    }

    /// Finds or makes a port of a VALE switch (`netmap_get_bdg_na`); `None` when the name is not of that kind. The
    /// prefix that the kernel compares lacks the last letter.
    pub(super) fn vale(
        &mut self,
        name: &str,
        register: &mut Register,
        memory: Option<&Arc<Memory>>,
        create: bool,
        purpose: Purpose,
    ) -> Result<Option<Arc<Port>>, Errno> {
        if !name.starts_with("val") {
            return Ok(None);
        }
        let missing = if create { Errno::NOMEM } else { Errno::NXIO };
        let switch = self.switch(name, create).ok_or(missing)?;
        let found = switch
            .members
            .read()
            .iter()
            .find_map(|(_, port)| (*port.name.lock() == name).then(|| port.clone()));
        if let Some(port) = found {
            port.hold();
            return Ok(Some(port));
        }
        if !create {
            return Err(Errno::NXIO);
        }
        // Two places are wanted, though most ports take one.
        if switch.members.read().len() + 2 >= PLACES {
            return Err(Errno::NOMEM);
        }
        let interface = name.get(switch.name.len() + 1..).unwrap_or_default();
        let port = match self.interfaces.get(interface).cloned() {
            None if purpose == Purpose::Register => self.new_vale(name, register, memory, false)?,
            None => return Err(Errno::INVAL),
            Some(_) if purpose == Purpose::Register => return Err(Errno::INVAL),
            Some(nic) if matches!(nic.kind, Kind::Nic(_)) => {
                if register.ring != 0 || !matches!(register.mode, 1 | 3) {
                    return Err(Errno::INVAL);
                }
                let port = self.wrap(name, &nic, &switch, register.mode == 3)?;
                self.keep(switch);
                return Ok(Some(port));
            }
            Some(port) => Self::attach_interface(name, port)?,
        };
        let index = switch.members.write().add(&port).ok_or(Errno::NOMEM)?;
        self.keep(switch.clone());
        *port.place.write() = Some(Place { switch, index });
        port.hold();
        Ok(Some(port))
    }

    /// Makes a VALE port that is in no switch yet (`netmap_vale_vp_create`). What was asked for and is out of bounds is
    /// corrected.
    pub(super) fn new_vale(
        &mut self,
        name: &str,
        register: &mut Register,
        memory: Option<&Arc<Memory>>,
        is_interface: bool,
    ) -> Result<Arc<Port>, Errno> {
        let rings =
            |count: u16| u16::try_from(bound(u32::from(count), 1, 1, VALE_RINGS)).unwrap_or(1);
        register.transmit_rings = rings(register.transmit_rings);
        register.receive_rings = rings(register.receive_rings);
        register.transmit_slots = bound(register.transmit_slots, VALE_SLOTS, 1, MOST_SLOTS);
        register.receive_slots = bound(register.receive_slots, VALE_SLOTS, 1, MOST_SLOTS);
        register.extra_buffers = bound(register.extra_buffers, 0, 0, 128 * MOST_SLOTS);
        let shape = Shape {
            transmit_rings: register.transmit_rings,
            receive_rings: register.receive_rings,
            transmit_slots: register.transmit_slots,
            receive_slots: register.receive_slots,
            host_transmit_rings: 0,
            host_receive_rings: 0,
        };
        let memory = match memory {
            Some(memory) => memory.clone(),
            None => self.private_memory(&shape, register.extra_buffers, 2)?,
        };
        let kind = Kind::Vale { is_interface };
        Ok(Port::new(name, kind, shape, memory, &self.settings))
    }

    /// The switch that a port's name begins with (`nm_find_bridge`). One that is made here is in the list only when it
    /// has a port.
    fn switch(&mut self, name: &str, create: bool) -> Option<Arc<Switch>> {
        let name = switch_name(name)?;
        self.forget_empty();
        let found = self.switches.iter().find(|switch| switch.name == name);
        if found.is_some() || !create {
            return found.cloned();
        }
        let taken = |number: &u16| self.switches.iter().any(|switch| switch.number == *number);
        let number = (0..SWITCHES).find(|number| !taken(number))?;
        Some(Switch::new(name, number))
    }

    fn keep(&mut self, switch: Arc<Switch>) {
        let mut switches = self.switches.iter();
        if !switches.any(|other| Arc::ptr_eq(other, &switch)) {
            self.switches.push(switch);
        }
    }

    /// The switch that a name begins with, if there is one.
    pub(super) fn known_switch(&mut self, name: &str) -> Option<Arc<Switch>> {
        self.switch(name, false)
    }

    /// A port by name, without holding it: an interface, a port of a switch, an end of a pipe of these.
    pub(super) fn find_port(&self, name: &str) -> Option<Arc<Port>> {
        let base = name.rsplit_once(['{', '}']).map_or(name, |(base, _)| base);
        let interface = self.interfaces.get(base).cloned();
        let port = interface.or_else(|| {
            self.switches.iter().find_map(|switch| {
                let members = switch.members.read();
                let found = members.iter().find(|(_, port)| *port.name.lock() == base);
                found.map(|(_, port)| port.clone())
            })
        })?;
        let Some(id) = name.get(base.len() + 1..) else {
            return Some(port);
        };
        let known = port
            .pipes
            .lock()
            .iter()
            .find(|known| known.name == id)
            .cloned()?;
        let end = if name.contains('{') {
            known.master
        } else {
            known.slave
        };
        end.upgrade()
    }

    pub(super) fn forget_empty(&mut self) {
        self.switches
            .retain(|switch| switch.members.read().len() > 0);
    }

    /// An interface of the system (`netmap_get_hw_na`).
    fn interface(
        &mut self,
        name: &str,
        register: &Register,
        memory: Option<Arc<Memory>>,
    ) -> Result<Arc<Port>, Errno> {
        let port = self.interfaces.get(name).cloned().ok_or(Errno::NXIO)?;
        if port.active.load(Ordering::Relaxed) == 0 {
            if let Some(memory) = memory {
                let mut current = port.memory.lock();
                if !Arc::ptr_eq(&current, &memory) {
                    let own = std::mem::replace(&mut *current, memory);
                    port.own_memory.lock().get_or_insert(own);
                }
            }
            if port.has_host_rings {
                let mut shape = port.shape.lock();
                let (transmit, receive) =
                    (register.host_transmit_rings, register.host_receive_rings);
                if transmit != 0 {
                    shape.host_transmit_rings = transmit;
                }
                if receive != 0 {
                    shape.host_receive_rings = receive;
                }
            }
        }
        port.hold();
        Ok(port)
    }

    fn attach_interface(name: &str, port: Arc<Port>) -> Result<Arc<Port>, Errno> {
        let is_vale = matches!(port.kind, Kind::Vale { .. });
        if !is_vale || port.place.read().is_some() {
            return Err(Errno::OPNOTSUPP);
        }
        *port.name.lock() = name.to_owned();
        Ok(port)
    }
}

/// Corrects a number that is out of bounds (`nm_bound_var`).
pub(super) fn bound(value: u32, default: u32, least: u32, most: u32) -> u32 {
    if value < least {
        default.clamp(least, most)
    } else {
        value.min(most)
    }
}

/// The part of a port's name before the colon; `None` when that is no name of a switch (`nm_bdg_name_validate`).
fn switch_name(name: &str) -> Option<&str> {
    let is_character = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let length = name.bytes().take_while(is_character).count();
    let is_valid = length < NAME && name.as_bytes().get(length) == Some(&b':');
    (is_valid && name.len() - length <= NAME).then(|| name.get(..length))?
}
