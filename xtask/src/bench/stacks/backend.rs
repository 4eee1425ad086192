//! The library, as a device model uses it.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use anyhow::{Result, bail};
use net_backend::{
    Activation, Features, FrameLength, HeaderFlags, HeaderLength, Interest, NetBackend, Nic,
    RxSlice, Sent, Source, TxSlice,
};
use rustix::event::PollFlags;

use super::frame::VIRTIO;
use super::link::{self, Link, Packet};

/// A NIC.
pub(super) struct Backend {
    nic: Nic,
    header: HeaderLength,
    buffer: Vec<u8>,
}

impl Backend {
    /// Activates a backend with these offloads; without any, frames have no header.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub(super) fn activate(backend: Box<dyn NetBackend>, features: Features) -> Result<Self> {
        let header = match features.is_empty() {
            true => HeaderLength::None,
            false => HeaderLength::Twelve,
        };
        let with = Activation {
            queue_pairs: 1,
            header,
            features,
        };
        Ok(Self {
            nic: Nic::activate(backend, &with)?,
            header,
            buffer: vec![0; FrameLength::MAX.buffer_length(header)],
        })
    }
}

impl Link for Backend {
    fn send(&mut self, packet: &[u8]) -> Result<bool> {
        let from = VIRTIO - self.header.bytes();
        let frame = packet.get(from..).unwrap_or_default();
        match self.nic.queue.tx.send(&[TxSlice::new(frame)])? {
            Sent::Queued => Ok(true),
            Sent::Busy { .. } => Ok(false),
            Sent::Dropped(reason) => bail!("a frame was dropped: {reason:?}"),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(self.nic.queue.tx.flush()?)
    }

    fn receive(&mut self) -> Result<Option<Packet<'_>>> {
        let rx = &mut self.nic.queue.rx;
        let Some(received) = rx.recv(&mut [RxSlice::new(&mut self.buffer)])? else {
            return Ok(None);
        };
        let packet = self.buffer.get(..received.length).unwrap_or_default();
        let (header, frame) = packet
            .split_at_checked(self.header.bytes())
            .unwrap_or_default();
        let flags = match header.first() {
            Some(flags) => HeaderFlags::from_bits_retain(*flags),
            None => HeaderFlags::empty(),
        };
        Ok(Some(Packet {
            frame,
            is_trusted: flags.intersects(HeaderFlags::NEEDS_CSUM | HeaderFlags::DATA_VALID),
        }))
    }

    fn wait(&mut self, for_room: bool, timeout: Duration) -> Result<()> {
        let readable = poll(self.nic.queue.rx.source());
        match for_room {
            true => link::wait(&[readable, poll(self.nic.queue.tx.source())], timeout),
            false => link::wait(&[readable], timeout),
        }
    }
}

fn poll(source: Source<'_>) -> (BorrowedFd<'_>, PollFlags) {
    let flags = match source.interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    (source.descriptor, flags)
}
