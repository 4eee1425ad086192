//! What a case works with: an opened backend, its far end, and ways to pass frames between them.

use std::time::{Duration, Instant};

use super::failure::ensure;
use super::frames::{self, Frame};
use super::{Failure, Opened, Path, Peer, Rig, RigTraits, Seen, sys};
use crate::{
    Activation, FrameLength, HeaderLength, NetBackend, QueuePair, Received, RxQueue, RxSlice, Sent,
    TxSlice, VirtioNetHeader,
};

/// How long a frame may take to the other side.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long to listen to be sure that nothing comes.
pub(super) const SILENCE: Duration = Duration::from_millis(50);

/// Waits a little, in the sandbox too: FreeBSD's capability mode has no clock_nanosleep(2), with which the standard
/// library sleeps, and panics.
pub(super) fn pause(time: Duration) {
    std::thread::park_timeout(time);
}

pub(super) struct Bench<'r> {
    /// Before the backend, so that they are dropped first.
    pub(super) pairs: Vec<QueuePair>,
    pub(super) backend: Box<dyn NetBackend>,
    pub(super) peer: Box<dyn Peer>,
    pub(super) traits: RigTraits,
    pub(super) rig: &'r dyn Rig,
    pub(super) header: HeaderLength,
    buffer: Vec<u8>,
    number: u32,
}

impl<'r> Bench<'r> {
    pub(super) fn open(rig: &'r dyn Rig) -> Result<Self, Failure> {
        let Opened { backend, peer } = rig.open()?;
        Ok(Self {
            pairs: Vec::new(),
            backend,
            peer,
            traits: rig.traits(),
            rig,
            header: HeaderLength::None,
            buffer: vec![0; FrameLength::MAX.buffer_length(HeaderLength::Twelve)],
            number: 0,
        })
    }

    /// Activates anew, after dropping what was active.
    pub(super) fn activate(&mut self, with: &Activation) -> Result<(), Failure> {
        self.pairs.clear();
        self.pairs = self
            .backend
            .activate(with)
            .map_err(|error| Failure::from(error).during(format!("activation with {with:?}")))?;
        self.header = with.header;
        let (made, asked) = (self.pairs.len(), usize::from(with.queue_pairs));
        if made != asked {
            let message = format!("{asked} queue pairs asked for, {made} made");
            return Err(Failure::new(message));
        }
        self.introduce()
    }

    /// Tells the far end where answers go, if it answers.
    fn introduce(&mut self) -> Result<(), Failure> {
        let Path::Ping(ping) = self.traits.path else {
            return Ok(());
        };
        let mut frame = Frame::plain(0, 14);
        frame.bytes = ping.introduction();
        self.send(0, &frame)
    }

    /// One pair, no header, no offloads.
    pub(super) fn plain(&mut self) -> Result<(), Failure> {
        self.activate(&Activation::plain())
    }

    pub(super) fn frame(&mut self, length: usize) -> Frame {
        self.number += 1;
        let RigTraits { path, receiver, .. } = self.traits;
        Frame::on(path, receiver, self.number, length)
    }

    /// The number for a frame that is not made here.
    pub(super) fn number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    pub(super) fn pair(&mut self, queue: u16) -> Result<&mut QueuePair, Failure> {
        let pair = self.pairs.get_mut(usize::from(queue));
        pair.ok_or_else(|| Failure::new(format!("there is no queue pair {queue}")))
    }

    /// Sends once, in one piece.
    pub(super) fn try_send(&mut self, queue: u16, frame: &Frame) -> Result<Sent, Failure> {
        let wire = frame.on_wire(self.header);
        let tx = &mut self.pair(queue)?.tx;
        let sent = tx.send(&[TxSlice::new(&wire)])?;
        tx.flush()?;
        Ok(sent)
    }

