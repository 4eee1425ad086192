use std::fmt;
use std::time::{Duration, Instant};

use super::bench::{PATIENCE, pause};
use super::failure::ensure;
use super::{Failure, Peer, Seen, sys};
use crate::{
    Activation, FrameLength, HeaderLength, NetBackend, QueuePair, RxSlice, Sent, TxSlice,
    VirtioNetHeader,
};

/// A far end that does nothing, for rigs whose path is [`Echo`](super::Path::Echo),
/// [`Ping`](super::Path::Ping) or [`Nowhere`](super::Path::Nowhere).
#[derive(Clone, Copy, Debug)]
pub struct NoPeer;

impl Peer for NoPeer {
    fn send(&mut self, _: u16, _: &VirtioNetHeader, _: &[u8]) -> Result<bool, Failure> {
        Err(Failure::new("there is no peer to send with"))
    }

    fn recv(&mut self, _: Duration) -> Result<Option<Seen>, Failure> {
        Err(Failure::new("there is no peer to receive with"))
    }
}

/// A far end that is a backend itself: the other end of a pair, of a socket, of a cable.
///
/// It is active on all its queue pairs, with a 12-byte header if it offers any offload.
pub struct BackendPeer {
    /// Before the backend, so that they are dropped first.
    pairs: Vec<QueuePair>,
    backend: Option<Box<dyn NetBackend>>,
    with: Activation,
    buffer: Vec<u8>,
}

impl fmt::Debug for BackendPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendPeer")
            .field("with", &self.with)
            .finish()
    }
}

impl BackendPeer {
    /// Activates `backend` as a far end.
    ///
    /// # Errors
    ///
    /// What activation says.
    pub fn new(mut backend: Box<dyn NetBackend>) -> Result<Self, Failure> {
        let capabilities = backend.capabilities();
        let header = match capabilities.features.is_empty() {
            true => HeaderLength::None,
            false => HeaderLength::Twelve,
        };
        let with = Activation {
            queue_pairs: capabilities.max_queue_pairs,
            header,
            features: capabilities.features,
        };
        Ok(Self {
            pairs: backend.activate(&with)?,
            backend: Some(backend),
            with,
            buffer: vec![0; FrameLength::MAX.buffer_length(header)],
        })
    }

    fn look(&mut self) -> Result<Option<Seen>, Failure> {
        for (queue, pair) in (0..).zip(&mut self.pairs) {
            let Some(received) = pair.rx.recv(&mut [RxSlice::new(&mut self.buffer)])? else {
                continue;
            };
            let frame = self.buffer.get(..received.length).unwrap_or_default();
            let (wire, bytes) = super::frames::split(frame, self.with.header)?;
            return Ok(Some(Seen {
                queue: Some(queue),
                header: VirtioNetHeader::decode(wire, self.with.header),
                bytes: bytes.to_vec(),
            }));
        }
        Ok(None)
    }
}

impl Peer for BackendPeer {
    fn send(
        &mut self,
        queue: u16,
        header: &VirtioNetHeader,
        frame: &[u8],
    ) -> Result<bool, Failure> {
        let pair = self.pairs.get_mut(usize::from(queue));
        let pair = pair.ok_or_else(|| Failure::new(format!("the peer has no queue {queue}")))?;
        let wire = header.encode();
        let header = wire.get(..self.with.header.bytes()).unwrap_or_default();
        let sent = pair.tx.send(&[TxSlice::new(header), TxSlice::new(frame)])?;
        pair.tx.flush()?;
        // A drop is no matter of the peer: the far side did not negotiate what the frame needs.
        Ok(!matches!(sent, Sent::Busy { .. }))
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        let deadline = Instant::now() + timeout;
        let mut overslept = false;
        loop {
            if let Some(seen) = self.look()? {
                ensure!(!overslept, "a frame was at the peer, and it was not woken");
                return Ok(Some(seen));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pairs.as_slice() {
                _ if left.is_zero() => return Ok(None),
                // Of a short wait the end may come just before the frame.
                [pair] => overslept = !sys::ready(pair.rx.source(), left)? && timeout >= PATIENCE,
                _ => pause(left.min(Duration::from_micros(200))),
            }
        }
    }

    fn set_link(&mut self, up: bool) -> Result<(), Failure> {
        self.pairs.clear();
        if let Some(backend) = self.backend.as_mut().filter(|_| up) {
            self.pairs = backend.activate(&self.with)?;
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.pairs.clear();
        self.backend = None;
        Ok(())
    }
}
