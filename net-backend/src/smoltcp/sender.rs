//! Frames from smoltcp.

use std::fmt;
use std::time::Duration;

use net_backend_core::offload::{Headers, Protocol, checksum};
use net_backend_core::{
    Activation, Counters, Error, Features, HeaderLength, Mtu, Result, Sent, Source, TxQueue,
    TxSlice, VirtioNetHeader,
};

/// The transmit half, with one frame.
pub(super) struct Sender {
    queue: Box<dyn TxQueue>,
    header: HeaderLength,
    leaves_checksums: bool,
    /// A frame behind its virtio-net header.
    buffer: Vec<u8>,
    /// Length of the frame in the buffer, header included, that the backend has no room for.
    held: Option<usize>,
    /// How long the backend said that it is busy.
    retry_after: Option<Duration>,
    /// For frames that cannot be sent, which smoltcp writes all the same.
    spare: Vec<u8>,
    lost: u64,
    error: Option<Error>,
}

impl Sender {
    pub(super) fn new(queue: Box<dyn TxQueue>, with: &Activation, mtu: Mtu) -> Self {
        let longest = mtu.frame_length();
        Self {
            queue,
            header: with.header,
            leaves_checksums: with.features.contains(Features::CSUM),
            buffer: vec![0; longest.buffer_length(with.header)],
            held: None,
            retry_after: None,
            spare: vec![0; longest.bytes()],
            lost: 0,
            error: None,
        }
    }

    /// Has a frame written, and sends it. If the backend is busy, it is kept; if there is one already, it is lost.
    #[inline]
    pub(super) fn send<R>(&mut self, length: usize, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        if !self.retry() {
            self.lost += 1;
            return fill(room(&mut self.spare, 0, length));
        }
        let start = self.header.bytes();
        let frame = room(&mut self.buffer, start, length);
        let filled = fill(frame);
        let header = match self.leaves_checksums {
            true => leave_checksum(frame),
            false => VirtioNetHeader::default(),
        };
        let header = header.encode();
        let place = self.buffer.iter_mut().take(start);
        place.zip(header).for_each(|(to, from)| *to = from);
        self.held = Some(start + length);
        self.retry();
        filled
    }

    /// Sends the frame that is kept; whether there is room for another one.
    #[inline]
    pub(super) fn retry(&mut self) -> bool {
        let Some(frame) = self.held.and_then(|length| self.buffer.get(..length)) else {
            return true;
        };
        match send(&mut *self.queue, frame) {
            Ok(Sent::Busy { retry_after }) => {
                self.retry_after = retry_after;
                return false;
            }
            // Its counters say what the backend dropped.
            Ok(Sent::Queued | Sent::Dropped(_)) => {}
            Err(error) => self.error = Some(error),
        }
        self.held = None;
        true
    }

    /// Makes everything visible. If there is a frame that the backend is too busy for: after how long to try again, if it
    /// says so.
    pub(super) fn settle(&mut self) -> Result<Option<Option<Duration>>> {
        let has_room = self.retry();
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.queue.flush()?;
        Ok((!has_room).then_some(self.retry_after))
    }

    pub(super) fn source(&self) -> Source<'_> {
        self.queue.source()
    }

    pub(super) fn counters(&self) -> Counters {
        self.queue.counters()
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

/// The last frames of a program that ends are often the end of its connections.
impl Drop for Sender {
    fn drop(&mut self) {
        let _gone = self.settle();
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("source", &self.queue.source())
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}

/// Sends a frame. There may be room as soon as those before it are on their way.
fn send(queue: &mut dyn TxQueue, frame: &[u8]) -> Result<Sent> {
    let frame = [TxSlice::new(frame)];
    match queue.send(&frame)? {
        Sent::Busy { .. } => {
            queue.flush()?;
            queue.send(&frame)
        }
        sent => Ok(sent),
    }
}

/// Has the backend complete TCP's checksum, which smoltcp left out.
fn leave_checksum(frame: &mut [u8]) -> VirtioNetHeader {
    Headers::parse(frame)
        .filter(|headers| headers.protocol == Protocol::Tcp)
        .and_then(|headers| checksum::make_partial(frame, &headers))
        .unwrap_or_default()
}

/// The bytes from `start` on. smoltcp keeps to the MTU, so that the buffer grows never.
fn room(buffer: &mut Vec<u8>, start: usize, length: usize) -> &mut [u8] {
    let end = start + length;
    if buffer.len() < end {
        buffer.resize(end, 0);
    }
    buffer.get_mut(start..end).unwrap_or_default()
}
