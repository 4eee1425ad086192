//! Names of pipes, monitors and null ports.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::body::{MONITOR_RECEIVED, MONITOR_SWAPPING, MONITOR_TRANSMITTED, Register};
use super::memory::Memory;
use super::monitor::Monitor;
use super::parking::Lock;
use super::pipe::{End, Known};
use super::port::{Kind, Port, Shape};
use super::state::{State, bound};

const MOST_SLOTS: u32 = 4096;
const PIPE_RINGS: u32 = 256;

impl State {
    /// Rings without anything behind them, in memory that is there (`netmap_get_null_na`).
    pub(super) fn null_port(
        &self,
        name: &str,
        register: &Register,
        memory: Option<&Arc<Memory>>,
        create: bool,
    ) -> Result<Option<Arc<Port>>, Errno> {
        if register.mode != 7 {
            return Ok(None);
        }
        let memory = memory.filter(|_| create).ok_or(Errno::INVAL)?;
        let shape = Shape {
            transmit_rings: register.transmit_rings,
            receive_rings: register.receive_rings,
            transmit_slots: register.transmit_slots,
            receive_slots: register.receive_slots,
            ..Shape::default()
        };
        let name = format!("null:{name}");
        let port = Port::new(&name, Kind::Null, shape, memory.clone(), &self.settings);
        port.hold();
        Ok(Some(port))
    }

    /// A new monitor of a port that is in use (`netmap_get_monitor_na`). As in the kernel, zero-copy monitors see both
    /// directions.
    pub(super) fn monitor(
        &mut self,
        name: &str,
        register: &mut Register,
        memory: Option<&Arc<Memory>>,
        create: bool,
    ) -> Result<Option<Arc<Port>>, Errno> {
        let is_swapping = register.flags & MONITOR_SWAPPING != 0;
        if is_swapping {
            register.flags |= MONITOR_TRANSMITTED | MONITOR_RECEIVED;
        }
        if register.flags & (MONITOR_TRANSMITTED | MONITOR_RECEIVED) == 0 {
            return Ok(None);
        }
        let mut inner = *register;
        inner.flags &= !(MONITOR_TRANSMITTED | MONITOR_RECEIVED | MONITOR_SWAPPING);
        let parent = self.port(name, &mut inner, memory.cloned(), create)?;
        let made = if parent.is_on.load(Ordering::Acquire) {
            self.new_monitor(&parent, register, is_swapping)
        } else {
            Err(Errno::INVAL)
        };
        if made.is_err() {
            self.put(&parent);
        }
        made.map(Some)
    }

    fn new_monitor(
        &mut self,
        parent: &Arc<Port>,
        register: &Register,
        is_swapping: bool,
    ) -> Result<Arc<Port>, Errno> {
        super::ranges::ranges(parent, register)?;
        let of = parent.shape();
        let shape = Shape {
            transmit_rings: 1,
            receive_rings: of.receive_rings.max(of.transmit_rings),
            transmit_slots: bound(register.transmit_slots, of.transmit_slots, 1, MOST_SLOTS),
            receive_slots: bound(register.receive_slots, of.receive_slots, 1, MOST_SLOTS),
            host_transmit_rings: of.host_transmit_rings.min(1),
            host_receive_rings: of.host_receive_rings.min(1),
        };
        let memory = if is_swapping {
            parent.memory()
        } else {
            self.private_memory(&shape, 0, 0)?
        };
        let sees_transmitted = register.flags & MONITOR_TRANSMITTED != 0;
        let sees_received = register.flags & MONITOR_RECEIVED != 0;
        let name = format!(
            "{}/{}{}{}#{}",
            parent.name(),
            if is_swapping { "z" } else { "" },
            if sees_received { "r" } else { "" },
            if sees_transmitted { "t" } else { "" },
            parent.monitors_made.fetch_add(1, Ordering::Relaxed)
        );
        let monitor = Monitor {
            parent: parent.clone(),
            sees_transmitted,
            sees_received,
            is_swapping,
            is_orphan: Arc::default(),
        };
        let kind = Kind::Monitor(monitor);
        let port = Port::new(&name, kind, shape, memory, &self.settings);
        port.hold();
        Ok(port)
    }

