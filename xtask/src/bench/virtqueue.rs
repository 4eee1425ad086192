//! The device's data path: frames between a driver's virtqueue and a backend, beside the same backend by itself.
//!
//! The driver is in this process, and what it does is not measured: it has offered its frames or its buffers before. The
//! backend is a tap, since what counts is the part that the device adds to a real one.

use std::slice;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use net_backend::bench::frames::Shape;
use net_backend::bench::{Contestant, Role, Unit};
use net_backend::{
    Activation, Features, FrameLength, GuestBuffers, GuestFrame, NetBackend, QueuePair, Sent,
};
use net_backend_tap::testing::{Interface, PacketSocket};
use net_backend_vhost_user::queue::{Receive, Transmit};
use net_backend_vhost_user::testing::{Descriptor, Driver};
use virtio_queue::Queue;
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend, GuestMemoryMmap, VolatileSlice};

use super::MakeCase;
use super::case::{Case, LIBRARY, Who};
use crate::demo::lab;

/// Frames in one run.
const BURST: usize = 32;
/// Entries of the queue.
const SIZE: u16 = 256;
/// Bytes between the beginnings of buffers: one of the driver's, of the size that Linux begins with, or a super-frame.
const STRIDE: usize = 0x1_1000;
/// Bytes of a buffer to receive into: what Linux offers at first.
const ROOM: usize = 1536;
/// Where the buffers begin.
const BUFFERS: u64 = 0x1_0000;
/// Bytes of the header.
const HEADER: usize = 12;
/// What the driver negotiated.
const NEGOTIATED: Features = Features::VERSION_1.union(Features::MRG_RXBUF);

type Memory = GuestMemoryMmap<()>;

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    let send = [64, 1514].map(|length| -> MakeCase {
        Box::new(move || Ok(Box::new(Send::new(Shape::Plain(length)))))
    });
    let whole: MakeCase = Box::new(|| Ok(Box::new(Send::new(Shape::Super))));
    let receive = [64, 1514].map(|length| -> MakeCase {
        Box::new(move || Ok(Box::new(Receives::new(Shape::Plain(length)))))
    });
    send.into_iter().chain([whole]).chain(receive)
}

fn contestants() -> Vec<Contestant> {
    vec![
        Contestant::new("library", Role::Library),
        Contestant::new("backend alone", Role::ByHand),
    ]
}

/// A guest with one queue.
struct Guest {
    memory: Arc<Memory>,
    driver: Driver<Arc<Memory>>,
    queue: Queue,
}

impl Guest {
    fn new() -> Result<Self> {
        let bytes = usize::try_from(BUFFERS)? + BURST * STRIDE;
        let memory = Arc::new(Memory::from_ranges(&[(GuestAddress(0), bytes)])?);
        let driver = Driver::new(Arc::clone(&memory), 0, SIZE);
        Ok(Self {
            queue: driver.queue(true),
            memory,
            driver,
        })
    }

    /// The beginnings of all buffers.
    fn slices(&self, length: usize) -> impl Iterator<Item = VolatileSlice<'_>> {
        let places = (0..BURST).map(Self::buffer);
        places.filter_map(move |at| self.memory.get_slice(GuestAddress(at), length).ok())
    }

    fn buffer(index: usize) -> u64 {
        BUFFERS + (index * STRIDE) as u64
    }
}

/// A tap, active with `features`, and its interface.
fn tap(features: Features) -> Result<(Box<dyn NetBackend>, QueuePair, Interface)> {
    let (mut backend, interface) = lab::open("bench0", "header=on")?;
    let with = Activation::negotiated(NEGOTIATED | features, 1);
    let queues = backend.activate(&with)?.pop();
    Ok((backend, queues.context("no queue pair")?, interface))
}

struct Send {
    shape: Shape,
    ready: Option<Sending>,
}

/// Both contestants have the same tap, by turns: each has a backend of its own, of the same kind.
struct Sending {
    guest: Guest,
    transmit: Transmit,
    alone: QueuePair,
    /// Bytes of a frame.
    length: usize,
    /// The guest's, for who does without a queue: what memory is like matters.
    frames: GuestFrame,
    _backends: [Box<dyn NetBackend>; 2],
}

impl Send {
    fn new(shape: Shape) -> Self {
        Self { shape, ready: None }
    }

    fn open(shape: Shape) -> Result<Sending> {
        let features = match shape {
            Shape::Super => Features::CSUM | Features::HOST_TSO4,
            Shape::Plain(_) => Features::empty(),
        };
        let (first, queues, _) = tap(features)?;
        let (second, alone, _) = another(features)?;
        let guest = Guest::new()?;
        let header = net_backend::HeaderLength::Twelve;
        let frame = shape.on_wire(&shape.frame(), header);
        let mut frames = vec![0; BURST * STRIDE];
        for (index, place) in frames.chunks_exact_mut(STRIDE).enumerate() {
            place
                .iter_mut()
                .zip(&frame)
                .for_each(|(to, from)| *to = *from);
            let at = GuestAddress(Guest::buffer(index));
            guest.memory.write_slice(&frame, at)?;
        }
        guest.driver.want_interrupt(0, true);
        Ok(Sending {
            guest,
            transmit: Transmit::new(queues.tx),
            alone,
            length: frame.len(),
            frames: GuestFrame::new(),
            _backends: [first, second],
        })
    }
}

