//! Frames behind their lengths in a stream, many in one system call: passt, and QEMU's `-netdev stream`.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::event::PollFlags;

use super::frame::VIRTIO;
use super::link::{self, Link, Packet};

/// Bytes of a length (big-endian).
const LENGTH: usize = 4;
/// How much waits here at most.
const BUFFER: usize = 256 * 1024;

/// A stream.
pub(super) struct Stream {
    socket: UnixStream,
    /// Not written yet, from `written` on.
    outgoing: Vec<u8>,
    written: usize,
    /// Read and not parsed yet, from `parsed` to `read`.
    incoming: Vec<u8>,
    parsed: usize,
    read: usize,
}

impl Stream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn connect(path: &Path) -> Result<Self> {
        Self::over(UnixStream::connect(path)?)
    }

    fn over(socket: UnixStream) -> Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            outgoing: Vec::with_capacity(BUFFER),
            written: 0,
            incoming: vec![0; BUFFER],
            parsed: 0,
            read: 0,
        })
    }

    /// Where the next frame is, if all of it is here.
    fn next(&self) -> Result<Option<(usize, usize)>> {
        let waiting = self
            .incoming
            .get(self.parsed..self.read)
            .unwrap_or_default();
        let Some(length) = waiting.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(*length))?;
        ensure!(
            length + LENGTH <= BUFFER,
            "a frame of {length} bytes is coming"
        );
        let from = self.parsed + LENGTH;
        Ok((from + length <= self.read).then_some((from, from + length)))
    }

    /// Reads as much as there is room for; whether there was anything.
    fn fill(&mut self) -> Result<bool> {
        self.incoming.copy_within(self.parsed..self.read, 0);
        self.read -= self.parsed;
        self.parsed = 0;
        let room = self.incoming.get_mut(self.read..).unwrap_or_default();
        match self.socket.read(room) {
            Ok(0) => bail!("the other side has closed"),
            Ok(length) => self.read += length,
            Err(error) if is_temporary(error.kind()) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}

impl Link for Stream {
    fn send(&mut self, packet: &[u8]) -> Result<bool> {
        let frame = packet.get(VIRTIO..).unwrap_or_default();
        if self.outgoing.len() + frame.len() + LENGTH > BUFFER {
            self.flush()?;
        }
        if self.outgoing.len() + frame.len() + LENGTH > BUFFER {
            return Ok(false);
        }
        let length = u32::try_from(frame.len()).context("length of a frame")?;
        self.outgoing.extend(length.to_be_bytes());
        self.outgoing.extend_from_slice(frame);
        Ok(true)
    }

    fn flush(&mut self) -> Result<()> {
        while self.written < self.outgoing.len() {
            let rest = self.outgoing.get(self.written..).unwrap_or_default();
            match self.socket.write(rest) {
                Ok(length) => self.written += length,
                Err(error) if is_temporary(error.kind()) => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.outgoing.drain(..self.written);
        self.written = 0;
        Ok(())
    }

    fn receive(&mut self) -> Result<Option<Packet<'_>>> {
        let mut next = self.next()?;
        while next.is_none() {
            if !self.fill()? {
                return Ok(None);
            }
            next = self.next()?;
        }
        let (from, to) = next.unwrap_or_default();
        self.parsed = to;
        Ok(Some(Packet {
            frame: self.incoming.get(from..to).unwrap_or_default(),
            is_trusted: false,
        }))
    }

    fn wait(&mut self, for_room: bool, timeout: Duration) -> Result<()> {
        let mut flags = PollFlags::IN;
        flags.set(PollFlags::OUT, for_room || !self.outgoing.is_empty());
        link::wait(&[(self.socket.as_fd(), flags)], timeout)
    }
}

fn is_temporary(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_pieces_and_several_at_once() {
        let (mut far, near) = UnixStream::pair().unwrap();
        let mut stream = Stream::over(near).unwrap();
        far.write_all(&[0, 0, 0]).unwrap();
        assert!(stream.receive().unwrap().is_none());
        far.write_all(b"\x03abc\0\0\0\x01d\0\0\0\x02e").unwrap();
        assert_eq!(stream.receive().unwrap().unwrap().frame, b"abc");
        assert_eq!(stream.receive().unwrap().unwrap().frame, b"d");
        assert!(stream.receive().unwrap().is_none());
        far.write_all(b"f").unwrap();
        assert_eq!(stream.receive().unwrap().unwrap().frame, b"ef");
        far.write_all(&[0xff; 4]).unwrap();
        assert!(stream.receive().is_err());
    }

    #[test]
    fn what_does_not_fit_is_sent_later_and_whole() {
        let (mut far, near) = UnixStream::pair().unwrap();
        let mut stream = Stream::over(near).unwrap();
        let packet = [7; VIRTIO + 1000];
        let mut sent = 0;
        while stream.send(&packet).unwrap() {
            sent += 1;
        }
        let mut bytes = vec![0; sent * 1004];
        for chunk in bytes.chunks_mut(100_000) {
            far.read_exact(chunk).unwrap();
            stream.flush().unwrap();
        }
        assert!(bytes.chunks(1004).all(|it| it[..5] == [0, 0, 3, 0xe8, 7]));
    }
}
