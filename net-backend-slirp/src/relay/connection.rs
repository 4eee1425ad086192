use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    Shutdown, SocketAddrAny, SocketFlags, SocketType, connect, getpeername, shutdown, socket_with,
    sockopt,
};

use super::stream::{Broken, Stream};
use crate::sys::{Events, Poller};

/// What is told whether it was waited for or not.
const FAULTS: Events = Events::ERROR.union(Events::HANG_UP);

/// What all connections of a relay use.
pub(super) struct Means {
    pub(super) targets: Vec<SocketAddrAny>,
    pub(super) poller: Arc<Poller>,
    /// Where bytes are between a read and the write that follows.
    pub(super) scratch: Vec<u8>,
    /// From this descriptor number on there are no new connections.
    pub(super) bound: RawFd,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Guest,
    Target,
}

/// A connection of the guest and the one to the target that continues it.
pub(super) struct Connection {
    guest: End,
    target: End,
    is_connecting: bool,
    /// The address to try if the current one fails.
    next: usize,
    /// From the guest to the target.
    outward: Stream,
    /// From the target to the guest.
    inward: Stream,
    /// The target has reset its side: the guest gets what came before.
    is_reset: bool,
}

/// The connection has ended.
struct Over;

impl Connection {
    /// Begins to connect to the target. `None` if that fails at once, or there are too few descriptors.
    pub(super) fn open(guest: OwnedFd, means: &Means) -> Option<Self> {
        let mut next = 0;
        let (target, is_connecting) = connect_any(means, &mut next)?;
        let mut connection = Self {
            guest: End::new(guest),
            target: End::new(target),
            is_connecting,
            next,
            outward: Stream::default(),
            inward: Stream::default(),
            is_reset: false,
        };
        match connection.watch(&means.poller) {
            Ok(()) => Some(connection),
            Err(Over) => {
                connection.close(&means.poller);
                None
            }
        }
    }

    /// The descriptor of the target's side. May be another after [`serve`](Self::serve).
    pub(super) fn target(&self) -> RawFd {
        self.target.socket.as_raw_fd()
    }

    /// Does what can be done now that a side is ready for `events`; those of a socket that had the number before do no
    /// harm. `false`: the connection has ended and is to be [closed](Self::close).
    pub(super) fn serve(&mut self, side: Side, events: Events, means: &mut Means) -> bool {
        let served = self.advance(side, events, means);
        served.and_then(|()| self.watch(&means.poller)).is_ok()
    }

    /// Closes both sides. A target that did not get the end of the guest's data gets a reset.
    pub(super) fn close(self, poller: &Poller) {
        for end in [&self.guest, &self.target] {
            poller.remove(end.socket.as_raw_fd());
        }
        if !self.outward.is_shut() {
            // Fails on a socket that was reset, which is what it is for.
            let _reset = sockopt::set_socket_linger(&self.target.socket, Some(Duration::ZERO));
        }
    }

    /// Whether the target has not answered yet.
    #[cfg(test)]
    pub(super) fn is_connecting(&self) -> bool {
        self.is_connecting
    }

