//! One frame in each message of a socket: slirp4netns with `--target-type=bess`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv,
    send, socket_with,
};

use super::frame::VIRTIO;
use super::link::{self, Link, Packet};

/// No frame is longer.
const FRAME: usize = 65_550;

/// A socket of sequenced packets.
pub(super) struct Packets {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl Packets {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Self {
            socket,
            buffer: vec![0; FRAME],
        })
    }
}

impl Link for Packets {
    fn send(&mut self, packet: &[u8]) -> Result<bool> {
        let frame = packet.get(VIRTIO..).unwrap_or_default();
        match send(&self.socket, frame, SendFlags::NOSIGNAL) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::INTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Packet<'_>>> {
        match recv(&self.socket, &mut *self.buffer, RecvFlags::empty()) {
            Ok((0, _)) => bail!("the other side has closed"),
            Ok((length, _)) => Ok(Some(Packet {
                frame: self.buffer.get(..length).unwrap_or_default(),
                is_trusted: false,
            })),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn wait(&mut self, for_room: bool, timeout: Duration) -> Result<()> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, for_room);
        link::wait(&[(self.socket.as_fd(), flags)], timeout)
    }
}
