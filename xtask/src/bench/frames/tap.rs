//! Taps: through the library, and by hand.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use anyhow::Result;
use net_backend::bench::frames::{Direction, FarEnd, Opened, PageBuffer, Path, Shape, Subject};
use net_backend::bench::{Outcome, Role, Unavailable};
use net_backend::{FrameLength, HeaderLength, NetBackend, Nic};
use net_backend_tap::testing::Interface;

use super::super::case::boxed;
use super::counted::Counted;
use super::subjects;

/// Opens a tap in the network of this process.
///
/// # Errors
///
/// What the backend says, and what is in the way of its far end.
pub(super) fn open(uri: &str, shape: Shape) -> Result<Opened> {
    let (backend, far) = both_ends(uri, shape)?;
    Ok(Opened::new(backend, far))
}

/// Bare system calls on a tap that is opened with the library, by this URI.
pub(super) fn by_hand(uri: &str, direction: Direction) -> Subject {
    let name = match direction {
        Direction::Send => "write(2) on a tap",
        Direction::Receive => "read(2) on a tap",
        Direction::Both => "write(2) and read(2) on a tap",
    };
    let uri = uri.to_owned();
    let subject = Subject::new(name, Role::ByHand, move |shape| {
        Ok(Box::new(ByHand::open(&uri, shape).map_err(boxed)?))
    });
    subject.beside("tap:")
}

fn both_ends(uri: &str, shape: Shape) -> Result<(Box<dyn NetBackend>, Counted)> {
    let backend = subjects::open(uri, shape)?;
    let name = backend.describe().target().to_owned();
    if name.is_empty() {
        let reason = "nobody knows the name of its interface: open it by name";
        return Err(Unavailable::new(reason).into());
    }
    let interface = Interface::named(&name);
    interface.disable_ipv6()?;
    interface.set_up()?;
    Ok((backend, Counted::new(&name, shape)?))
}

/// A tap without the library.
struct ByHand {
    /// Keeps header and offloads as they are.
    _nic: Nic,
    device: File,
    far: Counted,
    shape: Shape,
    /// With its header.
    frame: PageBuffer,
    buffer: PageBuffer,
}

impl ByHand {
    fn open(uri: &str, shape: Shape) -> Result<Self> {
        let (backend, far) = both_ends(uri, shape)?;
        let nic = Nic::activate(backend, &shape.activation())?;
        let device = nic.queue.tx.source().descriptor.try_clone_to_owned()?;
        Ok(Self {
            _nic: nic,
            device: device.into(),
            far,
            shape,
            frame: PageBuffer::of(&shape.on_wire(&shape.frame(), HeaderLength::Twelve)),
            buffer: PageBuffer::zeroed(FrameLength::MAX.buffer_length(HeaderLength::Twelve)),
        })
    }
}

impl Path for ByHand {
    fn burst(&self) -> usize {
        self.shape.burst()
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        for sent in 0..count {
            match self.device.write(&self.frame) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(sent),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        let mut received = 0;
        while received < count {
            match self.device.read(&mut self.buffer) {
                Ok(length) => received += usize::from(length == self.frame.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(received)
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        self.far.send(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        self.far.arrived()
    }
}
