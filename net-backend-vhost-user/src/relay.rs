//! What a frontend says, passed on to `vhost-user-backend`, which takes connections only from a listener of its own.
//!
//! QEMU enables the rings of every NIC before it has set features, which `vhost` refuses, as the standard says (vhost-user,
//! `VHOST_USER_SET_VRING_ENABLE`). What was said too early is said again once features are set.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

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
const SET_VRING_ENABLE: u32 = 18;
/// Flags: the version, and whether this is an answer, or one is wanted.
const VERSION: u32 = 1;
const REPLY: u32 = 1 << 2;
const NEED_REPLY: u32 = 1 << 3;

/// Passes messages between a frontend and the daemon until either has closed its end. Blocks.
///
/// # Errors
///
/// What the system says, or `InvalidData` for what is no message.
pub(crate) fn relay(frontend: &UnixStream, daemon: &UnixStream) -> io::Result<()> {
    let mut early = Some(Vec::new());
    loop {
        let [from_frontend, from_daemon] = ready(frontend, daemon)?;
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

/// One message, with its descriptors.
struct Message {
    header: [u8; HEADER],
    rest: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Message {
    /// The next one; `None` at the end.
    fn receive(mut from: &UnixStream) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        let (length, descriptors) = receive_some(from, &mut header)?;
        let Some(missing) = header.get_mut(length..).filter(|_| length > 0) else {
            return Ok(None);
        };
        from.read_exact(missing)?;
        let [.., a, b, c, d] = header;
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > LONGEST {
            let error = format!("a message of {length} bytes; there are {LONGEST} at most");
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        let mut rest = vec![0; length];
        from.read_exact(&mut rest)?;
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

    fn send(&self, mut to: &UnixStream) -> io::Result<()> {
        let bytes = [&self.header[..], &self.rest].concat();
        let descriptors: Vec<BorrowedFd<'_>> = self.descriptors.iter().map(AsFd::as_fd).collect();
        let sent = send_some(to, &bytes, &descriptors)?;
        to.write_all(bytes.get(sent..).unwrap_or_default())
    }

    /// The same, but nobody waits for an answer.
    fn without_reply(mut self) -> Self {
        let flags = (self.flags() & !NEED_REPLY).to_le_bytes();
        let bytes = self.header.iter_mut().skip(4);
        bytes.zip(flags).for_each(|(to, from)| *to = from);
        self
    }

    /// Says that it was done, if that is asked for.
    fn acknowledge(&self, mut to: &UnixStream) -> io::Result<()> {
        if self.flags() & NEED_REPLY == 0 {
            return Ok(());
        }
        let header = [self.request(), VERSION | REPLY, 8].map(u32::to_le_bytes);
        to.write_all(&[&header.concat()[..], &[0; 8]].concat())
    }
}

fn receive_some(from: &UnixStream, into: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let pieces = &mut [IoSliceMut::new(into)];
        match recvmsg(from, pieces, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            received => break received?,
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

fn send_some(to: &UnixStream, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        let error = format!("{} descriptors in a message", descriptors.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
    }
    loop {
        match sendmsg(
            to,
            &[IoSlice::new(bytes)],
            &mut control,
            SendFlags::NOSIGNAL,
        ) {
            Err(Errno::INTR) => {}
            sent => return Ok(sent?),
        }
    }
}

/// Waits; which of the two has something, or is at its end.
fn ready(one: &UnixStream, other: &UnixStream) -> io::Result<[bool; 2]> {
    loop {
        let mut both = [one, other].map(|it| PollFd::new(it, PollFlags::IN));
        match poll(&mut both, None) {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
            Ok(_) => return Ok(both.map(|it| !it.revents().is_empty())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn message(request: u32, flags: u32, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(rest.len()).unwrap();
        let header = [request, flags, length].map(u32::to_le_bytes).concat();
        [&header, rest].concat()
    }

    fn read(mut from: &UnixStream, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn rings_are_not_enabled_before_features_are_set() {
        let (mut frontend, near) = UnixStream::pair().unwrap();
        let (far, daemon) = UnixStream::pair().unwrap();
        let relaying = thread::spawn(move || relay(&near, &far));
        let enable = |flags| message(SET_VRING_ENABLE, flags, &[0, 0, 0, 0, 1, 0, 0, 0]);
        frontend.write_all(&enable(VERSION | NEED_REPLY)).unwrap();
        let answer = message(SET_VRING_ENABLE, VERSION | REPLY, &[0; 8]);
        assert_eq!(read(&frontend, answer.len()), answer);
        let features = message(SET_FEATURES, VERSION, &[1; 8]);
        frontend.write_all(&enable(VERSION)).unwrap();
        frontend.write_all(&features).unwrap();
        frontend.write_all(&enable(VERSION | NEED_REPLY)).unwrap();
        let expected = [features, enable(VERSION), enable(VERSION | NEED_REPLY)];
        let expected = expected.concat();
        assert_eq!(read(&daemon, expected.len()), expected);
        drop(frontend);
        relaying.join().unwrap().unwrap();
    }

    #[test]
    fn descriptors_come_with_their_message() {
        let (frontend, near) = UnixStream::pair().unwrap();
        let (far, daemon) = UnixStream::pair().unwrap();
        let relaying = thread::spawn(move || relay(&near, &far));
        let (mut kept, given) = UnixStream::pair().unwrap();
        let sent = message(5, VERSION, &[7; 100]);
        assert_eq!(send_some(&frontend, &sent, &[given.as_fd()]).unwrap(), 112);
        drop(given);
        let arrived = Message::receive(&daemon).unwrap().unwrap();
        assert_eq!((arrived.rest, arrived.descriptors.len()), (vec![7; 100], 1));
        kept.write_all(b"x").unwrap();
        let descriptor = arrived.descriptors.into_iter().next().unwrap();
        assert_eq!(read(&UnixStream::from(descriptor), 1), b"x");
        drop(daemon);
        relaying.join().unwrap().unwrap();
    }

    #[test]
    fn what_is_no_message_ends_it() {
        let (mut frontend, near) = UnixStream::pair().unwrap();
        let (far, _daemon) = UnixStream::pair().unwrap();
        let relaying = thread::spawn(move || relay(&near, &far));
        let header = [1, VERSION, u32::MAX].map(u32::to_le_bytes).concat();
        frontend.write_all(&header).unwrap();
        let error = relaying.join().unwrap().unwrap_err();
        assert!(error.to_string().contains("4294967295 bytes"), "{error}");
    }
}
