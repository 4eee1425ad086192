//! Binding descriptors to rings (`netmap_do_regif`, `netmap_do_unregif`).

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::body::{EXCLUSIVE, Register};
use super::engine::Engine;
use super::memory::{INTERFACE_BYTES, Memory};
use super::nic::HostQueue;
use super::port::{Kind, Port, Rings};
use super::ranges::ranges;
use super::ready::Readiness;
use super::ring::{Direction, Ring};
use super::state::{NAME, State};
use super::{monitor, pipe};

// struct netmap_if
const FLAGS: usize = 20;
const TX_RINGS: usize = 24;
const RX_RINGS: usize = 28;
const BUFFERS_HEAD: usize = 32;
const HOST_TX_RINGS: usize = 36;
const HOST_RX_RINGS: usize = 40;
const RING_OFFSETS: usize = 56;
/// `NI_PRIV_MEM`.
const PRIVATE_MEMORY: u32 = 1;

/// What a descriptor is bound to.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) port: Arc<Port>,
    pub(super) memory: Arc<Memory>,
    pub(super) transmit: Vec<Arc<Ring>>,
    pub(super) receive: Vec<Arc<Ring>>,
    interface: Option<usize>,
    is_exclusive: bool,
}

impl State {
    /// Binds to the rings that the request asks for, and fills in its answer.
    pub(super) fn bind(
        &mut self,
        port: &Arc<Port>,
        register: &mut Register,
        waiter: &Arc<Readiness>,
    ) -> Result<Bound, Errno> {
        let memory = port.memory();
        memory.attach();
        let is_first = port.active.load(Ordering::Relaxed) == 0;
        let bound = self.bind_rings(port, &memory, register, is_first);
        let bound = match bound {
            Ok(bound) => bound,
            Err(error) => {
                if is_first {
                    Self::delete_rings(port);
                }
                memory.detach();
                self.restore_memory(port);
                return Err(error);
            }
        };
        port.active.fetch_add(1, Ordering::Relaxed);
        port.is_on.store(true, Ordering::Release);
        register.describe(port);
        let (head, count) = memory.extra(register.extra_buffers);
        register.extra_buffers = count;
        if let Some(place) = bound.interface {
            let flags = u32::from(memory.is_private) * PRIVATE_MEMORY;
            memory.region.store_u32(place + FLAGS, flags);
            memory.region.store_u32(place + BUFFERS_HEAD, head);
            register.offset = place as u64;
        }
        for ring in bound.transmit.iter().chain(&bound.receive) {
            ring.add_waiter(waiter);
        }
        Ok(bound)
    }

    fn bind_rings(
        &mut self,
        port: &Arc<Port>,
        memory: &Arc<Memory>,
        register: &Register,
        is_first: bool,
    ) -> Result<Bound, Errno> {
        let [transmit, receive] = ranges(port, register)?;
        if is_first {
            self.update_name(port);
            make_rings(port);
        }
        let rings = port.rings().ok_or(Errno::NOMEM)?;
        let is_exclusive = register.flags & EXCLUSIVE != 0;
        let pick = |direction, range: &Range<usize>| {
            let rings = rings.of(direction);
            rings.get(range.clone()).unwrap_or_default().to_vec()
        };
        let mut bound = Bound {
            port: port.clone(),
            memory: memory.clone(),
            transmit: pick(Direction::Transmit, &transmit),
            receive: pick(Direction::Receive, &receive),
            interface: None,
            is_exclusive,
        };
        bound.take(is_exclusive)?;
        let made = port.create_rings().and_then(|()| {
            let place = write_interface(port, memory, &rings, [&transmit, &receive])?;
            bound.interface = Some(place);
            self.switch_on(&bound)
        });
        if let Err(error) = made {
            bound.give();
            if let Some(place) = bound.interface {
                memory.interfaces.give_place(place);
            }
            port.delete_rings();
            return Err(error);
        }
        Ok(bound)
    }

