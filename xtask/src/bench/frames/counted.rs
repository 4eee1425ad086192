//! The host's side of an interface: what came out of it is counted by the kernel, and what goes into it is sent by a socket
//! that hears nothing, so that nobody pays for a listener.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use net_backend::HeaderLength;
use net_backend::bench::Outcome;
use net_backend::bench::frames::{FarEnd, Shape};

use super::super::sys::SendingSocket;

/// The interfaces of this thread's network.
const TABLE: &str = "/proc/thread-self/net/dev";

/// An interface at the far end.
pub(super) struct Counted {
    socket: SendingSocket,
    /// With the header of a packet socket, for super-frames.
    frame: Vec<u8>,
    counter: Counter,
}

impl Counted {
    /// The interface in the network of this thread.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn new(name: &str, shape: Shape) -> Result<Self> {
        Self::at(name, shape, Path::new(TABLE))
    }

    /// The same, with the table of interfaces where threads of other networks find it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn at(name: &str, shape: Shape, table: &Path) -> Result<Self> {
        let socket = SendingSocket::open(name, shape == Shape::Super);
        Ok(Self {
            socket: socket.with_context(|| name.to_owned())?,
            frame: on_packet_socket(shape),
            counter: Counter::at(name, table)?,
        })
    }
}

impl FarEnd for Counted {
    fn send(&mut self, count: usize) -> Outcome<usize> {
        for sent in 0..count {
            match self.socket.send(&self.frame) {
                Ok(()) => {}
                Err(error) if is_full(&error) => return Ok(sent),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        Ok(self.counter.more()?)
    }
}

/// A frame as packet sockets take it: with a header where it is a super-frame.
pub(super) fn on_packet_socket(shape: Shape) -> Vec<u8> {
    let header = match shape {
        Shape::Plain(_) => HeaderLength::None,
        Shape::Super => HeaderLength::Ten,
    };
    shape.on_wire(&shape.frame(), header)
}

/// Whether there is no room now.
pub(super) fn is_full(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    error.kind() == io::ErrorKind::WouldBlock || code == Some(libc::ENOBUFS)
}

/// How many such frames a socket with the usual buffer of 208 KiB keeps: each is charged with the memory that it takes.
pub(super) fn kept_by_socket(shape: Shape) -> usize {
    const BUFFER: usize = 200 << 10;
    (BUFFER / (2 * shape.length() + 1024)).max(1)
}

/// Frames that an interface has received.
pub(in crate::bench) struct Counter {
    name: String,
    table: PathBuf,
    seen: usize,
}

impl Counter {
    /// Of the interface in the network of this thread.
    ///
    /// # Errors
    ///
    /// What the system says; so below.
    pub(in crate::bench) fn new(name: &str) -> Result<Self> {
        Self::at(name, Path::new(TABLE))
    }

    fn at(name: &str, table: &Path) -> Result<Self> {
        let mut counter = Self {
            name: name.to_owned(),
            table: table.to_owned(),
            seen: 0,
        };
        counter.more()?;
        Ok(counter)
    }

    /// Since it was asked the last time.
    pub(in crate::bench) fn more(&mut self) -> Result<usize> {
        let table = fs::read_to_string(&self.table)
            .with_context(|| format!("cannot read {}", self.table.display()))?;
        let received = received(&table, &self.name);
        let received = received.with_context(|| format!("{} has no interface", self.name))?;
        let more = received.saturating_sub(self.seen);
        self.seen = received;
        Ok(more)
    }
}

/// The second number behind an interface's name (proc_pid_net(5)).
fn received(table: &str, name: &str) -> Option<usize> {
    let mut lines = table.lines().filter_map(|line| line.split_once(':'));
    let (_, numbers) = lines.find(|(interface, _)| interface.trim() == name)?;
    numbers.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_stand_behind_bytes() {
        let table = "Inter-|   Receive                  |  Transmit\n \
                     face |bytes    packets errs drop |bytes    packets\n    \
                     lo:  1040      16    0    0    1040      16\n  \
                     tap10: 5 6 0 0 7 8\n  tap1: 64000    1000    0    0    2128      38\n";
        assert_eq!(received(table, "tap1"), Some(1000));
        assert_eq!(received(table, "lo"), Some(16));
        assert_eq!(received(table, "tap"), None);
    }

    #[test]
    fn super_frames_have_a_header() {
        assert_eq!(on_packet_socket(Shape::Plain(64)), Shape::Plain(64).frame());
        let frame = on_packet_socket(Shape::Super);
        assert_eq!(frame.len(), Shape::Super.length() + 10);
    }
}
