//! What a frontend says, passed on to `vhost-user-backend`, which takes connections only from a listener of its own.
//!
//! QEMU enables the rings of every NIC before it has set features, which `vhost` refuses, as the standard says (vhost-user,
//! `VHOST_USER_SET_VRING_ENABLE`). What was said too early is said again once features are set.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::daemon::{Stop, Waited};

/// Bytes of a header: request, flags, length of the rest (vhost-user, "Header").
const HEADER: usize = 12;
/// Bytes of the rest at most, as in the crate `vhost`.
const LONGEST: usize = 0x1000;
/// Descriptors with a message at most: as many as regions of memory in one, and to spare.
const DESCRIPTORS: usize = 32;

/// Rings at most that can be enabled too early.
const RINGS: usize = 256;

/// Requests (vhost-user, "Front-end message types").
const SET_FEATURES: u32 = 2;
const SET_VRING_KICK: u32 = 12;
const SET_VRING_CALL: u32 = 13;
const SET_VRING_ERR: u32 = 14;
const SET_VRING_ENABLE: u32 = 18;
const SET_BACKEND_REQ_FD: u32 = 21;
/// Flags: the version, and whether this is an answer, or one is wanted.
const VERSION: u32 = 1;
const REPLY: u32 = 1 << 2;
const NEED_REPLY: u32 = 1 << 3;

/// Passes messages between a frontend and the daemon until either has closed its end, or all is to end. Blocks. Sockets for what
/// the daemon has to say by itself, which `vhost-user-backend` has no use for, go to `channel`.
///
/// # Errors
///
/// What the system says, or `InvalidData` for what is no message.
pub(crate) fn relay(
    frontend: &UnixStream,
    daemon: &UnixStream,
    stop: &Stop,
    channel: impl FnMut(OwnedFd),
) -> io::Result<()> {
    match pass(End(frontend, stop), End(daemon, stop), channel) {
        Err(Halt::Failed(error)) => Err(error),
        Ok(()) | Err(Halt::Stopped) => Ok(()),
    }
}

fn pass(frontend: End<'_>, daemon: End<'_>, mut channel: impl FnMut(OwnedFd)) -> Result<(), Halt> {
    let mut early = Some(Vec::new());
    loop {
        let [from_frontend, from_daemon] = frontend.ready_or(&daemon)?;
        if from_frontend {
            let Some(message) = Message::receive(frontend)? else {
                return Ok(());
            };
            match (message.request(), &mut early) {
                (SET_VRING_ENABLE, Some(early)) => {
                    message.acknowledge(frontend)?;
                    // The last word on each ring is what counts.
                    early.retain(|it: &Message| it.ring() != message.ring());
                    if early.len() < RINGS {
                        early.push(message.without_reply());
                    }
                }
                (SET_FEATURES, _) => {
                    message.send(daemon)?;
                    for message in early.take().unwrap_or_default() {
                        message.send(daemon)?;
                    }
                }
                (SET_VRING_KICK | SET_VRING_CALL | SET_VRING_ERR, _) => {
                    message.never_block();
                    message.send(daemon)?;
                }
                (SET_BACKEND_REQ_FD, _) => {
                    message.acknowledge(frontend)?;
                    message.descriptors.into_iter().for_each(&mut channel);
                }
                _ => message.send(daemon)?,
            }
        }
        if from_daemon {
            let Some(message) = Message::receive(daemon)? else {
                return Ok(());
            };
            message.send(frontend)?;
        }
    }
}

