//! A backend, as a device model uses it.

use std::fmt;
use std::time::Duration;

use super::super::case::{Outcome, Unavailable};
use super::super::clock::{process_time, thread_time};
use super::{FarEnd, PageBuffer, Path, Shape};
use crate::{Capabilities, FrameLength, HeaderLength, NetBackend, Nic, RxSlice, Sent, TxSlice};

/// What is in front of every frame.
const HEADER: HeaderLength = HeaderLength::Twelve;

/// A backend and its far end, for a [`Subject`](super::Subject).
pub struct Opened {
    backend: Box<dyn NetBackend>,
    /// `None` where frames come back.
    far: Option<Box<dyn FarEnd>>,
    frame: Option<Vec<u8>>,
    greetings: Vec<Vec<u8>>,
    burst: usize,
    has_threads: bool,
}

impl Opened {
    /// A backend, not yet activated, with something at its far end.
    pub fn new(backend: Box<dyn NetBackend>, far: impl FarEnd + 'static) -> Self {
        Self {
            far: Some(Box::new(far)),
            ..Self::echo(backend)
        }
    }

    /// A backend, not yet activated, that gives back what is sent.
    pub fn echo(backend: Box<dyn NetBackend>) -> Self {
        Self {
            backend,
            far: None,
            frame: None,
            greetings: Vec::new(),
            burst: usize::MAX,
            has_threads: false,
        }
    }

    /// What the backend is to send, from the Ethernet header on, where the far end understands nothing else. As long as the
    /// shape says.
    #[must_use]
    pub fn with_frame(mut self, frame: Vec<u8>) -> Self {
        self.frame = Some(frame);
        self
    }

    /// What the backend sends once, before anything is measured, so that its far end knows where to answer: from the
    /// Ethernet header on, and shorter or longer than the frames that are measured. Answers are thrown away.
    #[must_use]
    pub fn with_greetings(mut self, frames: Vec<Vec<u8>>) -> Self {
        self.greetings = frames;
        self
    }

    /// How many frames can be on their way at a time without loss, if that is less than [`Shape::burst`].
    #[must_use]
    pub fn with_burst(mut self, frames: usize) -> Self {
        self.burst = frames.max(1);
        self
    }

    /// Other threads of this process work for the backend: their time counts as well, until what was sent has arrived.
    #[must_use]
    pub fn with_threads(mut self) -> Self {
        self.has_threads = true;
        self
    }

    /// Activates it for frames of this shape.
    pub(super) fn activate(self, shape: Shape) -> Outcome<NicPath> {
        check(shape, self.backend.capabilities())?;
        let frame = self.frame.unwrap_or_else(|| shape.frame());
        let mut path = NicPath {
            nic: Nic::activate(self.backend, &shape.activation())?,
            far: self.far,
            frame: PageBuffer::of(&shape.on_wire(&frame, HEADER)),
            buffer: PageBuffer::zeroed(FrameLength::MAX.buffer_length(HEADER)),
            burst: self.burst.min(shape.burst()),
            has_threads: self.has_threads,
        };
        for greeting in self.greetings {
            path.greet(&Shape::Plain(greeting.len()).on_wire(&greeting, HEADER))?;
        }
        Ok(path)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opened").field(&self.backend).finish()
    }
}

/// A NIC of one queue pair.
pub(super) struct NicPath {
    nic: Nic,
    far: Option<Box<dyn FarEnd>>,
    /// With its header.
    frame: PageBuffer,
    buffer: PageBuffer,
    burst: usize,
    has_threads: bool,
}

impl NicPath {
    fn greet(&mut self, frame: &[u8]) -> Outcome<()> {
        let sent = self.nic.send(frame)?;
        if sent != Sent::Queued {
            return Err(format!("the first frame was not sent: {sent:?}").into());
        }
        while self.nic.recv(&mut self.buffer)?.is_some() {}
        Ok(())
    }

    fn far(&mut self) -> Outcome<&mut dyn FarEnd> {
        match &mut self.far {
            Some(far) => Ok(&mut **far),
            None => Err("there is nobody at the far end".into()),
        }
    }
}

impl fmt::Debug for NicPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NicPath").field(&self.nic).finish()
    }
}

impl Path for NicPath {
    fn burst(&self) -> usize {
        self.burst
    }

    fn comes_back(&self) -> bool {
        self.far.is_none()
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        let tx = &mut self.nic.queue.tx;
        let mut sent = 0;
        while sent < count {
            match tx.send(&[TxSlice::new(&self.frame)])? {
                Sent::Queued => sent += 1,
                Sent::Busy { .. } => break,
                Sent::Dropped(reason) => {
                    let length = self.frame.len();
                    return Err(format!("a frame of {length} bytes was dropped: {reason:?}").into());
                }
            }
        }
        tx.flush()?;
        Ok(sent)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        let rx = &mut self.nic.queue.rx;
        let mut received = 0;
        while received < count {
            match rx.recv(&mut [RxSlice::new(&mut self.buffer)])? {
                Some(frame) => received += usize::from(frame.length == self.frame.len()),
                None => break,
            }
        }
        Ok(received)
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        self.far()?.send(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        self.far()?.arrived()
    }

    fn time_of_others(&self) -> Duration {
        match self.has_threads {
            true => process_time().saturating_sub(thread_time()),
            false => Duration::ZERO,
        }
    }
}

/// Whether a backend can do it at all.
fn check(shape: Shape, capabilities: &Capabilities) -> Result<(), Unavailable> {
    let missing = shape.features().difference(capabilities.features);
    if !missing.is_empty() {
        return Err(Unavailable::new(format!("it does not offer {missing}")));
    }
    let (length, longest) = (shape.length(), capabilities.max_frame);
    if length > longest.bytes() {
        return Err(Unavailable::new(format!(
            "its frames have {longest} bytes at most"
        )));
    }
    match (shape, capabilities.mtu) {
        (Shape::Plain(_), Some(mtu)) if length > mtu.frame_length().bytes() => Err(
            Unavailable::new(format!("its MTU is {mtu}, and not {}", shape.mtu())),
        ),
        _ => Ok(()),
    }
}
