//! Interfaces that are attached to a VALE switch (`netmap_bwrap_adapter`): what comes from the wire or from the host goes
//! to the switch, and back.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;

use super::nic;
use super::parking::Lock;
use super::port::{Kind, Place, Port, Shape};
use super::state::State;
use super::vale::{Piece, Source, Switch, forward};
use crate::sys::Region;

/// Room for the longest frame of a wire.
const SCRATCH: usize = 1 << 17;

/// An interface in a switch, or the host's network stack behind it.
#[derive(Debug)]
pub(super) struct Wrap {
    pub(super) nic: Arc<Port>,
    pub(super) is_host: bool,
    /// Where a frame is while it is switched.
    scratch: Lock<Arc<Region>>,
}

impl Wrap {
    fn new(nic: &Arc<Port>, is_host: bool) -> io::Result<Self> {
        Ok(Self {
            nic: nic.clone(),
            is_host,
            scratch: Lock::new(Region::anonymous(SCRATCH)?),
        })
    }

    /// A frame of the switch leaves.
    pub(super) fn leave(&self, source: &Source<'_>, frame: &[Piece]) {
        let Kind::Nic(nic) = &self.nic.kind else {
            return;
        };
        let mut bytes = Vec::new();
        for piece in frame {
            let start = bytes.len();
            bytes.resize(start + piece.length, 0);
            if let Some(into) = bytes.get_mut(start..) {
                source.region.read(piece.at, into);
            }
        }
        bytes.drain(..source.header.min(bytes.len()));
        if self.is_host {
            nic.host.lock().push_back(bytes);
        } else if let Some(ring) = nic.peer().and_then(|peer| nic::arrive(&peer, 0, &bytes)) {
            ring.notify();
        }
    }
}

/// A frame for an interface that is in a switch; `false` when it is in none.
pub(super) fn enter(nic: &Port, is_host: bool, frame: &[u8]) -> bool {
    let Kind::Nic(of) = &nic.kind else {
        return false;
    };
    let port = of.wraps.lock().iter().find_map(|port| match &port.kind {
        Kind::Wrap(wrap) if wrap.is_host == is_host => Some(port.clone()),
        _ => None,
    });
    let Some(port) = port else {
        return nic.is_busy.load(Ordering::Acquire);
    };
    let (Kind::Wrap(wrap), Some(Place { switch, index })) = (&port.kind, port.place.read().clone())
    else {
        return true;
    };
    let scratch = wrap.scratch.lock();
    if !scratch.write(0, frame) {
        return true;
    }
    let size = nic.memory().buffer_size();
    let pieces: Vec<_> = (0..frame.len())
        .step_by(size)
        .map(|at| Piece {
            at,
            length: size.min(frame.len() - at),
            is_more: at + size < frame.len(),
        })
        .collect();
    let source = Source {
        port: &port,
        index,
        ring: 0,
        region: &scratch,
        header: port.header.load(Ordering::Relaxed) as usize,
    };
    forward(&switch, &source, &pieces);
    true
}

impl State {
    /// Takes an interface, and with it its host's side when that is asked for, into a switch (`netmap_bwrap_attach`).
    pub(super) fn wrap(
        &mut self,
        name: &str,
        nic: &Arc<Port>,
        switch: &Arc<Switch>,
        with_host: bool,
    ) -> Result<Arc<Port>, Errno> {
        let Kind::Nic(of) = &nic.kind else {
            return Err(Errno::OPNOTSUPP);
        };
        if nic.is_owned() {
            return Err(Errno::BUSY);
        }
        let port = self.new_wrap(name, nic, false)?;
        if with_host {
            let host = self.new_wrap(&format!("{name}^"), nic, true)?;
            // The host's side comes behind the interface.
            of.wraps.lock().push(host);
        }
        of.wraps.lock().insert(0, port.clone());
        for port in of.wraps.lock().iter() {
            let index = switch.members.write().add(port).ok_or(Errno::NOMEM)?;
            let switch = switch.clone();
            *port.place.write() = Some(Place { switch, index });
        }
        nic.is_busy.store(true, Ordering::Release);
        nic.hold();
        Ok(port)
    }

    /// Takes it out again.
    pub(super) fn unwrap(&mut self, nic: &Arc<Port>) {
        let Kind::Nic(of) = &nic.kind else {
            return;
        };
        let wraps = std::mem::take(&mut *of.wraps.lock());
        for port in &wraps {
            if let Some(Place { switch, index }) = port.place.write().take() {
                switch.members.write().remove(index);
            }
        }
        nic.is_busy.store(false, Ordering::Release);
        self.forget_empty();
        self.put(nic);
    }

    fn new_wrap(&self, name: &str, nic: &Arc<Port>, is_host: bool) -> Result<Arc<Port>, Errno> {
        let wrap = Wrap::new(nic, is_host).map_err(|_| Errno::NOMEM)?;
        let of = nic.shape();
        let shape = Shape {
            transmit_rings: of.receive_rings,
            receive_rings: of.transmit_rings,
            transmit_slots: of.receive_slots,
            receive_slots: of.transmit_slots,
            ..of
        };
        let kind = Kind::Wrap(wrap);
        let port = Port::new(name, kind, shape, nic.memory(), &self.settings);
        port.hold();
        port.is_busy.store(true, Ordering::Release);
        port.is_on.store(true, Ordering::Release);
        Ok(port)
    }
}
