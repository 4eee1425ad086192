use crate::{
    Activation, Error, Features, NetBackend, QueuePair, Received, Result, RxSlice, Sent, TxSlice,
};

/// A backend and its first queue pair in one value, for plain byte slices: for examples, tests, tools and
/// simple VMMs. Nothing here blocks.
///
/// Dropped, it takes the pair down before the backend.
#[derive(Debug)]
pub struct Nic {
    /// The queue pair; its sources are what to wait for.
    pub queue: QueuePair,
    /// The attachment.
    pub backend: Box<dyn NetBackend>,
}

impl Nic {
    /// Activates one queue pair with the header and the features of `with`.
    ///
    /// # Errors
    ///
    /// As [`NetBackend::activate`].
    pub fn activate(mut backend: Box<dyn NetBackend>, with: &Activation) -> Result<Self> {
        let with = Activation {
            queue_pairs: 1,
            ..*with
        };
        let queue = backend.activate(&with)?.pop();
        let queue = queue.ok_or(Error::QueuePairs {
            scheme: backend.capabilities().scheme,
            asked: 1,
            most: 0,
        })?;
        Ok(Self { queue, backend })
    }

    /// Sends one frame, and makes it visible at once.
    ///
    /// # Errors
    ///
    /// As [`TxQueue::send`](crate::TxQueue::send).
    pub fn send(&mut self, frame: &[u8]) -> Result<Sent> {
        let sent = self.queue.tx.send(&[TxSlice::new(frame)])?;
        self.queue.tx.flush()?;
        Ok(sent)
    }

    /// Receives one frame; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// As [`RxQueue::recv`](crate::RxQueue::recv).
    pub fn recv(&mut self, into: &mut [u8]) -> Result<Option<Received>> {
        self.queue.rx.recv(&mut [RxSlice::new(into)])
    }

    /// Length in bytes of the next frame; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// As [`RxQueue::peek`](crate::RxQueue::peek).
    pub fn peek(&mut self) -> Result<Option<usize>> {
        self.queue.rx.peek()
    }

    /// The offloads that the backend offers.
    pub fn features(&self) -> Features {
        self.backend.features()
    }
}

impl std::fmt::Debug for dyn NetBackend + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NetBackend({})", self.describe())
    }
}
