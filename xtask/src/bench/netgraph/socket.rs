//! A queue pair, its socket by hand, and the far end.

use anyhow::{Context, Result, ensure};
use net_backend::{HeaderLength, QueuePair};
use net_backend_netgraph::testing::datagram_pair_with;
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::super::sys::BareSocket;
use super::BURST;

/// Asked for each direction; Linux gives twice its limit, `net.core.wmem_max`, if this is more.
const BUFFER: usize = 1 << 20;

/// What is measured, and what it is compared with.
pub(super) struct Sockets {
    pub(super) library: QueuePair,
    pub(super) ends: Ends,
}

/// The same socket without the library, and what it is connected with.
pub(super) struct Ends {
    pub(super) bare: BareSocket,
    pub(super) far: BareSocket,
}

impl Sockets {
    /// With headers of this length in the library's frames; those of the socket have none.
    pub(super) fn new(header: HeaderLength) -> Result<Self> {
        let (pair, far) = datagram_pair_with(&net_backend::Activation {
            header,
            ..net_backend::Activation::plain()
        })
        .context("cannot make a pair of sockets")?;
        let bare = pair.tx.source().descriptor.try_clone_to_owned()?;
        for end in [&bare, &far] {
            set_socket_send_buffer_size(end, BUFFER)?;
        }
        Ok(Self {
            library: pair,
            ends: Ends {
                bare: BareSocket::new(bare),
                far: BareSocket::new(far),
            },
        })
    }
}

impl Ends {
    /// Takes all that was sent, and counts the frames.
    pub(super) fn drain(&self, into: &mut [u8]) -> Result<usize> {
        let mut frames = 0;
        while self.far.receive(into)?.is_some() {
            frames += 1;
        }
        Ok(frames)
    }

    /// Sends a burst of frames to who is measured.
    pub(super) fn fill(&self, frame: &[u8]) -> Result<()> {
        for _ in 0..BURST {
            let sent = self.far.send(frame).context("filling the socket")?;
            ensure!(sent == frame.len(), "only {sent} bytes went");
        }
        Ok(())
    }
}
