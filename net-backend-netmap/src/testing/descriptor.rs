//! A descriptor of the model's control device.

use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use net_backend_core::BorrowedDescriptor;
use rustix::io::Errno;

use super::counts::Call;
use super::model::Inner;
use super::ready::{Level, Readiness};
use super::register::Bound;
use super::request;
use super::ring::{Direction, Ring};
use crate::abi::{BODY_BYTES, HEADER_BYTES};
use crate::gate::Control;
use crate::sys::Region;

/// One descriptor.
pub(super) struct Descriptor {
    model: Arc<Inner>,
    bound: OnceLock<Bound>,
    readiness: Arc<Readiness>,
    /// Of the model's own: not counted, and never made to fail.
    is_own: bool,
}

impl Descriptor {
    pub(super) fn new(model: &Arc<Inner>, is_own: bool) -> io::Result<Self> {
        Ok(Self {
            model: model.clone(),
            bound: OnceLock::new(),
            readiness: Arc::new(Readiness::new()?),
            is_own,
        })
    }

    fn call(&self, call: Call) -> io::Result<()> {
        if self.is_own {
            return Ok(());
        }
        self.model.call(call)
    }

    fn sync(&self, direction: Direction) -> io::Result<()> {
        let bound = self.bound.get().ok_or(Errno::NXIO)?;
        let rings = match direction {
            Direction::Transmit => &bound.transmit,
            Direction::Receive => &bound.receive,
        };
        if bound.port.is_gone.load(Ordering::Acquire) {
            // As when nm_kr_tryget finds the ring stopped.
            return Err(Errno::IO.into());
        }
        let is_receive = direction == Direction::Receive;
        let generation = self.readiness.generation(is_receive);
        for ring in rings {
            match direction {
                Direction::Transmit => ring.transmit_sync(),
                Direction::Receive => ring.receive_sync(),
            }
        }
        self.settle(rings, is_receive, generation);
        self.model.after_sync(bound, direction, self.is_own);
        Ok(())
    }

    /// Who asks for a descriptor is about to wait for it: nothing else here sees a wait begin.
    fn wait(&self, direction: Direction) {
        let Some(bound) = self.bound.get() else {
            return;
        };
        let is_receive = direction == Direction::Receive;
        let rings = if is_receive {
            &bound.receive
        } else {
            &bound.transmit
        };
        let generation = self.readiness.generation(is_receive);
        for ring in rings {
            ring.wait();
        }
        self.settle(rings, is_receive, generation);
    }

    fn settle(&self, rings: &[Arc<Ring>], is_receive: bool, generation: u64) {
        let levels = rings.iter().map(|ring| ring.level());
        let level = levels.reduce(Level::most).unwrap_or(Level::Nothing);
        self.readiness.settle(is_receive, level, generation);
    }
}

impl Control for Descriptor {
    fn request(
        &self,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
    ) -> io::Result<()> {
        self.call(Call::Request(request::kind(header)))?;
        let is_bound = self.bound.get().is_some();
        let mut state = self.model.state.lock();
        let bound = state.request(header, body, is_bound, &self.readiness)?;
        drop(state);
        if let Some(bound) = bound {
            let bound = self.bound.get_or_init(|| bound);
            let sides = [(&bound.transmit, false), (&bound.receive, true)];
            for (rings, is_receive) in sides {
                let generation = self.readiness.generation(is_receive);
                self.settle(rings, is_receive, generation);
            }
            self.model.after_register(bound, self.is_own);
        }
        Ok(())
    }

    fn transmit_sync(&self) -> io::Result<()> {
        self.call(Call::TransmitSync)?;
        self.sync(Direction::Transmit)
    }

    fn receive_sync(&self) -> io::Result<()> {
        self.call(Call::ReceiveSync)?;
        self.sync(Direction::Receive)
    }

    fn map(&self, length: usize) -> io::Result<Arc<Region>> {
        self.call(Call::Map)?;
        let bound = self.bound.get().ok_or(Errno::INVAL)?;
        let region = &bound.memory.region;
        if length > region.length() || length == 0 {
            return Err(Errno::INVAL.into());
        }
        Ok(region.clone())
    }

    fn receive_source(&self) -> BorrowedDescriptor<'_> {
        self.wait(Direction::Receive);
        self.readiness.receive_source()
    }

    fn transmit_source(&self) -> BorrowedDescriptor<'_> {
        self.wait(Direction::Transmit);
        self.readiness.transmit_source()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if let Some(bound) = self.bound.take() {
            self.model.state.lock().unbind(&bound, &self.readiness);
        }
    }
}

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.bound.get().map(|bound| bound.port.name());
        f.debug_struct("Descriptor")
            .field("bound to", &name)
            .finish_non_exhaustive()
    }
}