    /// One end of a pipe; both are made with the first (`netmap_get_pipe_na`).
    pub(super) fn pipe(
        &mut self,
        name: &str,
        register: &mut Register,
        memory: Option<&Arc<Memory>>,
        create: bool,
    ) -> Result<Option<Arc<Port>>, Errno> {
        let (base, id, is_master) = if let Some((base, id)) = name.rsplit_once('{') {
            (base, id, true)
        } else if let Some((base, id)) = name.rsplit_once('}') {
            (base, id, false)
        } else {
            return Ok(None);
        };
        if id.is_empty() || base.is_empty() || !matches!(register.mode, 1 | 4) {
            return Err(Errno::INVAL);
        }
        let parent = self.parent(base, register, memory, create)?;
        if parent.is_busy.load(Ordering::Relaxed) {
            self.put(&parent);
            return Err(Errno::BUSY);
        }
        let known = parent
            .pipes
            .lock()
            .iter()
            .find(|known| known.name == id)
            .cloned();
        if let Some(known) = known {
            self.put(&parent);
            let end = if is_master { known.master } else { known.slave };
            let end = end.upgrade().ok_or(Errno::NODEV)?;
            end.hold();
            return Ok(Some(end));
        }
        if !create {
            self.put(&parent);
            return Err(Errno::NODEV);
        }
        Ok(Some(self.new_pipe(&parent, id, register, is_master)))
    }

    /// The port that a pipe belongs to. When there is none of that name a VALE interface is made for it.
    fn parent(
        &mut self,
        base: &str,
        register: &mut Register,
        memory: Option<&Arc<Memory>>,
        create: bool,
    ) -> Result<Arc<Port>, Errno> {
        let found = self.port(base, register, memory.cloned(), create);
        if found.as_ref().err() != Some(&Errno::NXIO) {
            return found;
        }
        match self.new_interface(base, register, true) {
            Ok(()) | Err(Errno::EXIST) => self.port(base, register, memory.cloned(), create),
            Err(_) => Err(Errno::NXIO),
        }
    }

    fn new_pipe(
        &self,
        parent: &Arc<Port>,
        id: &str,
        register: &Register,
        is_master: bool,
    ) -> Arc<Port> {
        let of = parent.shape();
        let rings =
            |count: u16| u16::try_from(bound(u32::from(count), 1, 1, PIPE_RINGS)).unwrap_or(1);
        let shape = Shape {
            transmit_rings: rings(register.transmit_rings),
            receive_rings: rings(register.receive_rings),
            transmit_slots: bound(register.transmit_slots, of.transmit_slots, 1, MOST_SLOTS),
            receive_slots: bound(register.receive_slots, of.receive_slots, 1, MOST_SLOTS),
            ..Shape::default()
        };
        let other = Shape {
            transmit_rings: shape.receive_rings,
            receive_rings: shape.transmit_rings,
            transmit_slots: shape.receive_slots,
            receive_slots: shape.transmit_slots,
            ..shape
        };
        let end = |mark: &str, shape| {
            let end = End {
                id: id.to_owned(),
                is_master: mark == "{",
                parent: parent.clone(),
                peer: Lock::default(),
                held: Lock::default(),
            };
            let name = format!("{}{mark}{id}", parent.name());
            let kind = Kind::Pipe(end);
            Port::new(&name, kind, shape, parent.memory(), &self.settings)
        };
        let (master, slave) = (end("{", shape), end("}", other));
        super::pipe::join(&master, &slave);
        parent.pipes.lock().push(Known {
            name: id.to_owned(),
            master: Arc::downgrade(&master),
            slave: Arc::downgrade(&slave),
        });
        // The parent is held by each end: once by the look-up, once more here.
        parent.hold();
        let (asked, peer) = if is_master {
            (master, slave)
        } else {
            (slave, master)
        };
        peer.hold();
        if let Kind::Pipe(end) = &asked.kind {
            *end.held.lock() = Some(peer);
        }
        asked.hold();
        asked
    }

    /// An end of a pipe is gone.
    pub(super) fn end_pipe(&mut self, end: &End) {
        let held = end.held.lock().take();
        if let Some(peer) = held {
            self.put(&peer);
        }
        let parent = end.parent.clone();
        if end.is_master {
            parent.pipes.lock().retain(|known| known.name != end.id);
        }
        self.put(&parent);
    }
}
