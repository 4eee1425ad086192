use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

/// Bytes that are read at once, and therefore the most that a direction of a connection holds.
pub(super) const CAPACITY: usize = 64 << 10;

/// Reads in a row before others get their turn.
const ROUNDS: usize = 4;

/// One direction of a connection. Nothing is read while there is something that could not be written.
#[derive(Default)]
pub(super) struct Stream {
    /// What was read and not yet written; no memory while there is nothing.
    held: Vec<u8>,
    /// How much of `held` was written since.
    written: usize,
    /// Nothing more is read.
    has_ended: bool,
    /// The end was passed on.
    is_shut: bool,
}

/// Which end of a direction failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Source,
    Sink,
}

impl Stream {
    /// Moves what can be moved; reads only if it `may_read`. Does not block.
    ///
    /// # Errors
    ///
    /// Which end is of no use any more.
    pub(super) fn carry(
        &mut self,
        source: &OwnedFd,
        sink: &OwnedFd,
        scratch: &mut Vec<u8>,
        may_read: bool,
    ) -> Result<(), Broken> {
        self.flush(sink)?;
        for _ in 0..ROUNDS {
            if !may_read || !self.wants_source() {
                break;
            }
            scratch.resize(CAPACITY, 0);
            let length = match recv(source, scratch.as_mut_slice(), RecvFlags::empty()) {
                Ok((_, length)) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => break,
                Err(_) => return Err(Broken::Source),
            };
            self.has_ended = length == 0;
            let bytes = scratch.get(..length).unwrap_or_default();
            let written = write(sink, bytes)?;
            self.held = bytes.get(written..).unwrap_or_default().to_vec();
            if length < CAPACITY {
                break;
            }
        }
        Ok(())
    }

    /// Tells the sink that the source has ended, once everything before was written.
    pub(super) fn pass_end(&mut self, sink: &OwnedFd) {
        if self.has_ended && self.held.is_empty() && !self.is_shut {
            self.is_shut = true;
            // A sink that is gone needs no end.
            let _gone = shutdown(sink, Shutdown::Write);
        }
    }

    /// The source has no more.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Forgets what was not written, and reads no more.
    pub(super) fn abandon(&mut self) {
        *self = Self {
            has_ended: true,
            is_shut: self.is_shut,
            ..Self::default()
        };
    }

    pub(super) fn wants_source(&self) -> bool {
        !self.has_ended && self.held.is_empty()
    }

    pub(super) fn wants_sink(&self) -> bool {
        !self.held.is_empty()
    }

    /// Whether all there will ever be was written.
    pub(super) fn is_drained(&self) -> bool {
        self.has_ended && self.held.is_empty()
    }

    /// Whether the end was passed on.
    pub(super) fn is_shut(&self) -> bool {
        self.is_shut
    }

    /// Memory in use, in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.held.capacity()
    }

    fn flush(&mut self, sink: &OwnedFd) -> Result<(), Broken> {
        let rest = self.held.get(self.written..).unwrap_or_default();
        self.written += write(sink, rest)?;
        if self.written == self.held.len() {
            self.held = Vec::new();
            self.written = 0;
        }
        Ok(())
    }
}

/// Writes what the sink takes.
fn write(sink: &OwnedFd, bytes: &[u8]) -> Result<usize, Broken> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match send(sink, rest, SendFlags::NOSIGNAL) {
            Ok(length) => rest = rest.get(length..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => break,
            Err(_) => return Err(Broken::Sink),
        }
    }
    Ok(bytes.len() - rest.len())
}
