//! Far ends.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use net_backend_core::VirtioNetHeader;
use net_backend_core::testing::{Failure, Peer, Seen};
use net_backend_netgraph::testing::Far;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::world::World;

/// A program with a node of its own, whose hook the backend's is connected with.
#[derive(Debug)]
pub(crate) struct Program {
    far: Option<Far>,
    /// Who made the backend's socket.
    maker: Option<Far>,
    /// Only held.
    _world: World,
}

impl Program {
    pub(crate) fn new(far: Far, world: World) -> Result<Self, Failure> {
        far.set_buffers(100_000, 300_000)?;
        Ok(Self {
            far: Some(far),
            maker: None,
            _world: world,
        })
    }

    pub(crate) fn with_maker(far: Far, maker: Far, world: World) -> Result<Self, Failure> {
        let mut program = Self::new(far, world)?;
        program.maker = Some(maker);
        Ok(program)
    }

    fn far(&self) -> Result<&Far, Failure> {
        let far = self.far.as_ref();
        far.ok_or_else(|| Failure::new("the far end is gone"))
    }
}

impl Peer for Program {
    fn send(&mut self, _: u16, _: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        match self.far()?.send(None, frame) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.far()?.receive() {
                Ok((_, bytes)) => {
                    return Ok(Some(Seen {
                        queue: None,
                        header: None,
                        bytes,
                    }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let left = Timespec::try_from(left)?;
            let descriptor = self.far()?.descriptor();
            let mut waited = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
            poll(&mut waited, Some(&left))?;
        }
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.far = None;
        Ok(())
    }
}