    /// What the kind of port does when rings begin to be used (`nm_register`).
    fn switch_on(&mut self, bound: &Bound) -> Result<(), Errno> {
        let port = &bound.port;
        if port.is_gone.load(Ordering::Acquire) {
            return Err(Errno::NXIO);
        }
        match &port.kind {
            Kind::Pipe(end) => {
                pipe::share_rings(port, end)?;
                let is_first = port.active.load(Ordering::Relaxed) == 0;
                if is_first && end.held.lock().is_none() {
                    self.drop_peer(end);
                }
            }
            Kind::Monitor(of) => monitor::start(bound, of)?,
            _ => {}
        }
        for ring in bound.transmit.iter().chain(&bound.receive) {
            let mut state = ring.state.lock();
            if state.is_on {
                continue;
            }
            state.is_on = true;
            if matches!(ring.engine, Engine::NicTransmit(_) | Engine::NicReceive) {
                state.mapped = (0..ring.slots)
                    .map(|index| ring.slot(index).buffer)
                    .collect();
            }
            ring.fill_source(&mut state);
        }
        Ok(())
    }

    /// Undoes [`bind`](Self::bind).
    pub(super) fn unbind(&mut self, bound: &Bound, waiter: &Arc<Readiness>) {
        let port = &bound.port;
        for ring in bound.transmit.iter().chain(&bound.receive) {
            ring.remove_waiter(waiter);
        }
        let is_last = port.active.fetch_sub(1, Ordering::Relaxed) == 1;
        bound.give();
        if is_last {
            for _ in 0..monitor::orphan(port) {
                self.put(port);
            }
            port.is_on.store(false, Ordering::Release);
        }
        if let Kind::Monitor(of) = &port.kind {
            monitor::stop(bound, of);
        }
        for ring in bound.transmit.iter().chain(&bound.receive) {
            let mut state = ring.state.lock();
            state.is_on = state.users > 0;
        }
        if let Kind::Pipe(end) = &port.kind {
            if is_last && end.held.lock().is_none() {
                self.hold_by_peer(port, end);
            }
        }
        port.delete_rings();
        if is_last {
            Self::delete_rings(port);
            let mut shape = port.shape.lock();
            let hosts = u16::from(port.has_host_rings);
            shape.host_transmit_rings = hosts;
            shape.host_receive_rings = hosts;
        }
        if let Some(place) = bound.interface {
            bound.memory.interfaces.give_place(place);
        }
        bound.memory.detach();
        self.restore_memory(port);
        let port = port.clone();
        self.put(&port);
    }

    /// The rings of the last descriptor go; those of a pipe with its other end.
    fn delete_rings(port: &Arc<Port>) {
        match &port.kind {
            Kind::Pipe(end) => {
                let peer_lives = end.held.lock().is_none();
                if !peer_lives {
                    pipe::delete_rings(port, end);
                }
            }
            _ => {
                port.delete_rings();
                *port.rings.write() = None;
            }
        }
    }

    fn drop_peer(&mut self, end: &pipe::End) {
        let Some(peer) = end.peer.lock().upgrade() else {
            return;
        };
        if let Kind::Pipe(other) = &peer.kind {
            let held = other.held.lock().take();
            if let Some(ourselves) = held {
                self.put(&ourselves);
            }
        }
    }

    fn hold_by_peer(&mut self, port: &Arc<Port>, end: &pipe::End) {
        let Some(peer) = end.peer.lock().upgrade() else {
            return;
        };
        if let Kind::Pipe(other) = &peer.kind {
            port.hold();
            *other.held.lock() = Some(port.clone());
        }
    }

    /// An interface in use goes by its own name (`netmap_update_config`).
    fn update_name(&self, port: &Arc<Port>) {
        let own = self
            .interfaces
            .iter()
            .find(|(_, other)| Arc::ptr_eq(other, port));
        if let Some((name, _)) = own {
            port.name.lock().clone_from(name);
        }
    }

    fn restore_memory(&self, port: &Arc<Port>) {
        if port.active.load(Ordering::Relaxed) == 0 {
            if let Some(own) = port.own_memory.lock().take() {
                *port.memory.lock() = own;
            }
        }
    }
}

