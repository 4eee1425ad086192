//! NICs that do what NICs do.

use anyhow::{Context, Result};
use net_backend::{
    Activation, Features, FrameLength, HeaderLength, NetBackend, Nic, RxSlice, TxSlice, Uri,
};
use net_backend_tap::testing::{Interface, PacketSocket};

use super::super::field::openable;

/// The virtio-net header in front of every frame.
const HEADER: HeaderLength = HeaderLength::Twelve;
/// Frames each way.
const FRAMES: usize = 64;
/// Bytes of a frame.
const LENGTH: usize = 1514;

/// A NIC, and the host's side of a tap, which takes long to close.
type Plugged = (Nic, Option<PacketSocket>);

/// What NICs need and should not be counted: buffers of the guest.
pub(super) struct Nics {
    packet: Vec<u8>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Nics {
    /// There are none yet.
    pub(super) fn new() -> Self {
        let packet = |frame: &[u8]| {
            let mut packet = vec![0; HEADER.bytes()];
            packet.extend(frame);
            packet
        };
        Self {
            packet: packet(&broadcast()),
            request: packet(&arp_request()),
            // Written to, so that it is there.
            buffer: vec![1; FrameLength::MAX.buffer_length(HEADER)],
        }
    }

    /// Opens `count` NICs with all offloads, and has frames pass through each.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub(super) fn open(&mut self, uri: &str, count: usize) -> Result<Vec<Plugged>> {
        let uri = openable(uri);
        let mut nics = Vec::with_capacity(count);
        for number in 0..count {
            let backend = net_backend::open(&uri);
            let backend = backend.with_context(|| format!("NIC {number}: cannot open {uri}"))?;
            let far_end = far_end(&*backend)?;
            let with = Activation {
                queue_pairs: 1,
                header: HEADER,
                features: backend.features() & Features::OFFLOADS,
            };
            let mut nic = Nic::activate(backend, &with)?;
            self.exchange(&mut nic, far_end.as_ref())?;
            nics.push((nic, far_end));
        }
        // What came late.
        for (nic, _) in &mut nics {
            self.receive(nic)?;
        }
        Ok(nics)
    }

    fn exchange(&mut self, nic: &mut Nic, far_end: Option<&PacketSocket>) -> Result<()> {
        for packet in [&self.request, &self.packet] {
            for _ in 0..FRAMES {
                // Whether there is room does not matter.
                let _full = nic.queue.tx.send(&[TxSlice::new(packet)])?;
            }
            nic.queue.tx.flush()?;
        }
        for _ in 0..FRAMES {
            far_end.map_or(Ok(()), |far_end| far_end.send(&broadcast()))?;
        }
        self.receive(nic)
    }

    fn receive(&mut self, nic: &mut Nic) -> Result<()> {
        let buffer = &mut self.buffer;
        while nic.queue.rx.recv(&mut [RxSlice::new(buffer)])?.is_some() {}
        Ok(())
    }
}

/// The other side of a tap: others answer by themselves.
fn far_end(backend: &dyn NetBackend) -> Result<Option<PacketSocket>> {
    let uri: Uri = backend.describe();
    let is_tap = uri.scheme() == "tap";
    let socket = is_tap.then(|| PacketSocket::plain(&Interface::named(uri.target())));
    Ok(socket.transpose()?)
}

/// Of a protocol that nobody knows (IEEE Std 802: 0x88b5 is for experiments).
fn broadcast() -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.resize(LENGTH, 0x5a);
    frame
}

/// Asks for the host of a user-mode network, which answers (RFC 826).
fn arp_request() -> Vec<u8> {
    let guest = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    let mut frame = vec![0xff; 6];
    frame.extend(guest);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(guest);
    frame.extend([10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2]);
    frame
}