    /// Memory in use for data, in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.outward.memory() + self.inward.memory()
    }

    fn advance(&mut self, side: Side, events: Events, means: &mut Means) -> Result<(), Over> {
        let is_fault = events.intersects(FAULTS);
        if side == Side::Guest && is_fault && self.guest.look_for_fault() && !self.inward.is_shut()
        {
            return Err(Over);
        }
        if self.is_connecting {
            return match side {
                Side::Guest => Ok(()),
                Side::Target => self.finish_connecting(means),
            };
        }
        if side == Side::Target && is_fault {
            self.target.look_for_fault();
        }
        let may_read = is_fault || events.contains(Events::IN);
        let may_write = is_fault || events.contains(Events::OUT);
        let is_guest = side == Side::Guest;
        if if is_guest { may_read } else { may_write } {
            self.carry_outward(may_read && is_guest, &mut means.scratch)?;
        }
        if if is_guest { may_write } else { may_read } {
            self.carry_inward(may_read && !is_guest, &mut means.scratch)?;
        }
        self.pass_ends()
    }

    fn carry_outward(&mut self, may_read: bool, scratch: &mut Vec<u8>) -> Result<(), Over> {
        let (source, sink) = (&self.guest.socket, &self.target.socket);
        match self.outward.carry(source, sink, scratch, may_read) {
            Ok(()) => Ok(()),
            Err(Broken::Source) => Err(Over),
            Err(Broken::Sink) => {
                // What the target sent before is still there, and then its end.
                let _reset = shutdown(sink, Shutdown::Both);
                self.is_reset = true;
                Ok(())
            }
        }
    }

    fn carry_inward(&mut self, may_read: bool, scratch: &mut Vec<u8>) -> Result<(), Over> {
        let (source, sink) = (&self.target.socket, &self.guest.socket);
        match self.inward.carry(source, sink, scratch, may_read) {
            Ok(()) => Ok(()),
            Err(Broken::Sink) => Err(Over),
            Err(Broken::Source) => {
                self.inward.end();
                self.is_reset = true;
                Ok(())
            }
        }
    }

    fn pass_ends(&mut self) -> Result<(), Over> {
        if self.is_reset {
            self.outward.abandon();
            return if self.inward.is_drained() {
                Err(Over)
            } else {
                Ok(())
            };
        }
        self.outward.pass_end(&self.target.socket);
        self.inward.pass_end(&self.guest.socket);
        if self.outward.is_shut() && self.inward.is_shut() {
            return Err(Over);
        }
        Ok(())
    }

    /// Looks what became of the attempt to connect, and makes the next one if it failed.
    fn finish_connecting(&mut self, means: &Means) -> Result<(), Over> {
        let target = &self.target.socket;
        if let Ok(Ok(())) = sockopt::socket_error(target) {
            // Not connected and no error either: still on its way.
            self.is_connecting = getpeername(target).is_err();
            return Ok(());
        }
        let (target, is_connecting) = connect_any(means, &mut self.next).ok_or(Over)?;
        means.poller.remove(self.target());
        self.target = End::new(target);
        self.is_connecting = is_connecting;
        Ok(())
    }

    /// Tells the poller what is waited for.
    fn watch(&mut self, poller: &Poller) -> Result<(), Over> {
        let (mut guest, mut target) = (Events::empty(), Events::empty());
        if self.is_connecting {
            target = Events::OUT;
        } else {
            guest.set(Events::IN, self.outward.wants_source());
            guest.set(Events::OUT, self.inward.wants_sink());
            target.set(Events::IN, self.inward.wants_source());
            target.set(Events::OUT, self.outward.wants_sink());
        }
        self.guest.watch(guest, poller)?;
        self.target.watch(target, poller)
    }
}

/// One side of a connection, and what the poller knows about it.
struct End {
    socket: OwnedFd,
    watched: Option<Events>,
    is_faulty: bool,
}

impl End {
    fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            watched: None,
            is_faulty: false,
        }
    }

    /// Waits for `events`, and for faults. Once it has one, which would be told again and again, only as long as
    /// something is done about it.
    fn watch(&mut self, events: Events, poller: &Poller) -> Result<(), Over> {
        let descriptor = self.socket.as_raw_fd();
        let watched = Some(events).filter(|events| !events.is_empty() || !self.is_faulty);
        if watched == self.watched {
            return Ok(());
        }
        let told = match (self.watched, watched) {
            (None, Some(events)) => poller.add(descriptor, events),
            (Some(_), Some(events)) => poller.modify(descriptor, events),
            (_, None) => {
                poller.remove(descriptor);
                Ok(())
            }
        };
        self.watched = watched;
        told.map_err(|_| Over)
    }

    /// Whether it has an error or no direction is open any more. What the poller said is not enough: it may have been
    /// about another socket that had the number, or about one direction only (kqueue).
    fn look_for_fault(&mut self) -> bool {
        let mut look = [PollFd::new(&self.socket, PollFlags::empty())];
        let found = poll(&mut look, Some(&Timespec::default())).is_ok_and(|count| count > 0);
        self.is_faulty = found;
        found
    }
}

/// Begins to connect to the first address from `next` on that does not fail at once; whether that has yet to be
/// completed.
fn connect_any(means: &Means, next: &mut usize) -> Option<(OwnedFd, bool)> {
    while let Some(address) = means.targets.get(*next) {
        *next += 1;
        let family = address.address_family();
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(target) = socket_with(family, SocketType::STREAM, flags, None) else {
            continue;
        };
        if target.as_raw_fd() >= means.bound {
            return None;
        }
        // Without it everything works as well, only later; unix sockets have none.
        let _slower = sockopt::set_tcp_nodelay(&target, true);
        match connect(&target, address) {
            Ok(()) => return Some((target, false)),
            Err(Errno::INPROGRESS | Errno::INTR) => return Some((target, true)),
            Err(_) => {}
        }
    }
    None
}
