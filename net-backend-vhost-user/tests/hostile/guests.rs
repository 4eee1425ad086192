//! A guest, and the host at the other end of its NIC.

use std::io;

use net_backend::memory::{Null, PairConfig, PairEnd, pair};
use net_backend::{
    Activation, Counters, Error, Features, NetBackend, QueuePair, RxSlice, Sent, Source, TxQueue,
    TxSlice,
};
use net_backend_vhost_user::queue::{Receive, Transmit};
use net_backend_vhost_user::testing::Descriptor;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

pub(crate) type Memory = GuestMemoryMmap<()>;

/// Where rings, frames to be sent and buffers are; where the second region begins, and where it ends.
pub(crate) const RINGS: u64 = 0;
pub(crate) const FRAMES: u64 = 0x4_0000;
pub(crate) const BUFFER: u64 = 0x6_0000;
pub(crate) const BORDER: u64 = 0x2_0000;
pub(crate) const END: u64 = 0xc_0000;

/// Bytes of a virtio-net header.
pub(crate) const HEADER: usize = 12;

pub(crate) struct Guest {
    memory: Memory,
    queues: Option<QueuePair>,
    merges: bool,
    host: QueuePair,
    _ends: [PairEnd; 2],
}

impl Guest {
    /// One whose driver negotiated `features`, and virtio 1.
    pub(crate) fn new(features: Features) -> Self {
        let features = features | Features::VERSION_1;
        let with = Activation::negotiated(features, 1);
        let (mut near, mut far) = pair(&PairConfig::default()).unwrap();
        let queues = near.activate(&with).unwrap().pop();
        let host = far.activate(&with).unwrap().pop().unwrap();
        let border = usize::try_from(BORDER).unwrap();
        let rest = usize::try_from(END - BORDER).unwrap();
        let regions = [(GuestAddress(0), border), (GuestAddress(BORDER), rest)];
        Self {
            memory: Memory::from_ranges(&regions).unwrap(),
            queues,
            merges: features.contains(Features::MRG_RXBUF),
            host,
            _ends: [near, far],
        }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Both halves. Can be had once.
    pub(crate) fn halves(&mut self) -> (Transmit, Receive) {
        let queues = self.queues.take().unwrap();
        let receive = Receive::new(queues.rx, self.merges, 65_562);
        (Transmit::new(queues.tx), receive)
    }

    /// Puts a frame, header included, into memory.
    pub(crate) fn put(&self, frame: &[u8]) -> Descriptor {
        let written = self.memory.write_slice(frame, GuestAddress(FRAMES));
        written.unwrap();
        Descriptor::readable(FRAMES, u32::try_from(frame.len()).unwrap())
    }

    /// The host sends a frame of so many bytes.
    pub(crate) fn is_sent(&mut self, length: usize) {
        let sent = self.host.tx.send(&[TxSlice::new(&frame(length))]);
        assert_eq!(sent.unwrap(), Sent::Queued);
    }

    /// What the host receives next, header included.
    pub(crate) fn arrived(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; 0x2_0000];
        let received = self.host.rx.recv(&mut [RxSlice::new(&mut bytes)]);
        bytes.truncate(received.unwrap()?.length);
        Some(bytes)
    }
}

/// A frame of `length` bytes behind an empty header.
pub(crate) fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    frame.extend((0..length).map(|at: usize| at.to_le_bytes()[0]));
    frame
}

/// A half that takes everything and gives it to nobody; gone after so many frames.
pub(crate) fn ends_after(frames: usize) -> Transmit {
    let with = Activation::negotiated(Features::VERSION_1, 1);
    let queues = Null::new().activate(&with).unwrap().pop().unwrap();
    Transmit::new(Box::new(Ends {
        inner: queues.tx,
        left: frames,
    }))
}

struct Ends {
    inner: Box<dyn TxQueue>,
    left: usize,
}

impl TxQueue for Ends {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> net_backend::Result<Sent> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| Error::Gone {
            object: "a backend that ends".into(),
            cause: io::Error::other("it was to"),
        })?;
        self.inner.send(frame)
    }

    fn source(&self) -> Source<'_> {
        self.inner.source()
    }

    fn counters(&self) -> Counters {
        self.inner.counters()
    }
}