impl Bound {
    /// Counts users; nobody may share a ring that somebody wants for himself (`netmap_krings_get`).
    fn take(&self, is_exclusive: bool) -> Result<(), Errno> {
        let rings = || self.receive.iter().chain(&self.transmit);
        for ring in rings() {
            let state = ring.state.lock();
            if state.is_exclusive || (state.users > 0 && is_exclusive) {
                return Err(Errno::BUSY);
            }
        }
        for ring in rings() {
            let mut state = ring.state.lock();
            state.users += 1;
            state.is_exclusive |= is_exclusive;
        }
        Ok(())
    }

    fn give(&self) {
        for ring in self.receive.iter().chain(&self.transmit) {
            let mut state = ring.state.lock();
            state.users = state.users.saturating_sub(1);
            if self.is_exclusive {
                state.is_exclusive = false;
            }
        }
    }
}

/// What is behind the rings of a port.
fn make_rings(port: &Arc<Port>) {
    let this = || Arc::downgrade(port);
    if let Kind::Pipe(end) = &port.kind {
        pipe::make_rings(port, end);
        return;
    }
    let engines = |direction: Direction, _: u16, is_host: bool| match (&port.kind, direction) {
        (Kind::Nic(_), Direction::Transmit) if is_host => Engine::HostTransmit(this()),
        (Kind::Nic(_), Direction::Receive) if is_host => Engine::HostReceive(HostQueue::default()),
        (Kind::Monitor(of), Direction::Receive) => Engine::Monitor(of.is_orphan.clone()),
        _ if is_host => Engine::Fake,
        (Kind::Vale { .. }, Direction::Transmit) => Engine::ValeTransmit(this()),
        (Kind::Vale { .. }, Direction::Receive) => Engine::ValeReceive,
        (Kind::Nic(_), Direction::Transmit) => Engine::NicTransmit(this()),
        (Kind::Nic(_), Direction::Receive) => Engine::NicReceive,
        (Kind::Generator(Some(length)), Direction::Receive) => Engine::Source(*length),
        (Kind::Generator(_), Direction::Transmit) => Engine::Sink,
        _ => Engine::Silent,
    };
    port.make_rings(&engines);
}

/// `struct netmap_if`, for one descriptor: rings that it is not bound to have the offset 0 (`netmap_mem2_if_new`).
fn write_interface(
    port: &Port,
    memory: &Memory,
    rings: &Rings,
    [transmit, receive]: [&Range<usize>; 2],
) -> Result<usize, Errno> {
    let all = rings.transmit.len() + rings.receive.len();
    let place = memory.interfaces.take_place(INTERFACE_BYTES + 8 * all);
    let place = place.ok_or(Errno::NOMEM)?;
    let region = &memory.region;
    let mut bytes = [0; INTERFACE_BYTES];
    for (to, from) in bytes.iter_mut().take(NAME - 1).zip(port.name().bytes()) {
        *to = from;
    }
    region.write(place, &bytes);
    let shape = port.shape();
    let words = [
        (TX_RINGS, shape.transmit_rings),
        (RX_RINGS, shape.receive_rings),
        (HOST_TX_RINGS, shape.host_rings(Direction::Transmit)),
        (HOST_RX_RINGS, shape.host_rings(Direction::Receive)),
    ];
    for (offset, count) in words {
        region.store_u32(place + offset, u32::from(count));
    }
    let transmit = (&rings.transmit, transmit);
    let receive = (&rings.receive, receive);
    let bound = [transmit, receive].into_iter().flat_map(|(rings, range)| {
        let rings = rings.iter().enumerate();
        rings.map(move |(index, ring)| ring.place().filter(|_| range.contains(&index)))
    });
    for (index, ring) in bound.enumerate() {
        let offset = ring.map_or(0, |ring| ring.wrapping_sub(place) as u64);
        region.store_u64(place + RING_OFFSETS + 8 * index, offset);
    }
    Ok(place)
}
