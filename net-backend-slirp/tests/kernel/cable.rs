//! What joins the guest's tap and the backend: frames go both ways, as they are or through noise.

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use net_backend_core::wake::Doorbell;
use net_backend_core::{
    Activation, Bell, Features, FrameLength, HeaderLength, Interest, NetBackend, Nic, RxQueue,
    RxSlice, Sent, TxQueue, TxSlice,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::harness::Outcome;
use crate::noise::Noise;

/// The offloads that both ends have, in both directions.
pub(crate) const OFFLOADS: Features = Features::CSUM
    .union(Features::HOST_TSO4)
    .union(Features::HOST_TSO6)
    .union(Features::GUEST_CSUM)
    .union(Features::GUEST_TSO4)
    .union(Features::GUEST_TSO6);

/// Frames in one direction before it is the other's turn.
const BURST: usize = 64;
/// What a backend that is busy is given if it does not say when it has room.
const SOON: Duration = Duration::from_millis(1);

/// A thread that moves frames. Dropped, it ends, and both backends with it.
pub(crate) struct Cable {
    stop: Arc<Bell>,
    thread: Option<JoinHandle<Outcome<Passed>>>,
}

/// What went over a cable.
pub(crate) struct Passed {
    /// Frames with segmentation from guest to host, and from host to guest.
    pub(crate) super_frames: [u64; 2],
    /// What the noise did, likewise.
    pub(crate) noise: [Option<Noise>; 2],
}

impl Cable {
    /// Joins the two; noise begins with `seed`, if there is one.
    pub(crate) fn new(
        tap: Box<dyn NetBackend>,
        slirp: Box<dyn NetBackend>,
        features: Features,
        seed: Option<u64>,
    ) -> Outcome<Self> {
        let with = Activation {
            queue_pairs: 1,
            header: HeaderLength::Twelve,
            features,
        };
        let mut tap = Nic::activate(tap, &with)?;
        let mut slirp = Nic::activate(slirp, &with)?;
        let stop = Arc::new(Bell::new()?);
        let stopped = Arc::clone(&stop);
        let body = move || pump(&mut tap, &mut slirp, stopped.descriptor(), seed);
        let thread = thread::Builder::new()
            .name("cable".to_owned())
            .spawn(body)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }

    /// Ends it, and tells what went over it.
    pub(crate) fn unplug(mut self) -> Outcome<Passed> {
        self.stop.ring();
        let thread = self.thread.take().map(JoinHandle::join);
        match thread {
            Some(Ok(outcome)) => outcome,
            _ => Err("the thread of the cable panicked".into()),
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.stop.ring();
        if let Some(Err(_) | Ok(Err(_))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the cable broke");
        }
    }
}

fn pump(tap: &mut Nic, slirp: &mut Nic, stop: impl AsFd, seed: Option<u64>) -> Outcome<Passed> {
    let noise = |direction: u64| seed.map(|seed| Noise::new(seed.wrapping_add(direction) << 8));
    let mut out = Direction::new(&mut *tap.queue.rx, &mut *slirp.queue.tx, noise(0));
    let mut back = Direction::new(&mut *slirp.queue.rx, &mut *tap.queue.tx, noise(1));
    loop {
        let waits = [out.burst()?, back.burst()?];
        let mut sources = [PollFd::new(&stop, PollFlags::IN), out.watch(), back.watch()];
        let timeout = waits.into_iter().flatten().min();
        let timeout = timeout.map(Timespec::try_from).transpose()?;
        // An interruption counts as a look too many.
        let _heard = poll(&mut sources, timeout.as_ref());
        let [stop, ..] = sources;
        if !stop.revents().is_empty() {
            return Ok(Passed {
                super_frames: [out.super_frames, back.super_frames],
                noise: [out.noise, back.noise],
            });
        }
    }
}

struct Direction<'a> {
    rx: &'a mut dyn RxQueue,
    tx: &'a mut dyn TxQueue,
    buffer: Vec<u8>,
    /// On their way.
    frames: VecDeque<Vec<u8>>,
    noise: Option<Noise>,
    super_frames: u64,
}

impl<'a> Direction<'a> {
    fn new(rx: &'a mut dyn RxQueue, tx: &'a mut dyn TxQueue, noise: Option<Noise>) -> Self {
        Self {
            rx,
            tx,
            buffer: vec![0; FrameLength::MAX.buffer_length(HeaderLength::Twelve)],
            frames: VecDeque::new(),
            noise,
            super_frames: 0,
        }
    }

    /// Moves frames; how long to wait for the next at most.
    fn burst(&mut self) -> Outcome<Option<Duration>> {
        let wait = self.transfer()?;
        self.tx.flush()?;
        Ok(wait)
    }

    fn transfer(&mut self) -> Outcome<Option<Duration>> {
        for _ in 0..BURST {
            while let Some(frame) = self.frames.front() {
                match self.tx.send(&[TxSlice::new(frame)])? {
                    Sent::Busy { retry_after } => return Ok(Some(retry_after.unwrap_or(SOON))),
                    Sent::Queued | Sent::Dropped(_) => self.frames.pop_front(),
                };
            }
            match self.rx.recv(&mut [RxSlice::new(&mut self.buffer)])? {
                Some(received) => self.pass(received.length),
                None => {
                    if let Some(noise) = &mut self.noise {
                        noise.settle(&mut self.frames);
                    }
                    if self.frames.is_empty() {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(Duration::ZERO))
    }

    fn pass(&mut self, length: usize) {
        /// Where the header has its kind of segmentation (virtio 1.2, 5.1.6).
        const SEGMENTATION: usize = 1;
        let frame = self.buffer.get(..length).unwrap_or_default();
        self.super_frames += u64::from(frame.get(SEGMENTATION).is_some_and(|kind| *kind != 0));
        match &mut self.noise {
            Some(noise) => noise.pass(frame, &mut self.frames),
            None => self.frames.push_back(frame.to_vec()),
        }
    }

    fn watch(&self) -> PollFd<'_> {
        let source = self.rx.source();
        let flags = match source.interest {
            Interest::Readable => PollFlags::IN,
            Interest::Writable => PollFlags::OUT,
        };
        PollFd::from_borrowed_fd(source.descriptor, flags)
    }
}