/// Why nothing is passed any more.
#[derive(Debug)]
enum Halt {
    /// All is to end.
    Stopped,
    /// The system, or the frontend.
    Failed(io::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// One message, with its descriptors.
struct Message {
    header: [u8; HEADER],
    rest: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Message {
    /// The next one; `None` at the end.
    fn receive(from: End<'_>) -> Result<Option<Self>, Halt> {
        let mut header = [0; HEADER];
        let (length, descriptors) = from.receive_some(&mut header)?;
        let Some(missing) = header.get_mut(length..).filter(|_| length > 0) else {
            return Ok(None);
        };
        from.receive(missing)?;
        let [.., a, b, c, d] = header;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > LONGEST {
            let error = format!("a message of {length} bytes; there are {LONGEST} at most");
            return Err(io::Error::new(io::ErrorKind::InvalidData, error).into());
        }
        let mut rest = vec![0; length];
        from.receive(&mut rest)?;
        Ok(Some(Self {
            header,
            rest,
            descriptors,
        }))
    }

    fn request(&self) -> u32 {
        let [a, b, c, d, ..] = self.header;
        u32::from_le_bytes([a, b, c, d])
    }

    /// Which ring it is about, of messages that are about one.
    fn ring(&self) -> Option<&[u8]> {
        self.rest.get(..4)
    }

    fn flags(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = self.header;
        u32::from_le_bytes([a, b, c, d])
    }

    fn send(&self, to: End<'_>) -> Result<(), Halt> {
        let bytes = [&self.header[..], &self.rest].concat();
        let descriptors: Vec<BorrowedFd<'_>> = self.descriptors.iter().map(AsFd::as_fd).collect();
        to.send(&bytes, &descriptors)
    }

    /// Has reads and writes of the descriptors not block, so that a frontend that empties or fills its own holds up no thread. Those
    /// of QEMU do not either.
    fn never_block(&self) {
        for descriptor in &self.descriptors {
            let flags = fcntl_getfl(descriptor);
            let set = flags.and_then(|flags| fcntl_setfl(descriptor, flags | OFlags::NONBLOCK));
            // What cannot be set so is not what is expected, and is refused behind this.
            let _unset = set;
        }
    }

    /// The same, but nobody waits for an answer.
    fn without_reply(mut self) -> Self {
        let flags = (self.flags() & !NEED_REPLY).to_le_bytes();
        let bytes = self.header.iter_mut().skip(4);
        bytes.zip(flags).for_each(|(to, from)| *to = from);
        self
    }

    /// Says that it was done, if that is asked for.
    fn acknowledge(&self, to: End<'_>) -> Result<(), Halt> {
        if self.flags() & NEED_REPLY == 0 {
            return Ok(());
        }
        let header = [self.request(), VERSION | REPLY, 8].map(u32::to_le_bytes);
        to.send(&[&header.concat()[..], &[0; 8]].concat(), &[])
    }
}

/// Our end of a connection. It waits only until all is to end.
#[derive(Clone, Copy)]
struct End<'a>(&'a UnixStream, &'a Stop);

impl End<'_> {
    /// Waits; which of the two has something, or is at its end.
    fn ready_or(&self, other: &Self) -> Result<[bool; 2], Halt> {
        let both = [self, other].map(|it| (it.0.as_fd(), PollFlags::IN));
        match self.1.wait(both, None)? {
            Waited::Ready(ready) => Ok(ready),
            Waited::Stopped => Err(Halt::Stopped),
        }
    }

    fn wait(&self, flags: PollFlags) -> Result<(), Halt> {
        match self.1.wait([(self.0.as_fd(), flags)], None)? {
            Waited::Ready(_) => Ok(()),
            Waited::Stopped => Err(Halt::Stopped),
        }
    }

    /// Waits for some bytes, and descriptors with them; none at the end.
    fn receive_some(&self, into: &mut [u8]) -> Result<(usize, Vec<OwnedFd>), Halt> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = loop {
            let pieces = &mut [IoSliceMut::new(into)];
            match recvmsg(self.0, pieces, &mut control, flags) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::IN)?,
                // It went before it had read what was sent to it.
                Err(Errno::CONNRESET) => return Ok((0, Vec::new())),
                received => break received.map_err(io::Error::from)?,
            }
        };
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        Ok((received.bytes, descriptors))
    }

    /// Waits for all of these bytes; descriptors with them are closed.
    fn receive(&self, mut into: &mut [u8]) -> Result<(), Halt> {
        while !into.is_empty() {
            let (length, _closed) = self.receive_some(into)?;
            if length == 0 {
                let error = "a message was cut off";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error).into());
            }
            into = into.get_mut(length..).unwrap_or_default();
        }
        Ok(())
    }

    fn send(&self, mut bytes: &[u8], mut descriptors: &[BorrowedFd<'_>]) -> Result<(), Halt> {
        while !bytes.is_empty() {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            if !descriptors.is_empty()
                && !control.push(SendAncillaryMessage::ScmRights(descriptors))
            {
                let error = format!("{} descriptors in a message", descriptors.len());
                return Err(io::Error::new(io::ErrorKind::InvalidData, error).into());
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(self.0, &[IoSlice::new(bytes)], &mut control, flags) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT)?,
                sent => {
                    let sent = sent.map_err(io::Error::from)?;
                    bytes = bytes.get(sent..).unwrap_or_default();
                    // They went with the first byte.
                    descriptors = &[];
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
