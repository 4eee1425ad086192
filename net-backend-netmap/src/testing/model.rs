//! The model as tests see it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::counts::{Call, Calls, Counts};
use super::descriptor::Descriptor;
use super::far::Far;
use super::nic::Nic;
use super::parking::{Lock, Shared};
use super::port::{Kind, Port, Shape};
use super::register::Bound;
use super::ring::Direction;
use super::settings::Settings;
use super::state::State;
use super::tamper::{Hook, Moment, Tamper};
use crate::gate::{Control, Kernel};

/// A netmap kernel in the process. Clones are the same kernel.
#[derive(Clone, Debug)]
pub struct Model(Arc<Inner>);

/// What descriptors share.
pub(super) struct Inner {
    pub(super) state: Lock<State>,
    calls: Calls,
    hook: Shared<Option<Hook>>,
}

impl Model {
    /// A kernel without interfaces.
    ///
    /// # Errors
    ///
    /// If there is no memory.
    pub fn new(settings: Settings) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            state: Lock::new(State::new(&Arc::new(settings))?),
            calls: Calls::default(),
            hook: Shared::default(),
        })))
    }

    /// What a backend is opened on.
    pub(crate) fn kernel(&self) -> Arc<dyn Kernel> {
        Arc::new(self.clone())
    }

    /// Makes two interfaces, each with so many rings of so many slots, and a wire between them.
    pub fn wire(&self, names: [&str; 2], rings: u16, slots: u32) {
        self.uneven_wire(names, [rings; 2], slots);
    }

    /// As [`wire`](Self::wire), with numbers of transmit and of receive rings.
    pub fn uneven_wire(&self, names: [&str; 2], [transmit, receive]: [u16; 2], slots: u32) {
        let shape = Shape {
            transmit_rings: transmit,
            receive_rings: receive,
            transmit_slots: slots,
            receive_slots: slots,
            host_transmit_rings: 1,
            host_receive_rings: 1,
        };
        let ports = names.map(|name| self.interface(name, Kind::Nic(Nic::default()), shape));
        let [one, other] = &ports;
        for (from, to) in [(one, other), (other, one)] {
            if let Kind::Nic(nic) = &from.kind {
                let _again = nic.wire.set(Arc::downgrade(to));
            }
        }
    }

    /// Makes an interface that takes everything at once, and has as many frames of `length` bytes as are asked for;
    /// without `length`, none. For benchmarks.
    pub fn generator(&self, name: &str, rings: u16, slots: u32, length: Option<u16>) {
        let shape = Shape {
            transmit_rings: rings,
            receive_rings: rings,
            transmit_slots: slots,
            receive_slots: slots,
            ..Shape::default()
        };
        self.interface(name, Kind::Generator(length), shape);
    }

    /// A user program at a port of that name, as in a request: another port of a switch, the other interface of a
    /// wire, the other end of a pipe. It has its own handling of rings.
    ///
    /// # Errors
    ///
    /// The errno of what the kernel refused.
    pub fn port(&self, name: &str) -> io::Result<Far> {
        self.port_with(name, 1, 0)
    }

    /// As [`port`](Self::port), with a mode (`NR_REG_*`) and flags (`NR_*`).
    ///
    /// # Errors
    ///
    /// As `port`.
    pub fn port_with(&self, name: &str, mode: u32, flags: u64) -> io::Result<Far> {
        let control = Box::new(Descriptor::new(&self.0, true)?);
        Far::new(control, name, mode, flags)
    }

    /// What was called so far, on all descriptors but those of [`port`](Self::port).
    pub fn counts(&self) -> Counts {
        self.0.calls.counts()
    }

    /// Lets `times` calls fail with `errno`, after `skip` more were successful.
    pub fn fail(&self, call: Call, skip: u32, times: u32, errno: i32) {
        self.0.calls.plan(call, skip, times, errno);
    }

    /// Pulls a port out: from here on its descriptors are ready as after an error, and synchronising fails.
    ///
    /// # Errors
    ///
    /// `ENXIO` when there is no such port.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let port = self.find(name)?;
        port.remove();
        self.0
            .state
            .lock()
            .interfaces
            .retain(|_, other| !Arc::ptr_eq(other, &port));
        Ok(())
    }

    /// A hand on the memory of a port, to write to it what a well-behaved kernel does not.
    ///
    /// # Errors
    ///
    /// `ENXIO` when there is no such port, or nobody registered it.
    pub fn tamper(&self, name: &str) -> io::Result<Tamper> {
        let port = self.find(name)?;
        Ok(Tamper::new(&port).ok_or(Errno::NXIO)?)
    }

    /// Calls `hook` after each registration and synchronisation of a descriptor that is not the model's own, on its
    /// thread.
    pub fn on_call(&self, hook: impl Fn(Moment, &Tamper) + Send + Sync + 'static) {
        *self.0.hook.write() = Some(Box::new(hook));
    }

    /// Frames that VALE switches lost because a ring was full.
    pub fn lost(&self) -> u64 {
        let state = self.0.state.lock();
        let lost = state
            .switches
            .iter()
            .map(|switch| switch.lost.load(Ordering::Relaxed));
        lost.sum()
    }

    /// Sends a frame from the host's network stack to the host ring of an interface; `false` when it was not taken.
    ///
    /// # Errors
    ///
    /// `ENXIO` when there is no such interface.
    pub fn host_send(&self, name: &str, ring: u16, frame: &[u8]) -> io::Result<bool> {
        let port = self.find(name)?;
        Ok(super::nic::host_send(&port, ring, frame))
    }

    /// The next frame that came to the host's network stack.
    ///
    /// # Errors
    ///
    /// `ENXIO` when there is no such interface.
    pub fn host_receive(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match &self.find(name)?.kind {
            Kind::Nic(nic) => Ok(nic.host.lock().pop_front()),
            _ => Err(Errno::NXIO.into()),
        }
    }

    fn interface(&self, name: &str, kind: Kind, shape: Shape) -> Arc<Port> {
        let mut state = self.0.state.lock();
        let port = Port::new(name, kind, shape, state.global.clone(), &state.settings);
        port.hold();
        state.interfaces.insert(name.to_owned(), port.clone());
        port
    }

    fn find(&self, name: &str) -> io::Result<Arc<Port>> {
        Ok(self.0.state.lock().find_port(name).ok_or(Errno::NXIO)?)
    }
}

impl Kernel for Model {
    fn open(&self) -> io::Result<Box<dyn Control>> {
        self.0.call(Call::Open)?;
        Ok(Box::new(Descriptor::new(&self.0, false)?))
    }
}

impl Inner {
    pub(super) fn call(&self, call: Call) -> io::Result<()> {
        self.calls.note(call)
    }

    pub(super) fn after_register(&self, bound: &Bound, is_own: bool) {
        self.hook(Moment::Registered, bound, is_own);
    }

    pub(super) fn after_sync(&self, bound: &Bound, direction: Direction, is_own: bool) {
        self.hook(Moment::Synchronised(direction), bound, is_own);
    }

    fn hook(&self, moment: Moment, bound: &Bound, is_own: bool) {
        if is_own {
            return;
        }
        if let Some(hook) = self.hook.read().as_ref() {
            if let Some(tamper) = Tamper::new(&bound.port) {
                hook(moment, &tamper);
            }
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}