    /// Sends, again while busy.
    pub(super) fn send(&mut self, queue: u16, frame: &Frame) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_send(queue, frame)? {
                Sent::Queued => return Ok(()),
                Sent::Busy { .. } if Instant::now() < deadline => {
                    pause(Duration::from_micros(100));
                }
                other => {
                    let length = frame.bytes.len();
                    let message = format!("send of a good frame of {length} bytes: {other:?}");
                    return Err(Failure::new(message));
                }
            }
        }
    }

    /// The next frame of the suite that comes out at the far end.
    pub(super) fn seen_within(
        &mut self,
        queue: u16,
        timeout: Duration,
    ) -> Result<Option<Seen>, Failure> {
        if self.traits.path.comes_back() {
            let received = self.receive_within(queue, timeout)?;
            return Ok(received.map(|(header, bytes)| Seen {
                queue: Some(queue),
                header: (self.header != HeaderLength::None).then_some(header),
                bytes,
            }));
        }
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.peer.recv(left)? {
                None => return Ok(None),
                Some(seen) if frames::number_of(&seen.bytes).is_some() => return Ok(Some(seen)),
                Some(_) => {}
            }
        }
    }

    /// Complains unless this very frame is the next that comes out at the far end.
    pub(super) fn expect_seen(&mut self, queue: u16, frame: &Frame) -> Result<Seen, Failure> {
        let number = frame.number;
        let seen = self
            .seen_within(queue, PATIENCE)?
            .ok_or_else(|| Failure::new(format!("frame {number} never arrived at the far end")))?;
        frame.check(&seen.bytes)?;
        Ok(seen)
    }

    /// Sends from the far end once; whether the frame was taken.
    pub(super) fn try_inject(&mut self, queue: u16, frame: &Frame) -> Result<bool, Failure> {
        if self.traits.path.comes_back() {
            return match self.try_send(queue, frame)? {
                Sent::Queued => Ok(true),
                Sent::Busy { .. } => Ok(false),
                // As on a wire: what is not negotiated does not arrive.
                Sent::Dropped(_) => Ok(true),
            };
        }
        self.peer.send(queue, &frame.header, &frame.bytes)
    }

    /// Sends from the far end, again while the path is full.
    pub(super) fn inject(&mut self, queue: u16, frame: &Frame) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        while !self.try_inject(queue, frame)? {
            if Instant::now() >= deadline {
                return Err(Failure::new("the path from the far end stays full"));
            }
            pause(Duration::from_micros(100));
        }
        Ok(())
    }

    /// Receives now, into one big buffer; header and frame.
    pub(super) fn receive_now(
        &mut self,
        queue: u16,
    ) -> Result<Option<(VirtioNetHeader, Vec<u8>)>, Failure> {
        let header = self.header;
        let pair = self.pairs.get_mut(usize::from(queue));
        let pair = pair.ok_or_else(|| Failure::new(format!("there is no queue pair {queue}")))?;
        let into = &mut [RxSlice::new(&mut self.buffer)];
        let Some(received) = pair.rx.recv(into)? else {
            return Ok(None);
        };
        let bytes = self.buffer.get(..received.length);
        let bytes = bytes.filter(|_| !received.truncated).ok_or_else(|| {
            Failure::new(format!("{received:?} with a buffer for the longest frame"))
        })?;
        let (wire, bytes) = frames::split(bytes, header)?;
        let decoded = VirtioNetHeader::decode(wire, header);
        let decoded =
            decoded.ok_or_else(|| Failure::new(format!("received a bad header {wire:02x?}")))?;
        Ok(Some((decoded, bytes.to_vec())))
    }

    /// Receives the next frame of the suite; waits for it level-triggered.
    pub(super) fn receive_within(
        &mut self,
        queue: u16,
        timeout: Duration,
    ) -> Result<Option<(VirtioNetHeader, Vec<u8>)>, Failure> {
        let deadline = Instant::now() + timeout;
        let mut overslept = false;
        loop {
            while let Some(received) = self.receive_now(queue)? {
                if frames::number_of(&received.1).is_some() {
                    ensure!(!overslept, "a frame was there, and nobody was woken");
                    return Ok(Some(received));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let is_ready = sys::ready(self.pair(queue)?.rx.source(), left)?;
            overslept = !is_ready && timeout >= PATIENCE;
        }
    }

    /// Complains unless this very frame is the next to be received.
    pub(super) fn expect_received(
        &mut self,
        queue: u16,
        frame: &Frame,
    ) -> Result<VirtioNetHeader, Failure> {
        let number = frame.number;
        let (header, bytes) = self
            .receive_within(queue, PATIENCE)?
            .ok_or_else(|| Failure::new(format!("frame {number} was never received")))?;
        frame.check(&bytes)?;
        Ok(header)
    }

    /// Waits for the frame of `length` bytes, header included, and lets `recv` receive it. Frames of another
    /// length are the host's and are left out.
    pub(super) fn receive_own(
        &mut self,
        queue: u16,
        length: usize,
        mut recv: impl FnMut(&mut dyn RxQueue) -> crate::Result<Option<Received>>,
    ) -> Result<Received, Failure> {
        let rx = &mut *self.pair(queue)?.rx;
        let deadline = Instant::now() + PATIENCE;
        let mut overslept = false;
        loop {
            match recv(rx)? {
                Some(received) if received.length == length => {
                    ensure!(!overslept, "a frame was there, and nobody was woken");
                    return Ok(received);
                }
                Some(_) => continue,
                None => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let message = format!("a frame of {length} bytes was never received");
                return Err(Failure::new(message));
            }
            overslept = !sys::ready(rx.source(), left)?;
        }
    }

    /// Receives whatever is there.
    pub(super) fn drain(&mut self, queue: u16) -> Result<(), Failure> {
        while self.receive_now(queue)?.is_some() {}
        Ok(())
    }
}
