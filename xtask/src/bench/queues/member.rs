//! Who moves the frames of one pair of queues.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use anyhow::{Result, ensure};
use net_backend::{FrameLength, HeaderLength, QueuePair, RxSlice, Sent, Source, TxSlice};

/// The virtio-net header in front of every frame.
pub(super) const HEADER: HeaderLength = HeaderLength::Twelve;
/// Frames that are sent before somebody looks at the clock.
const BURST: u64 = 64;

/// One thread's work.
pub(super) trait Member: Send {
    /// Sends a burst of frames: how many there was room for.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    fn send(&mut self, packet: &[u8]) -> Result<u64>;

    /// Receives until there is nothing: how many there were.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    fn drain(&mut self) -> Result<u64>;
}

/// By the library.
pub(super) struct Library {
    queue: QueuePair,
    buffer: Vec<u8>,
}

impl Library {
    pub(super) fn new(queue: QueuePair) -> Self {
        Self {
            queue,
            buffer: buffer(),
        }
    }
}

impl Member for Library {
    fn send(&mut self, packet: &[u8]) -> Result<u64> {
        let tx = &mut self.queue.tx;
        let mut sent = 0;
        while sent < BURST {
            match tx.send(&[TxSlice::new(packet)])? {
                Sent::Queued => sent += 1,
                Sent::Busy { .. } | Sent::Dropped(_) => break,
            }
        }
        tx.flush()?;
        Ok(sent)
    }

    fn drain(&mut self) -> Result<u64> {
        let mut received = 0;
        while self
            .queue
            .rx
            .recv(&mut [RxSlice::new(&mut self.buffer)])?
            .is_some()
        {
            received += 1;
        }
        Ok(received)
    }
}

/// By system calls on the same queues.
pub(super) struct ByHand {
    tx: File,
    rx: File,
    buffer: Vec<u8>,
    /// Keeps the queues as they were activated.
    _queue: QueuePair,
}

impl ByHand {
    /// # Errors
    ///
    /// If descriptors cannot be duplicated.
    pub(super) fn new(queue: QueuePair) -> Result<Self> {
        Ok(Self {
            tx: file(queue.tx.source())?,
            rx: file(queue.rx.source())?,
            buffer: buffer(),
            _queue: queue,
        })
    }
}

impl Member for ByHand {
    fn send(&mut self, packet: &[u8]) -> Result<u64> {
        for _ in 0..BURST {
            let written = self.tx.write(packet)?;
            ensure!(written == packet.len(), "only {written} bytes went");
        }
        Ok(BURST)
    }

    fn drain(&mut self) -> Result<u64> {
        let mut received = 0;
        loop {
            match self.rx.read(&mut self.buffer) {
                Ok(_) => received += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(received),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn file(source: Source<'_>) -> Result<File> {
    Ok(source.descriptor.try_clone_to_owned()?.into())
}

fn buffer() -> Vec<u8> {
    vec![0; FrameLength::MAX.buffer_length(HEADER)]
}
