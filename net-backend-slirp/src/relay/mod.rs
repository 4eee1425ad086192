//! Leads connections of the guest to a TCP service or a unix socket of the host.
//!
//! libslirp can connect a guest's connection to a unix socket, but to no TCP address; and it waits for a unix socket
//! that is slow to accept, with all other networks of the process. So each rule gets a unix socket of its own, and each
//! connection that libslirp makes to it is carried on to the target.
//!
//! What the guest and the target see of each other:
//!
//! - an end of data (FIN) is passed on once all data before it is, in each direction by itself;
//! - a reset by the guest is a reset for the target (`SO_LINGER` of zero), unless the guest had ended its data before;
//! - a reset by the target, or a target that cannot be reached, closes the unix socket, after the data that came
//!   before. libslirp makes a reset of that if there is data of the guest that nobody read (Linux), or in any case
//!   (FreeBSD); else the guest sees an end of data.

mod connection;
mod directory;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, accept_with, listen};

use self::connection::{Connection, Means, Side};
use self::directory::Directory;
use crate::sys::{Events, Poller, Ready, sockets};

/// Connections at once. What is over it is closed as soon as it is accepted.
const LIMIT: usize = 1024;

/// Connections that wait to be accepted; the system may have a lower limit.
const BACKLOG: i32 = 4096;

/// Descriptors that stay free for the rest of the process.
const RESERVE: RawFd = 32;

/// One rule's unix socket and the connections that came in by it. Nothing here blocks.
pub(crate) struct Relay {
    directory: Directory,
    listener: OwnedFd,
    /// Whether the poller watches the listener; not while there are no descriptors for what it has.
    is_watched: bool,
    /// By the descriptor of the guest's side.
    connections: HashMap<RawFd, Connection>,
    /// The descriptor of the guest's side, by that of the target's.
    guests: HashMap<RawFd, RawFd>,
    means: Means,
    limit: usize,
}

impl Relay {
    /// Makes the socket, in a directory that only this user can look into. `targets` are tried in order for each
    /// connection; without any, all connections are closed. `poller` tells what to give to [`turn`](Self::turn).
    ///
    /// # Errors
    ///
    /// If the directory or the socket cannot be made, or not be watched.
    pub(crate) fn new(targets: Vec<SocketAddrAny>, poller: Arc<Poller>) -> io::Result<Self> {
        Self::within(Directory::new()?, targets, poller)
    }

    /// The socket that libslirp has to connect to: an absolute path that fits into a socket address.
    pub(crate) fn path(&self) -> &Path {
        self.directory.socket()
    }

    /// Does what can be done according to `ready`; what is not this relay's is left alone. What is wrong with a
    /// connection ends that connection only.
    pub(crate) fn turn(&mut self, ready: &[Ready]) {
        let listener = self.listener.as_raw_fd();
        let mut may_accept = !self.is_watched;
        for Ready { descriptor, events } in ready.iter().copied() {
            if descriptor == listener {
                may_accept = true;
            } else {
                self.serve(descriptor, events);
            }
        }
        if may_accept {
            self.accept();
        }
    }

    /// Accepts what waits. libslirp's connect(2) blocks while too many connections wait, and this thread with it, so
    /// this has to be called before libslirp gets a frame that may open one.
    pub(crate) fn accept(&mut self) {
        for _ in 0..BACKLOG {
            match accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(guest) => self.admit(guest),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => break,
                // Watching it would keep the poller awake. The next turn tries again.
                Err(_) => return self.watch(false),
            }
        }
        self.watch(true);
    }

    /// The listening socket, which a sandbox must leave open.
    pub(crate) fn listener(&self) -> RawFd {
        self.listener.as_raw_fd()
    }

    /// How many connections there are.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// With its socket in `directory`.
    fn within(
        directory: Directory,
        targets: Vec<SocketAddrAny>,
        poller: Arc<Poller>,
    ) -> io::Result<Self> {
        let listener = UnixListener::bind(directory.socket())?;
        listener.set_nonblocking(true)?;
        let listener = OwnedFd::from(listener);
        listen(&listener, BACKLOG)?;
        poller.add(listener.as_raw_fd(), Events::IN)?;
        let limit = RawFd::try_from(sockets::descriptor_limit()).unwrap_or(RawFd::MAX);
        Ok(Self {
            directory,
            listener,
            is_watched: true,
            connections: HashMap::new(),
            guests: HashMap::new(),
            means: Means {
                targets,
                poller,
                scratch: Vec::new(),
                bound: limit - RESERVE.min(limit / 4),
            },
            limit: LIMIT,
        })
    }

    /// Does what can be done for the connection that has the descriptor, if one has.
    fn serve(&mut self, descriptor: RawFd, events: Events) {
        let (guest, side) = match self.guests.get(&descriptor) {
            Some(guest) => (*guest, Side::Target),
            None => (descriptor, Side::Guest),
        };
        let Some(connection) = self.connections.get_mut(&guest) else {
            return;
        };
        let target = connection.target();
        let goes_on = connection.serve(side, events, &mut self.means);
        if goes_on && connection.target() == target {
            return;
        }
        self.guests.remove(&target);
        if goes_on {
            self.guests.insert(connection.target(), guest);
        } else if let Some(connection) = self.connections.remove(&guest) {
            connection.close(&self.means.poller);
            if self.connections.is_empty() {
                self.means.scratch = Vec::new();
            }
        }
    }

    fn admit(&mut self, guest: OwnedFd) {
        if self.connections.len() >= self.limit {
            return;
        }
        let descriptor = guest.as_raw_fd();
        if let Some(connection) = Connection::open(guest, &self.means) {
            self.guests.insert(connection.target(), descriptor);
            self.connections.insert(descriptor, connection);
        }
    }

    fn watch(&mut self, watched: bool) {
        let listener = self.listener.as_raw_fd();
        match (self.is_watched, watched) {
            (false, true) => self.is_watched = self.means.poller.add(listener, Events::IN).is_ok(),
            (true, false) => {
                self.means.poller.remove(listener);
                self.is_watched = false;
            }
            _ => {}
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.means.poller.remove(self.listener.as_raw_fd());
        for (_, connection) in self.connections.drain() {
            connection.close(&self.means.poller);
        }
    }
}
