//! Far ends.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use net_backend_core::VirtioNetHeader;
use net_backend_core::testing::{BackendPeer, Failure, Peer, Seen};
use net_backend_netgraph::testing::Far;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::common::nic::{Cable, Nic};
use super::common::world::World;

/// A program with a node of its own, whose hook the backend's is connected with.
#[derive(Debug)]
pub(crate) struct Program {
    far: Option<Far>,
    /// Who made the backend's socket, if that was somebody else.
    _maker: Option<Far>,
    /// Only held.
    _world: World,
}

impl Program {
    pub(crate) fn new(far: Far, maker: Option<Far>, world: World) -> Self {
        Self {
            far: Some(far),
            _maker: maker,
            _world: world,
        }
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
                Ok((_, bytes)) => return Ok(Some(seen(bytes))),
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

/// The other side of an interface.
#[derive(Debug)]
pub(crate) struct Wired(pub(crate) Nic);

impl Peer for Wired {
    fn send(&mut self, _: u16, _: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        Ok(self.0.send(frame)?)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        Ok(self.0.receive(timeout)?.map(seen))
    }

    fn set_link(&mut self, up: bool) -> Result<(), Failure> {
        Ok(self.0.set_link(up)?)
    }
}

/// The host, behind an interface that is a node, which does not go away by itself.
#[derive(Debug)]
pub(crate) struct HostOfNode {
    wired: Wired,
    node: String,
    /// Once the node was removed there is none.
    world: Option<World>,
}

impl HostOfNode {
    pub(crate) fn new(nic: Nic, world: World) -> Self {
        Self {
            node: format!("{}:", nic.name()),
            wired: Wired(nic),
            world: Some(world),
        }
    }
}

impl Peer for HostOfNode {
    fn send(
        &mut self,
        queue: u16,
        header: &VirtioNetHeader,
        frame: &[u8],
    ) -> Result<bool, Failure> {
        self.wired.send(queue, header, frame)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        self.wired.recv(timeout)
    }

    fn kill(&mut self) -> Result<(), Failure> {
        match self.world.take() {
            Some(world) => Ok(world.far()?.shut_down(&self.node)?),
            None => Ok(()),
        }
    }
}

impl Drop for HostOfNode {
    fn drop(&mut self) {
        let _left = self.kill();
    }
}

/// A backend at the other end of a cable.
#[derive(Debug)]
pub(crate) struct Cabled {
    /// Before the cable.
    far: BackendPeer,
    _cable: Cable,
}

impl Cabled {
    pub(crate) fn new(far: BackendPeer, cable: Cable) -> Self {
        Self { far, _cable: cable }
    }
}

impl Peer for Cabled {
    fn send(
        &mut self,
        queue: u16,
        header: &VirtioNetHeader,
        frame: &[u8],
    ) -> Result<bool, Failure> {
        self.far.send(queue, header, frame)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        self.far.recv(timeout)
    }
}

fn seen(bytes: Vec<u8>) -> Seen {
    Seen {
        queue: None,
        header: None,
        bytes,
    }
}