fn another(features: Features) -> Result<(Box<dyn NetBackend>, QueuePair, Interface)> {
    let (mut backend, interface) = lab::open("bench1", "header=on")?;
    let with = Activation::negotiated(NEGOTIATED | features, 1);
    let queues = backend.activate(&with)?.pop();
    Ok((backend, queues.context("no queue pair")?, interface))
}

impl Case for Send {
    fn name(&self) -> String {
        format!("virtqueue send {} bytes", self.shape.length())
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn contestants(&self) -> Vec<Contestant> {
        contestants()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let ready = match &mut self.ready {
            Some(ready) => ready,
            none => none.insert(Self::open(self.shape)?),
        };
        if contestant == LIBRARY {
            let driver = &mut ready.guest.driver;
            while driver.take().is_some() {}
            let length = u32::try_from(ready.length)?;
            for index in 0..BURST {
                let part = Descriptor::readable(Guest::buffer(index), length);
                driver
                    .offer(&[part])
                    .context("the driver's queue is full")?;
            }
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let ready = self.ready.as_mut().context("not prepared")?;
        if contestant == LIBRARY {
            let Guest { memory, queue, .. } = &mut ready.guest;
            let turn = ready.transmit.turn(queue, &**memory)?;
            ensure!(turn.frames == BURST, "{turn:?}");
            return Ok(turn.frames as u64);
        }
        let tx = &mut ready.alone.tx;
        let frames = ready.guest.slices(ready.length);
        ready.frames.with(frames, |frames| -> Result<()> {
            for frame in frames {
                let sent = tx.send(slice::from_ref(frame))?;
                ensure!(sent == Sent::Queued, "{sent:?}");
            }
            Ok(tx.flush()?)
        })?;
        Ok(BURST as u64)
    }
}

struct Receives {
    shape: Shape,
    ready: Option<Receiving>,
}

struct Receiving {
    guest: Guest,
    receive: Receive,
    alone: QueuePair,
    far: [PacketSocket; 2],
    frame: Vec<u8>,
    buffers: GuestBuffers,
    _backends: [Box<dyn NetBackend>; 2],
}

impl Receives {
    fn new(shape: Shape) -> Self {
        Self { shape, ready: None }
    }

    fn open(shape: Shape) -> Result<Receiving> {
        let (first, queues, interface) = tap(Features::empty())?;
        let (second, alone, other) = another(Features::empty())?;
        let longest = FrameLength::new(1518).bytes() + HEADER;
        Ok(Receiving {
            guest: Guest::new()?,
            receive: Receive::new(queues.rx, true, longest),
            alone,
            far: [
                PacketSocket::plain(&interface)?,
                PacketSocket::plain(&other)?,
            ],
            frame: shape.frame(),
            buffers: GuestBuffers::new(),
            _backends: [first, second],
        })
    }
}

impl Case for Receives {
    fn name(&self) -> String {
        format!("virtqueue receive {} bytes", self.shape.length())
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn contestants(&self) -> Vec<Contestant> {
        contestants()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let ready = match &mut self.ready {
            Some(ready) => ready,
            none => none.insert(Self::open(self.shape)?),
        };
        let far = ready
            .far
            .get_mut(contestant)
            .context("no such contestant")?;
        for _ in 0..BURST {
            far.send(&ready.frame).context("filling the tap")?;
        }
        if contestant == LIBRARY {
            let driver = &mut ready.guest.driver;
            while driver.take().is_some() {}
            for index in 0..BURST {
                let part = Descriptor::writable(Guest::buffer(index), u32::try_from(ROOM)?);
                driver
                    .offer(&[part])
                    .context("the driver's queue is full")?;
            }
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let ready = self.ready.as_mut().context("not prepared")?;
        let mut frames = 0;
        if contestant == LIBRARY {
            let Guest { memory, queue, .. } = &mut ready.guest;
            let turn = ready.receive.turn(queue, &**memory)?;
            frames += turn.frames as u64;
        } else {
            let rx = &mut ready.alone.rx;
            let buffers = ready.guest.slices(ROOM);
            let mut last = None;
            ready.buffers.with(buffers, |buffers| {
                for buffer in buffers {
                    last = rx.recv(slice::from_mut(buffer))?;
                    frames += u64::from(last.is_some());
                }
                Ok(last)
            })?;
        }
        ensure!(frames == BURST as u64, "{frames} of {BURST} frames came");
        Ok(frames)
    }
}
